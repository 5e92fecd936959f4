import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { CreateRequest, Observation } from '../../../src/providers/provider.ts';
import { journalFile } from '../../../src/store/journal.ts';
import { endKeeper, httpServer, lives, localWorld, type LocalWorld } from './world.ts';

const running = ({ state }: Observation): boolean => state === 'running';
const failed = ({ failure }: Observation): boolean => failure !== undefined;

test('a process that left its session is found by its mark and ended', async () => {
  const world = await kept();
  const web = world.service({ name: 'web', run: `setsid setsid sleep 1000 & exec ${shell(httpServer())}` });
  await world.provider.create(web, world.call);
  await world.until(web, running);
  expect(world.pids()).toHaveLength(2);
  await gone(world, web);
  expect(world.pids()).toEqual([]);
});

test('a process that ignores the drain signal is killed after the drain timeout, with its whole group', async () => {
  const world = await kept();
  const drain = { signal: 'SIGTERM', timeoutMs: 300 } as const;
  const web = world.service({
    name: 'web',
    drain,
    run: `trap '' TERM; sleep 1000 & ${shell(httpServer("process.on('SIGTERM',()=>{})"))}; true`,
  });
  await world.provider.create(web, world.call);
  await world.until(web, running);
  await gone(world, web);
  expect(world.pids()).toEqual([]);
});

test('the drain hook runs in the environment of the instance, before the signal', async () => {
  const world = await kept();
  const note = join(world.options.stateDir, 'hook');
  const drain = {
    signal: 'SIGTERM',
    timeoutMs: 2_000,
    hook: { run: `curl -s "http://127.0.0.1:$PORT/" > '${note}'`, timeoutMs: 5_000 },
  } as const;
  const web = world.service({ name: 'web', drain });
  await world.provider.create(web, world.call);
  await world.until(web, running);
  await gone(world, web);
  expect(readFileSync(note, 'utf8')).toMatch(/^web@1\.1 \d+$/);
});

test('a pid that came round to another process is never touched', async () => {
  const world = await kept();
  const web = world.service({ name: 'web' });
  await world.provider.create(web, world.call);
  await world.until(web, running);
  const stranger = startStranger(['sleep', '1000']);
  await endKeeper(world);
  const document = JSON.parse(readFileSync(world.folder.instances, 'utf8'));
  const own = document.instances['web@1.1'].process.pid;
  document.instances['web@1.1'].process.pid = stranger.pid;
  writeFileSync(world.folder.instances, JSON.stringify(document));
  process.kill(own, 'SIGKILL');
  expect(await world.observe(web)).toMatchObject({ state: 'pending', reason: expect.stringContaining('the keeper is not running') });
  await gone(world, web);
  expect(lives(stranger.pid ?? 0)).toBe(true);
});

test('what died is started again, with its port', async () => {
  const world = await kept();
  const web = world.service({ name: 'web' });
  await world.provider.create(web, world.call);
  const before = (await world.until(web, running)).instances[0];
  process.kill(Number(before?.runsAs), 'SIGKILL');
  const after = (await world.until(web, (seen) => running(seen) && seen.instances[0]?.restarts === 1)).instances[0];
  expect(after?.address).toBe(before?.address);
  expect(after?.runsAs).not.toBe(before?.runsAs);
  expect(toldBy(world).filter((type) => type === 'instance.exited')).toHaveLength(1);
});

test('a crash loop is a failure with the last lines of the log, and the other instances go on', async () => {
  const world = await kept();
  const restart = { policy: 'always', max: 3, windowMs: 60_000 } as const;
  const web = world.service({
    name: 'web',
    replicas: 2,
    restart,
    run: `case $SPIN_INSTANCE in *.1) echo "no database"; exit 3;; esac; exec ${shell(httpServer())}`,
  });
  await world.provider.create(web, world.call);
  const seen = await world.until(web, (one) => failed(one) && one.instances[1]?.state === 'healthy');
  expect(seen.state).toBe('pending');
  expect(seen.failure).toEqual({
    class: 'crash-loop',
    message: 'web@1.1 ended 3 times within 1m, last: exit code 3',
    lastLines: Array(3).fill('no database'),
  });
});

test.for([
  ['a program that does not exist', ['no-such-program'], 'missing-command'],
  ['a shell command that does not exist', 'no-such-program --serve', 'missing-command'],
] as const)('%s fails at once', async ([, run, faultClass]) => {
  const world = await kept();
  const web = world.service({ name: 'web', run });
  await world.provider.create(web, world.call);
  expect((await world.until(web, failed)).failure?.class).toBe(faultClass);
});

