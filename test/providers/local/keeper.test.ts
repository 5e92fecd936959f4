import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import type { Emit, EventBody } from '../../../src/core/events.ts';
import { runKeeper } from '../../../src/providers/local/keeper.ts';
import { readConfig } from '../../../src/providers/local/keeper/state.ts';
import { MARK_VARIABLE, RUN_VARIABLE, writeMark } from '../../../src/providers/local/layout.ts';
import type { CreateRequest, Observation } from '../../../src/providers/provider.ts';
import { endKeeper, httpServer, lives, localWorld, type LocalWorld } from './world.ts';

const running = ({ state }: Observation): boolean => state === 'running';

test('a keeper that was killed is told, and healed without touching what runs', async () => {
  const world = await kept();
  const web = world.service({ name: 'web', replicas: 3 });
  await world.provider.create(web, world.call);
  const before = await world.until(web, running);
  // The keeper tells before it notes: what it had no time to note is read again from the processes by the next one.
  await expect.poll(() => Object.values(world.instances()).map(({ state }) => state)).toEqual(['healthy', 'healthy', 'healthy']);
  await endKeeper(world);
  expect(await world.observe(world.keeper())).toMatchObject({ state: 'absent', reason: 'the keeper is not running' });
  expect(await world.observe(web)).toMatchObject({ state: 'running', reason: expect.stringContaining('the keeper is not running') });
  expect((await world.provider.enforcers(world.spin, world.call))[0]?.armed).toBe(false);
  await world.provider.create(world.keeper(), world.call);
  await world.provider.create(web, world.call);
  const after = await world.until(web, running);
  expect(pidsOf(after)).toEqual(pidsOf(before));
  expect(after.endpoints).toEqual(before.endpoints);
  process.kill(Number(pidsOf(after)[0]), 'SIGKILL');
  await world.until(web, (seen) => running(seen) && pidsOf(seen)[0] !== pidsOf(before)[0]);
  await gone(world, web);
  expect(world.pids()).toEqual([]);
});

test('a release revives a dead keeper', async () => {
  const world = await kept();
  const web = world.service({ name: 'web' });
  await world.provider.create(web, world.call);
  await world.until(web, running);
  await endKeeper(world);
  await gone(world, web);
  expect(world.pids()).toEqual([]);
  expect(await world.provider.release(world.keeper(), 1, world.call)).toBe('absent');
  expect(existsSync(world.folder.root)).toBe(false);
});

test('a process whose keeper died between its start and the note of it is found by its mark', async () => {
  const world = await kept();
  const web = world.service({ name: 'web' });
  await world.provider.create(web, world.call);
  const before = await world.until(web, running);
  await endKeeper(world);
  const document = JSON.parse(readFileSync(world.folder.instances, 'utf8'));
  const state = document.instances['web@1.1'];
  delete state.process;
  Object.assign(state, { state: 'starting' });
  writeFileSync(world.folder.instances, JSON.stringify(document));
  await world.provider.create(world.keeper(), world.call);
  expect(pidsOf(await world.until(web, running))).toEqual(pidsOf(before));
  expect(world.pids()).toHaveLength(1);
});

