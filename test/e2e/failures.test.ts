import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { LsOutcome, StatusOutcome, UpOutcome } from '../../src/app/outcomes.ts';
import { fixture, kill, project, until } from './project.ts';

const SERVER = JSON.stringify(fixture('e2e-server.cjs'));
const spec = (service: string, name = 'shop') => `name: ${name}\nttl: 1h\nservices:\n  web: ${service}\n`;

interface FaultData {
  readonly fault: { readonly class: string; readonly message: string; readonly lastLines?: readonly string[] };
}

test.each([
  ['a program that the shell does not find', '{ run: no-such-program --serve, health: { alive: 50ms } }', 'missing-command'],
  ['a step that names no command', '{ run: sleep 100, bootstrap: [no-such-step], health: { alive: 50ms } }', 'missing-command'],
  ['a step that ends badly', '{ run: sleep 100, bootstrap: ["echo cannot migrate; exit 4"], health: { alive: 50ms } }', 'exit-nonzero'],
  ['a step that takes too long', '{ run: sleep 100, bootstrap: [{ run: sleep 50, timeout: 150ms }], health: { alive: 50ms } }', 'timeout'],
  ['a service that never listens', '{ run: sleep 100, port: auto, health: { tcp: true, deadline: 400ms } }', 'port-never-opened'],
  [
    'a service that answers wrongly',
    `{ run: [node, ${SERVER}], health: { http: /healthz, status: 204, interval: 50ms, deadline: 1500ms } }`,
    'health-never-passed',
  ],
  ['a service that ends again and again', '{ run: "echo no database; exit 3", health: { alive: 5s }, restart: { max: 2 } }', 'crash-loop'],
  ['a job that ends badly', '{ run: "echo sum mismatch; exit 9", job: true }', 'exit-nonzero'],
] as const)('%s fails the up with its class, and the rollback leaves nothing', async (_what, service, faultClass) => {
  const here = project();
  here.spec(spec(service));
  const { exit, error } = await here.json(['up']);
  expect(exit).toBe(1);
  expect(error).toMatchObject({ code: 'resource-failed', data: { fault: { class: faultClass }, rolledBack: true } });
  const said = /echo ([a-z ]+);/.exec(service)?.[1];
  if (said !== undefined) expect((error.data as unknown as FaultData).fault.lastLines).toContain(said);
  expect(here.leftovers()).toEqual([]);
});

test('a failed up that is kept can be looked at, mended and gone on with', async () => {
  const here = project();
  const other = '{ run: "exec sleep 1000", health: { alive: 20ms } }';
  here.spec(`${spec('{ run: "echo needs more thought; exit 3", health: { alive: 3s }, restart: { max: 2 } }')}  other: ${other}\n`);
  const failed = await here.run(['up', '--on-failure', 'keep']);
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  expect(failed.stderr).toContain('crash-loop');
  expect(failed.stderr).toContain('needs more thought');
  expect((await here.json<StatusOutcome>(['status'])).result).toMatchObject({ state: 'failed', failure: { class: 'crash-loop' } });
  expect((await here.run(['logs', 'shop', 'web'])).stdout).toContain('needs more thought');
  const kept = here.services().find(({ instance }) => instance === 'other@1.1')?.pid;

  here.spec(`${spec(`{ run: [node, ${SERVER}], health: { http: /healthz, interval: 50ms } }`)}  other: ${other}\n`);
  const up = await here.json<UpOutcome>(['up']);
  expect(up.result).toMatchObject({ state: 'up' });
  expect(here.services().find(({ instance }) => instance?.startsWith('other'))?.pid).toBe(kept);
});

test('a change that fails leaves what ran before, with rollback', async () => {
  const here = project();
  const good = `{ run: [node, ${SERVER}], expose: auto, env: { LEVEL: good }, health: { http: /healthz, interval: 50ms } }`;
  here.spec(spec(good));
  const { result } = await here.json<UpOutcome>(['up']);
  here.spec(spec(good.replace('LEVEL: good', 'LEVEL: bad').replace('http: /healthz', 'http: /healthz, status: 404, deadline: 800ms')));
  expect((await here.json(['up', '--on-failure', 'rollback'])).error).toMatchObject({ data: { fault: { class: 'health-never-passed' } } });
  expect(here.services().map(({ instance }) => instance)).toEqual(['web@1.1']);
  const answer = (await (await fetch(result.endpoints.find(({ via }) => via === 'route')?.url ?? '')).json()) as { level: string };
  expect(answer.level).toBe('good');
  here.spec(spec(good));
  expect((await here.json<UpOutcome>(['up'])).result).toMatchObject({ state: 'up' });
  expect((await here.json<LsOutcome>(['ls'])).result.spins).toMatchObject([{ state: 'up' }]);
});

