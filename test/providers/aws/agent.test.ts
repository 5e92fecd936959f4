import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';
import type { BootFacts } from '../../../src/providers/aws/instances/user-data.ts';
import { hasPython, KEYS, machineWorld, type MachineWorld } from './machine-world.ts';
import { serviceSpec } from './world.ts';

const NASTY = 'a\'b"c`d$(touch gone)\\f\n${g}%h é 🦀 ;&|<>*?#~! \u0085\u2028';

describe.skipIf(!hasPython)('the agent on an instance', () => {
  test('runs the steps in order, starts the service, and says each on the console', async () => {
    const machine = await machineWorld(
      facts({
        bootstrap: [
          { name: 'first', run: 'echo one >> trace; echo "$SPIN_INSTANCE $GREETING" >> trace', timeoutMs: 5_000 },
          { name: 'second', run: ['sh', '-c', 'echo two >> trace'], timeoutMs: 5_000 },
        ],
        env: { GREETING: 'hello' },
        port: 'auto',
      }),
    );
    machine.metadata['meta-data/ami-launch-index'] = '1';
    expect((await machine.agent('boot')).code).toBe(0);
    expect(machine.file('work/trace')).toBe('one\nweb@1.5 hello\ntwo\n');
    expect(machine.console().map(({ step, ok, instance }) => `${step} ${ok} ${instance}`)).toEqual([
      'boot true web@1.5',
      'bootstrap/first true web@1.5',
      'bootstrap/second true web@1.5',
      'start true web@1.5',
    ]);
    expect(machine.file('console')).toMatch(/"trace":"0{32}"/);
    expect(machine.systemctl()).toEqual(['start --no-block spin-web.service']);
  });

  test('boots again without running the steps again', async () => {
    const machine = await machineWorld(facts({ bootstrap: [{ name: 'once', run: 'echo once >> trace', timeoutMs: 5_000 }] }));
    await machine.agent('boot');
    await machine.agent('boot');
    expect(machine.file('work/trace')).toBe('once\n');
  });

  test('gives commands and variables to the service as they are written, whatever stands in them', async () => {
    const machine = await machineWorld(facts({ run: ['printf', '%s|%s', NASTY, 'end'], env: { NASTY } }));
    await machine.agent('boot');
    expect((await machine.agent('run')).stdout).toBe(`${NASTY}|end`);
    const shown = await machine.agent('exec', [encoded(['sh', '-c', 'printf %s "$NASTY"'])]);
    expect(shown.stdout).toBe(NASTY);
    expect(machine.file('work/gone')).toBe('');
  });

  test('gives the service its facts, and a port that nothing overrides', async () => {
    const machine = await machineWorld(facts({ run: 'env', port: 4_000, env: { PORT: '1', SPIN_ID: 'kept-by-the-spec' } }));
    await machine.agent('boot');
    const env = (await machine.agent('run')).stdout.split('\n');
    expect(env).toEqual(
      expect.arrayContaining(['PORT=4000', 'SPIN_SERVICE=web', 'SPIN_INSTANCE=web@1.4', `TMPDIR=${join(machine.root, 'lib/scratch')}`]),
    );
  });

  test.each([
    ['exit-nonzero', 'echo out; echo err >&2; exit 3', 3, ['out', 'err']],
    ['missing-command', 'no-such-program', 127, [expect.stringContaining('no-such-program')]],
    ['missing-command', ['/no/such/program'], undefined, []],
    ['timeout', 'echo slow; sleep 60', undefined, ['slow']],
    ['killed', 'kill -9 $$', -9, []],
  ] as const)('a step that fails by %s ends the machine, and the console says why', async (kind, run, code, lastLines) => {
    const machine = await machineWorld(facts({ bootstrap: [{ name: 'bad', run, timeoutMs: 700 }] }));
    expect((await machine.agent('boot')).code).toBe(1);
    expect(machine.console().at(-1)).toMatchObject({ step: 'bootstrap/bad', ok: false, class: kind, lastLines });
    expect(machine.console().at(-1)?.code).toBe(code);
    expect(machine.systemctl()).toEqual(['poweroff']);
  });

  test('reads secrets with the role of the instance, signed as AWS asks, and never tells them', async () => {
    const secrets = [
      { secret: 'db', as: 'env', variable: 'DB_PASSWORD' },
      { secret: 'key', as: 'file', variable: 'KEY_FILE' },
    ] as const;
    const step = { name: 'leak', run: 'echo "password $DB_PASSWORD"; cat "$KEY_FILE"; exit 1', timeoutMs: 5_000 };
    const machine = await machineWorld({ ...facts({ secrets, bootstrap: [step] }), parameters: { db: '/spin/db/1', key: '/spin/key/1' } });
    withRole(machine);
    machine.parameters['/spin/db/1'] = 'hunter2-and-more';
    machine.parameters['/spin/key/1'] = 'line one\nline two "quoted"';
    await machine.agent('boot');
    expect(machine.console().at(-1)).toMatchObject({ class: 'exit-nonzero', lastLines: ['password ***', '***'] });
    expect(machine.file('console')).not.toContain('hunter2');
    const [request] = machine.asked;
    expect(JSON.parse(request?.body ?? '')).toEqual({ Names: ['/spin/db/1', '/spin/key/1'], WithDecryption: true });
    expect(request?.headers.authorization).toBe(signatureOf(request?.headers ?? {}, request?.body ?? ''));
  });

  /** A machine up to its service, whose secrets are a word that URLs and JSON escape, and a file of several lines. */
  async function trusted(): Promise<MachineWorld> {
    const secrets = [
      { secret: 'db', as: 'env', variable: 'DB_PASSWORD' },
      { secret: 'key', as: 'file', variable: 'KEY_FILE' },
    ] as const;
    const run = 'echo "I am $DB_PASSWORD"; cat "$KEY_FILE"; exit 3';
    const machine = await machineWorld({ ...facts({ secrets, run }), parameters: { db: '/spin/db/1', key: '/spin/key/1' } });
    withRole(machine);
    machine.parameters['/spin/db/1'] = WORD;
    machine.parameters['/spin/key/1'] = FILE;
    await machine.agent('boot');
    return machine;
  }

  const WORD = 'hunter2 "é" & more';
  const FILE = `-----BEGIN-----\n${Array.from({ length: 40 }, (_, line) => `row ${line} of the key`).join('\n')}\n-----END-----\n`;

  test('puts stars for secrets in what a command prints, however it is written, and tells its exit code', async () => {
    const machine = await trusted();
    const written = [
      WORD,
      JSON.stringify(WORD).slice(1, -1),
      encodeURIComponent(WORD),
      WORD.replace('é', '\\u00e9').replaceAll('"', '\\"'),
    ];
    const ask = (run: unknown) => machine.agent('exec', [encoded(run), 'masked']);
    const shown = await ask(['sh', '-c', 'printf "%s\\n" "$@"; cat "$KEY_FILE" >&2; exit 3', 'sh', ...written]);
    expect(shown).toMatchObject({ code: 3, stdout: '***\n***\n***\n***\n' });
    expect(shown.stderr).toBe('***');
    // In one write, of which 64 KiB go into the pipe at once: the value is in two pieces.
    const long = '{ head -c 65530 /dev/zero | tr "\\0" x; printf %s "$DB_PASSWORD"; } > long; dd if=long bs=1M status=none';
    expect((await ask(long)).stdout).toBe(`${'x'.repeat(65_530)}***`);
    expect(await ask('kill -9 $$')).toMatchObject({ code: 137 });
    expect(await ask(['no-such-program'])).toMatchObject({ code: 127, stderr: expect.stringContaining('no-such-program') });
    expect((await machine.agent('exec', [encoded('echo "$DB_PASSWORD"')])).stdout).toBe(`${WORD}\n`);
  });

  test('does not wait for what a command leaves behind it', async () => {
    const machine = await trusted();
    const { code, stdout } = await machine.agent('exec', [encoded('sleep 1000 & echo $!'), 'masked']);
    expect([code, process.kill(Number(stdout), 'SIGKILL')]).toEqual([0, true]);
  });

  test('puts stars for secrets in its journal, and in the last lines of a service that failed', async () => {
    const machine = await trusted();
    await machine.agent('run');
    const answer = await machine.agent('logs', [encoded({})]);
    const { lines } = JSON.parse(gunzipSync(Buffer.from(answer.stdout, 'base64')).toString()) as { lines: readonly [number, string][] };
    expect(lines).toHaveLength(43);
    expect(lines.slice(0, 3).map(([, text]) => text)).toEqual(['I am ***', '***', '***']);
    expect(new Set(lines.slice(1).map(([, text]) => text))).toEqual(new Set(['***']));
    await machine.agent('ended', [], { EXIT_CODE: 'exited', EXIT_STATUS: '3' });
    await machine.agent('given-up');
    // Of the file only the end is read.
    expect(machine.console().at(-1)).toMatchObject({ step: 'given-up', lastLines: Array.from({ length: 20 }, () => '***') });
  });

  test('gives up on secrets that are not there', async () => {
    const secrets = [{ secret: 'db', as: 'env', variable: 'DB_PASSWORD' }] as const;
    const machine = await machineWorld({ ...facts({ secrets }), parameters: { db: '/spin/db/1' } }, 0);
    withRole(machine);
    await machine.agent('boot');
    expect(machine.console().at(-1)).toMatchObject({ step: 'secrets', ok: false, class: 'secret-unresolved' });
  });

  test('gives up on a disk that is never attached', async () => {
    const machine = await machineWorld(
      { ...facts({ volumes: [{ volume: 'data', variable: 'DATA_DIR' }] }), disks: { data: 'vol-0abc' } },
      0,
    );
    await machine.agent('boot');
    expect(machine.console().at(-1)).toMatchObject({
      step: 'volume/data',
      class: 'volume-missing',
      message: expect.stringContaining('vol-0abc'),
    });
  });

  test.each([
    [{ policy: 'always', max: 3, windowMs: 1_000 }, { EXIT_CODE: 'exited', EXIT_STATUS: '3' }, 'crash-loop'],
    [{ policy: 'never', max: 3, windowMs: 1_000 }, { EXIT_CODE: 'exited', EXIT_STATUS: '3' }, 'exit-nonzero'],
    [{ policy: 'never', max: 3, windowMs: 1_000 }, { EXIT_CODE: 'killed', EXIT_STATUS: 'SEGV' }, 'killed'],
    [{ policy: 'always', max: 3, windowMs: 1_000 }, { EXIT_CODE: 'exited', EXIT_STATUS: '127' }, 'missing-command'],
  ] as const)('a service that is not started again (%j, %j) failed by %s', async (restart, ending, kind) => {
    const machine = await machineWorld(facts({ restart }));
    await machine.agent('boot');
    await machine.agent('ended', [], ending);
    await machine.agent('given-up');
    expect(machine.console().slice(-2)).toMatchObject([
      { step: 'exit', ok: false },
      { step: 'given-up', ok: false, class: kind },
    ]);
  });

  test('a job that ended with 0 is done, and a service that did has failed where nothing starts it again', async () => {
    const ended = { EXIT_CODE: 'exited', EXIT_STATUS: '0' };
    const job = await machineWorld(facts({ job: true, restart: { policy: 'never', max: 1, windowMs: 1_000 } }));
    await job.agent('boot');
    await job.agent('ended', [], ended);
    expect(job.console().at(-1)).toMatchObject({ step: 'exit', ok: true, code: 0 });
    const service = await machineWorld(facts({ restart: { policy: 'on-failure', max: 1, windowMs: 1_000 } }));
    await service.agent('boot');
    await service.agent('ended', [], ended);
    expect(service.console().at(-1)).toMatchObject({ step: 'given-up', class: 'exited' });
  });

  test('drains with its hook when it is stopped, and only then', async () => {
    const hook = { run: 'echo "drained $SPIN_INSTANCE" >> trace', timeoutMs: 2_000 };
    const machine = await machineWorld(facts({ drain: { signal: 'SIGTERM', timeoutMs: 1_000, hook } }));
    await machine.agent('boot');
    await machine.agent('hook');
    expect(machine.file('work/trace')).toBe('');
    await machine.agent('hook', [], { MAINPID: '1' });
    expect(machine.file('work/trace')).toBe('drained web@1.4\n');
    // What was asked to stop has not failed.
    const before = machine.console().length;
    await machine.agent('ended', [], { EXIT_CODE: 'killed', EXIT_STATUS: 'TERM' });
    expect(machine.console()).toHaveLength(before);
  });
});