test('a marked process of an instance that nobody wants is ended by the next keeper', async () => {
  const world = await kept();
  const web = world.service({ name: 'web', run: 'exec sleep 1000', port: 'none', job: true });
  await world.provider.create(web, world.call);
  await world.until(web, ({ instances }) => instances[0]?.runsAs !== undefined);
  const mark = writeMark({
    state: world.options.stateTag,
    id: world.spin.id,
    incarnation: world.spin.incarnation,
    resource: 'service.old@1',
    instance: 'old@1.1',
  });
  const child = spawn('sleep', ['1000'], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, [MARK_VARIABLE]: mark, [RUN_VARIABLE]: '1' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await endKeeper(world);
  await world.provider.create(world.keeper(), world.call);
  await expect.poll(() => lives(child.pid ?? 0)).toBe(false);
});

test('a job that ended while no keeper watched is not run again', async () => {
  const world = await kept();
  const log = join(world.options.stateDir, 'ran');
  const job = world.service({ name: 'job', job: true, port: 'none', run: `sleep 0.5; echo x >> '${log}'` });
  await world.provider.create(job, world.call);
  await world.until(job, ({ instances }) => instances[0]?.runsAs !== undefined);
  await endKeeper(world);
  while (world.pids().length > 0) await systemClock.sleep(20);
  await world.provider.create(world.keeper(), world.call);
  await world.until(job, running);
  expect(readFileSync(log, 'utf8')).toBe('x\n');
});

test('of many keepers that start at once, one stays', async () => {
  const world = await kept();
  const [program, ...args] = world.options.keeperCommand;
  const others = Array.from({ length: 4 }, () =>
    spawn(program, [...args, world.folder.root], { stdio: 'ignore', env: { ...world.options.env } }),
  );
  const codes = await Promise.all(others.map((child) => new Promise((resolve) => child.once('exit', resolve))));
  expect(codes).toEqual([0, 0, 0, 0]);
  expect((await world.observe(world.keeper())).reason).toBe(`process ${world.keeperPid()}`);
});

test('SIGTERM ends the keeper and leaves the services', async () => {
  const world = await kept();
  const web = world.service({ name: 'web' });
  await world.provider.create(web, world.call);
  const before = await world.until(web, running);
  const keeper = world.keeperPid() ?? 0;
  process.kill(keeper, 'SIGTERM');
  while (lives(keeper)) await systemClock.sleep(10);
  expect(world.pids().map(String)).toEqual(pidsOf(before));
  await world.provider.create(world.keeper(), world.call);
  expect(pidsOf(await world.until(web, running))).toEqual(pidsOf(before));
});

test('a keeper that still runs something is not released', async () => {
  const world = await kept();
  const web = world.service({ name: 'web' });
  await world.provider.create(web, world.call);
  await expect(world.provider.release(world.keeper(), 1, world.call)).rejects.toMatchObject({ kind: 'conflict', class: 'keeper-in-use' });
  await world.until(web, running);
});

test('at the deadline the keeper runs spin down on its own incarnation', async () => {
  const world = localWorld({ selfCommand: ['/bin/sh', '-c', 'echo "$@" > "$HOME/down"; env > "$HOME/env"', 'sh'] });
  await world.provider.create(world.keeper(), world.call);
  await world.provider.enforce(world.spin, systemClock.now() + 300, 1, world.call);
  const note = join(world.options.stateDir, 'down');
  const env = join(world.options.stateDir, 'env');
  while (!existsSync(env) || readFileSync(env, 'utf8') === '') await systemClock.sleep(20);
  expect(readFileSync(note, 'utf8').trim()).toBe(`down web --incarnation ${world.spin.incarnation} --yes --expired --quiet`);
  expect(readFileSync(env, 'utf8')).not.toContain(MARK_VARIABLE);
  await world.provider.enforce(world.spin, systemClock.now() + 60_000, 1, world.call);
});

test('where spin down cannot be run at the deadline, the keeper ends everything by itself', async () => {
  const world = await kept();
  await world.provider.create(world.request('volume.data', { kind: 'volume', name: 'data', source: { from: 'empty' } }), world.call);
  await world.provider.create(
    world.request('secret.TOKEN', { kind: 'secret', name: 'TOKEN', source: { from: 'generate', length: 24 } }),
    world.call,
  );
  const web = world.service({
    name: 'web',
    run: `setsid sleep 1000 & exec ${httpServer()
      .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
      .join(' ')}`,
  });
  await world.provider.create(web, world.call);
  const before = await world.until(web, running);
  await endKeeper(world);

  const downs: (readonly string[])[] = [];
  const events: EventBody[] = [];
  const spawnSelf = (command: readonly string[]): Promise<number> => {
    downs.push(command);
    return Promise.resolve(1);
  };
  // Forty seconds a second, so that the minute of trying does not have to be waited for.
  const clock = fastClock(40);
  const end = await runHere(world, clock, (body) => void events.push(body), spawnSelf, clock.now() + 1_000);
  expect(end).toBe('expired');
  expect(downs.length).toBeGreaterThan(2);
  expect(events.find(({ type }) => type === 'spin.expired')?.data).toEqual({ enforcer: 'keeper', alone: true });
  expect(lives(Number(pidsOf(before)[0]))).toBe(false);
  expect(world.pids()).toEqual([]);
  expect(existsSync(world.folder.parent)).toBe(false);
});

test('two generations share a route while one follows the other, and no request fails', async () => {
  const world = await kept();
  const route = world.request('route.web', { kind: 'route', service: 'web', expose: { port: 'auto', host: '127.0.0.1' } });
  const generation = (number: number): { service: CreateRequest; registration: CreateRequest } => ({
    service: world.service({ name: 'web', replicas: 2 }, { generation: number }),
    registration: world.request(
      'registration.web',
      { kind: 'registration', service: 'web', route: 'route.web' },
      { generation: number, needs: [`service.web@${number}`, 'route.web@1'] },
    ),
  });
  const [one, two] = [generation(1), generation(2)];
  await world.provider.create(one.service, world.call);
  await world.until(one.service, running);
  await world.provider.create(route, world.call);
  await world.provider.create(one.registration, world.call);
  const url = (await world.until(route, running)).endpoints[0]?.url ?? '';
  await world.until(one.registration, running);

  const answers = new Set<string>();
  const over = new AbortController();
  const load = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        const response = await fetch(url);
        if (!response.ok) throw new Error(`status ${response.status}`);
        answers.add((await response.text()).split(' ')[0] ?? '');
      }
    }),
  );
  await world.provider.create(two.service, world.call);
  await world.until(two.service, running);
  await world.provider.create(two.registration, world.call);
  await world.until(two.registration, running);
  await gone(world, one.registration);
  await gone(world, one.service);
  answers.clear();
  await systemClock.sleep(100);
  over.abort();
  await load;
  expect([...answers].toSorted()).toEqual(['web@2.1', 'web@2.2']);

  await endKeeper(world);
  await world.provider.create(world.keeper(), world.call);
  expect((await world.until(route, running)).endpoints[0]?.url).toBe(url);
  await world.until(two.registration, running);
  expect((await fetch(url)).ok).toBe(true);
});