test('--timeout ends a wait, with exit code 1 and nothing left', async () => {
  const here = project();
  here.spec(spec('{ run: sleep 100, port: auto, health: { tcp: true } }'));
  expect(await here.json(['up', '--timeout', '900ms'])).toMatchObject({ exit: 1, error: { code: 'timeout' } });
  expect(here.leftovers()).toEqual([]);
});

test('a fixed port that is in use is told before anything is made', async () => {
  const here = project();
  const leftover = createServer((_request, response) => response.end('old'));
  onTestFinished(() => void leftover.close());
  await new Promise<void>((done) => leftover.listen(0, '127.0.0.1', done));
  const { port } = leftover.address() as AddressInfo;
  here.spec(spec(`{ run: [node, ${SERVER}], port: ${port}, health: { http: / } }`));
  expect((await here.json(['up'])).error).toMatchObject({
    code: 'preflight-failed',
    message: expect.stringContaining(`${port} is in use`),
  });
  expect(here.leftovers()).toEqual([]);
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('old');
});

test('a process of nobody that answers on the port of a service does not pass for it', async () => {
  const here = project();
  // It comes after the preflight and has neither session nor mark of the instance, just as a leftover of an earlier run.
  const stranger = `env -i PORT="$PORT" setsid "$(command -v node)" ${fixture('e2e-server.cjs')} > stranger.log 2>&1 & echo $! > stranger.pid; until grep -q listening stranger.log; do sleep 0.02; done`;
  onTestFinished(() => void process.kill(Number(readFileSync(join(here.dir, 'stranger.pid'), 'utf8')), 'SIGKILL'));
  const port = await freePort();
  const service = {
    port,
    run: ['node', fixture('e2e-server.cjs')],
    bootstrap: [stranger],
    health: { http: '/healthz', interval: '20ms', deadline: '3s' },
    restart: { max: 2 },
  };
  here.spec(spec(JSON.stringify(service)));
  const { error } = await here.json(['up']);
  expect(['crash-loop', 'port-taken']).toContain((error.data as unknown as FaultData).fault.class);
  expect(here.journal('shop').map(({ type }) => type)).not.toContain('instance.healthy');
  expect(here.leftovers()).toEqual([]);
});

test('a crash loop after everything was healthy shows in ls without anyone having asked', async () => {
  const here = project();
  here.spec(
    `${spec('{ run: \'echo "flag is gone"; test -e flag && exec sleep 1000; exit 5\', health: { alive: 100ms }, restart: { max: 2 } }')}  other: { run: "exec sleep 1000", health: { alive: 20ms } }\n`,
  );
  here.write('flag', '');
  await here.ok(['up']);
  await here.run(['exec', 'shop', 'web', '--', 'rm', join(here.dir, 'flag')]);
  expect(existsSync(join(here.dir, 'flag'))).toBe(false);
  const web = here.services().find(({ instance }) => instance === 'web@1.1');
  kill(web);
  await until(() => here.record('shop')?.failure !== undefined, 'the failure is in the record', 20_000);
  expect(here.record('shop')?.failure).toMatchObject({ class: 'crash-loop', lastLines: expect.arrayContaining(['flag is gone']) });
  expect((await here.json<LsOutcome>(['ls'])).result.spins).toMatchObject([{ state: 'degraded' }]);
  here.write('flag', '');
  expect((await here.json<UpOutcome>(['up'])).result).toMatchObject({ state: 'up' });
});

test('an unknown provider, a working directory that is not there, and a volume without its source are told before anything is made', async () => {
  const here = project();
  here.spec(`provider: mars\n${spec('{ run: sleep 1 }')}`);
  expect((await here.json(['up'])).exit).toBe(2);
  here.spec(spec('{ run: sleep 1, dir: nowhere }'));
  expect((await here.json(['up'])).ok).toBe(false);
  here.spec(`volumes: { data: { archive: none.tar.gz } }\n${spec('{ run: sleep 1, volumes: [data] }')}`);
  expect((await here.json(['up'])).ok).toBe(false);
  expect(here.leftovers()).toEqual([]);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