describe.skipIf(!hasPython)('the timer on an instance', () => {
  const past = '2020-01-01T00:00:00.000Z';
  const future = '2090-01-01T00:00:00.000Z';

  test('ends the machine when its own tag says so, and says that on the console', async () => {
    const machine = await machineWorld({ ...facts({}), deadline: Date.UTC(2090, 0, 1) });
    machine.metadata['meta-data/tags/instance/spin:deadline'] = past;
    await machine.deadline();
    expect(machine.systemctl()).toEqual(['poweroff']);
    expect(machine.console()).toMatchObject([{ spin: 'web', step: 'deadline' }]);
  });

  test('follows the tag when it moves', async () => {
    const machine = await machineWorld({ ...facts({}), deadline: Date.UTC(2020, 0, 1) });
    machine.metadata['meta-data/tags/instance/spin:deadline'] = future;
    await machine.deadline();
    expect(machine.systemctl()).toEqual([]);
  });

  test('goes by what it read last where the metadata does not answer, and first by what it was launched with', async () => {
    const machine = await machineWorld({ ...facts({}), deadline: Date.UTC(2020, 0, 1) });
    machine.metadata['meta-data/tags/instance/spin:deadline'] = future;
    await machine.deadline();
    delete machine.metadata['meta-data/tags/instance/spin:deadline'];
    await machine.deadline();
    expect(machine.systemctl()).toEqual([]);
    const other = await machineWorld({ ...facts({}), deadline: Date.UTC(2020, 0, 1) });
    await other.deadline();
    expect(other.systemctl()).toEqual(['poweroff']);
  });

  const unanswered = { SPIN_IMDS: 'http://127.0.0.1:1' };

  test('goes by what it read last after a reboot too, however long the metadata service takes', async () => {
    const machine = await machineWorld({ ...facts({}), deadline: Date.UTC(2020, 0, 1) });
    machine.metadata['meta-data/tags/instance/spin:deadline'] = future;
    await machine.deadline();
    rmSync(join(machine.root, 'run'), { recursive: true });
    await machine.deadline(unanswered);
    expect(machine.systemctl()).toEqual([]);
  });

  test('goes by its launch where an image brought along what another machine read', async () => {
    const machine = await machineWorld({ ...facts({}), deadline: Date.UTC(2090, 0, 1) });
    writeFileSync(join(machine.root, 'lib/tags'), `spin:deadline=${past}\n`);
    utimesSync(join(machine.root, 'lib/tags'), 1, 1);
    await machine.deadline(unanswered);
    expect(machine.systemctl()).toEqual([]);
  });

  test('ends the machine by its launch where what it read is damaged', async () => {
    const machine = await machineWorld({ ...facts({}), deadline: Date.UTC(2020, 0, 1) });
    writeFileSync(join(machine.root, 'lib/tags'), '');
    await machine.deadline(unanswered);
    expect(machine.systemctl()).toEqual(['poweroff']);
  });

  test('is held back by a keep tag that it has read, though the metadata service does not answer', async () => {
    const machine = await machineWorld(facts({}));
    machine.metadata['meta-data/tags/instance/spin:deadline'] = past;
    machine.metadata['meta-data/tags/instance/keep'] = 'not a day';
    await machine.deadline();
    await machine.deadline(unanswered);
    expect(machine.systemctl()).toEqual([]);
    delete machine.metadata['meta-data/tags/instance/keep'];
    await machine.deadline();
    expect(machine.systemctl()).toEqual(['poweroff']);
  });

  test('needs no curl', async () => {
    const machine = await machineWorld({ ...facts({}), deadline: Date.UTC(2090, 0, 1) });
    writeFileSync(join(machine.root, 'bin/curl'), '#!/bin/sh\nexit 127\n', { mode: 0o755 });
    machine.metadata['meta-data/tags/instance/spin:deadline'] = past;
    await machine.deadline();
    expect(machine.systemctl()).toEqual(['poweroff']);
  });

  test.each([
    ['2090-06-01', []],
    ['2020-01-01', ['poweroff']],
    ['not a day', []],
    ['yesterday', []],
    ['2020-02-30', []],
  ])('is held back by a keep tag of %s', async (keep, asked) => {
    const machine = await machineWorld(facts({}));
    machine.metadata['meta-data/tags/instance/spin:deadline'] = past;
    machine.metadata['meta-data/tags/instance/keep'] = keep;
    await machine.deadline();
    expect(machine.systemctl()).toEqual(asked);
  });
});