test('a command runs where and as the instance runs, and its logs can be read', async () => {
  const world = await kept();
  const web = world.service({ name: 'web', run: httpServer("console.log('hello from',process.env.SPIN_INSTANCE)") });
  await world.provider.create(web, world.call);
  await world.until(web, running);
  const { port } = (await world.observe(web)).endpoints[0] ?? {};
  const done = await world.provider.exec(
    world.spin,
    { instance: 'web@1.1', command: 'echo "$SPIN_INSTANCE $PORT"; exit 3', stdio: 'pipe' },
    world.call,
  );
  expect(done).toEqual({ exitCode: 3, stdout: `web@1.1 ${port}\n`, stderr: '' });
  const texts: string[] = [];
  while (texts.length === 0) {
    for await (const line of world.provider.logs(world.spin, { follow: false }, world.call)) texts.push(`${line.instance} ${line.text}`);
  }
  expect(texts).toEqual(['web@1.1 hello from web@1.1']);
});

function runHere(
  world: LocalWorld,
  clock: Clock,
  emit: Emit,
  spawnSelf: (command: readonly string[]) => Promise<number>,
  deadline: number,
) {
  const config = readConfig(world.folder.config);
  if (config === undefined) throw new Error('no keeper.json');
  const desired = JSON.parse(readFileSync(world.folder.desired, 'utf8'));
  writeFileSync(world.folder.desired, JSON.stringify({ ...desired, deadline }));
  return runKeeper({ config, clock, emit, env: world.options.env, spawnSelf, signal: new AbortController().signal });
}

function fastClock(factor: number): Clock {
  const from = systemClock.now();
  return { now: () => from + (systemClock.now() - from) * factor, sleep: (ms, signal) => systemClock.sleep(ms / factor, signal) };
}

async function kept(): Promise<LocalWorld> {
  const world = localWorld();
  await world.provider.create(world.keeper(), world.call);
  return world;
}

async function gone(world: LocalWorld, request: CreateRequest): Promise<void> {
  while ((await world.provider.release(request, 1, world.call)) !== 'absent') await world.provider.nextChange(world.spin, 500, world.call);
}

function pidsOf(observation: Observation): readonly (string | undefined)[] {
  return observation.instances.map(({ runsAs }) => runsAs);
}