test.for([
  ['a step that names no command', { run: 'no-such-step' }, 'missing-command'],
  ['a step that ends badly', { run: 'echo broken; exit 4' }, 'exit-nonzero'],
  ['a step that takes too long', { run: 'sleep 100', timeoutMs: 200 }, 'timeout'],
] as const)('%s fails the bootstrap with its class, and the service is not started', async ([, step, faultClass]) => {
  const world = await kept();
  const bootstrap = [
    { name: 'first', run: 'echo ready > "$SPIN_INSTANCE_DIR/first"', timeoutMs: 5_000 },
    { name: 'second', timeoutMs: 5_000, ...step },
  ];
  const web = world.service({ name: 'web', bootstrap });
  await world.provider.create(web, world.call);
  const { failure, instances } = await world.until(web, failed);
  expect(failure?.class).toBe(faultClass);
  expect(failure?.message).toContain('bootstrap step second');
  expect(instances[0]?.runsAs).toBeUndefined();
  expect(world.pids()).toEqual([]);
  expect(readFileSync(join(world.folder.scratch, 'web@1.1', 'first'), 'utf8')).toBe('ready\n');
});

test('a service that never opens its port, and one that never answers well, are told apart; both are left running', async () => {
  const world = await kept();
  const health = {
    probe: { type: 'http', path: '/' },
    intervalMs: 50,
    timeoutMs: 500,
    healthyAfter: 1,
    unhealthyAfter: 2,
    deadlineMs: 700,
  } as const;
  const deaf = world.service({ name: 'deaf', run: ['sleep', '1000'], health });
  const ill = world.service({
    name: 'ill',
    health,
    run: [process.execPath, '-e', "require('node:http').createServer((q,s)=>{s.statusCode=503;s.end()}).listen(process.env.PORT)"],
  });
  for (const request of [deaf, ill]) await world.provider.create(request, world.call);
  expect((await world.until(deaf, failed)).failure?.class).toBe('port-never-opened');
  const { failure } = await world.until(ill, failed);
  expect(failure).toMatchObject({
    class: 'health-never-passed',
    message: 'ill@1.1 did not become healthy within 700ms: GET / answered 503',
  });
  expect(world.pids()).toHaveLength(2);
});

test('asking again for what failed tries it again', async () => {
  const world = await kept();
  const flag = join(world.options.stateDir, 'flag');
  const web = world.service({ name: 'web', bootstrap: [{ name: 'wait', run: `test -e '${flag}'`, timeoutMs: 5_000 }] });
  await world.provider.create(web, world.call);
  await world.until(web, failed);
  writeFileSync(flag, '');
  await world.provider.create(web, world.call);
  expect((await world.until(web, running)).failure).toBeUndefined();
});