function withRole(machine: MachineWorld): void {
  machine.metadata['meta-data/iam/security-credentials/'] = 'spin-web';
  machine.metadata['meta-data/iam/security-credentials/spin-web'] = JSON.stringify(KEYS);
}

/** The signature that AWS would compute, by its own description and with other code than the agent's. */
function signatureOf(headers: IncomingHttpHeaders, body: string): string {
  const date = String(headers['x-amz-date']);
  const names = ['content-type', 'host', 'x-amz-date', 'x-amz-security-token', 'x-amz-target'];
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const canonical = ['POST', '/', '', ...names.map((name) => `${name}:${String(headers[name])}`), '', names.join(';'), hash(body)].join(
    '\n',
  );
  const scope = `${date.slice(0, 8)}/eu-central-1/ssm/aws4_request`;
  const key = scope
    .split('/')
    .reduce<string | Buffer>((secret, part) => createHmac('sha256', secret).update(part).digest(), `AWS4${KEYS.SecretAccessKey}`);
  const signature = createHmac('sha256', key)
    .update(`AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical)}`)
    .digest('hex');
  return `AWS4-HMAC-SHA256 Credential=${KEYS.AccessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
}

function encoded(command: unknown): string {
  return Buffer.from(JSON.stringify(command)).toString('base64');
}

function facts(service: Partial<BootFacts['service']>): BootFacts {
  return {
    spin: { id: parseSpinId('web'), incarnation: makeIncarnation(0), trace: '0'.repeat(32) },
    key: 'service.web@1',
    service: serviceSpec({ name: 'web', ...service }),
    baseDir: '/srv/project',
    region: 'eu-central-1',
    deadline: Date.UTC(2030, 0, 1),
    ordinals: [4, 5],
    parameters: {},
    disks: {},
  };
}