test('a leftover that answers on the fixed port does not fool the health check', async () => {
  const world = await kept();
  const leftover = createServer((_, response) => response.end('old'));
  const port = await new Promise<number>((resolve) => {
    leftover.listen(0, '127.0.0.1', () => {
      const address = leftover.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  onTestFinished(() => void leftover.close());
  const web = world.service({ name: 'web', port });
  await world.provider.create(web, world.call);
  expect((await world.until(web, failed)).failure?.class).toBe('port-taken');
});

test('an answer from a process that the service did not start counts for nothing', async () => {
  const world = await kept();
  // The listener has neither the session nor the mark of the instance: as if it had been there before.
  const run = `env -i PORT=$PORT setsid ${shell(httpServer())} & echo $! >> '${world.options.stateDir}/strangers'; exec sleep 1000`;
  const restart = { policy: 'always', max: 2, windowMs: 60_000 } as const;
  const web = world.service({ name: 'web', run, restart });
  onTestFinished(() => {
    for (const pid of readFileSync(join(world.options.stateDir, 'strangers'), 'utf8').trim().split('\n')) kill(Number(pid));
  });
  await world.provider.create(web, world.call);
  const { failure, instances } = await world.until(web, failed);
  expect(failure?.class).toBe('crash-loop');
  expect(instances[0]?.healthyAt).toBeUndefined();
});

test('an instance whose checks fail is taken for unhealthy, and for healthy again when they pass', async () => {
  const world = await kept();
  const flag = join(world.options.stateDir, 'ill');
  const run = [
    process.execPath,
    '-e',
    `require('node:http').createServer((q,s)=>{s.statusCode=require('node:fs').existsSync(process.argv[1])?500:200;s.end()}).listen(process.env.PORT)`,
    flag,
  ] as const;
  const web = world.service({ name: 'web', run });
  await world.provider.create(web, world.call);
  await world.until(web, running);
  writeFileSync(flag, '');
  expect((await world.until(web, ({ instances }) => instances[0]?.state === 'unhealthy')).state).toBe('pending');
  (await import('node:fs')).rmSync(flag);
  expect((await world.until(web, running)).instances[0]?.restarts).toBe(0);
});

test('an end that was planned, of what stays unhealthy or is released, is not told as one by itself', async () => {
  const world = await kept();
  const flag = join(world.options.stateDir, 'ill');
  const web = world.service({
    name: 'web',
    run: httpServer(`process.on('SIGTERM',()=>process.exit(0))`),
    health: {
      probe: { type: 'command', run: `test ! -e '${flag}'` },
      intervalMs: 50,
      timeoutMs: 5_000,
      healthyAfter: 1,
      unhealthyAfter: 1,
      deadlineMs: 500,
    },
  });
  await world.provider.create(web, world.call);
  await world.until(web, running);
  writeFileSync(flag, '');
  await world.until(web, ({ instances }) => instances[0]?.restarts === 1);
  rmSync(flag);
  await world.until(web, running);
  await gone(world, web);
  expect(toldBy(world)).toContain('instance.restarted');
  expect(toldBy(world)).not.toContain('instance.exited');
});

test('a job is ready when it ended with 0, and failed when it did not', async () => {
  const world = await kept();
  const job = { job: true, port: 'none', restart: { policy: 'never', max: 1, windowMs: 1_000 } } as const;
  const good = world.service({ name: 'good', ...job, run: 'echo done' });
  const bad = world.service({ name: 'bad', ...job, run: 'echo "cannot migrate"; exit 9' });
  for (const request of [good, bad]) await world.provider.create(request, world.call);
  expect((await world.until(good, running)).instances[0]?.state).toBe('exited');
  expect((await world.until(bad, failed)).failure).toMatchObject({ class: 'exit-nonzero', lastLines: ['cannot migrate'] });
  await gone(world, good);
});

test('more and fewer instances of a service start and end only the difference', async () => {
  const world = await kept();
  const web = world.service({ name: 'web' });
  await world.provider.create(web, world.call);
  const first = (await world.until(web, running)).instances[0]?.runsAs;
  const more = { ...web, count: 3 };
  await world.provider.create(more, world.call);
  expect((await world.until(more, (seen) => running(seen) && seen.instances.length === 3)).instances[0]?.runsAs).toBe(first);
  await world.provider.create(web, world.call);
  expect((await world.until(web, (seen) => running(seen) && seen.instances.length === 1)).instances[0]?.runsAs).toBe(first);
  expect(world.pids()).toHaveLength(1);
});

test('secrets reach a service by variable and by file, and nothing else that is written down', async () => {
  const world = await kept();
  const sources = { TOKEN: 'correct-horse-battery', KEY: 'staple-of-the-files' };
  for (const [name, value] of Object.entries(sources)) {
    writeFileSync(join(world.options.stateDir, name), value);
    const source = { from: 'file', path: join(world.options.stateDir, name) } as const;
    await world.provider.create(world.request(`secret.${name}`, { kind: 'secret', name, source }), world.call);
  }
  const secrets = [
    { secret: 'TOKEN', as: 'env', variable: 'TOKEN' },
    { secret: 'KEY', as: 'file', variable: 'KEY_FILE' },
  ] as const;
  const job = world.service({
    name: 'job',
    job: true,
    port: 'none',
    secrets,
    run: 'echo "$TOKEN and $(cat "$KEY_FILE")"; exit 1',
    restart: { policy: 'never', max: 1, windowMs: 1 },
  });
  await world.provider.create(job, world.call);
  const { failure } = await world.until(job, failed);
  expect(failure?.lastLines).toEqual([expect.stringMatching(/^\*+ and \*+$/)]);
  const written = ['desired.json', 'instances.json', 'keeper.json', 'keeper.log', 'logs/job@1.1.log']
    .map((file) => readFileSync(join(world.folder.root, file), 'utf8'))
    .join('');
  for (const value of Object.values(sources)) expect(written).not.toContain(value);
  expect(existsSync(join(world.folder.secrets, 'TOKEN'))).toBe(true);
});

test('what a command prints into a pipe comes back without the secrets of the spin', async () => {
  const world = await kept();
  const file = join(world.options.stateDir, 'token');
  writeFileSync(file, 'correct-horse-battery');
  const source = { from: 'file', path: file } as const;
  await world.provider.create(world.request('secret.TOKEN', { kind: 'secret', name: 'TOKEN', source }), world.call);
  const web = world.service({ name: 'web', secrets: [{ secret: 'TOKEN', as: 'env', variable: 'TOKEN' }] });
  await world.provider.create(web, world.call);
  await world.until(web, running);
  const command = 'echo "out $TOKEN"; echo "err $TOKEN" >&2; test "$TOKEN" = correct-horse-battery';
  const done = await world.provider.exec(world.spin, { instance: 'web@1.1', command, stdio: 'pipe' }, world.call);
  expect(done).toEqual({ exitCode: 0, stdout: 'out ***\n', stderr: 'err ***\n' });
});

async function kept(): Promise<LocalWorld> {
  const world = localWorld();
  await world.provider.create(world.keeper(), world.call);
  return world;
}

async function gone(world: LocalWorld, request: CreateRequest): Promise<void> {
  while ((await world.provider.release(request, 1, world.call)) !== 'absent') await world.provider.nextChange(world.spin, 500, world.call);
}

/** Types of the events that the keeper wrote into the journal. */
function toldBy({ options, spin }: LocalWorld): readonly string[] {
  const lines = readFileSync(journalFile(options.stateDir, spin.id, spin.incarnation), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => String(JSON.parse(line).type));
}

function startStranger([program, ...args]: readonly [string, ...string[]]): ChildProcess {
  const child = spawn(program, args, { stdio: 'ignore' });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    while (child.exitCode === null && child.signalCode === null) await systemClock.sleep(5);
  });
  return child;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

function shell(command: readonly string[]): string {
  return command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}
