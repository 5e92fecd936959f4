import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Health } from '../../../src/spec/spec.ts';
import { observeServices } from '../../../src/providers/aws/instances/observe-instances.ts';
import { openRegion } from '../../../src/providers/aws/region.ts';
import type { Target } from '../../../src/providers/provider.ts';
import { awsWorld, launch } from './world.ts';

/** Every instance of the double has the address on which the test listens. */
const HERE = { privateCidr: '127.0.0.1/32', publicCidr: '127.0.0.2/32' };

describe('the health of an instance', () => {
  test('is what its address answers, and its endpoint is that address', async () => {
    const web = await webServer();
    const world = await awsWorld({ ec2: HERE });
    web.status = 503;
    const service = await launch(world, world.service({ name: 'web', port: web.port, health: http({ healthyAfter: 2 }) }));
    expect(await world.until(service, ({ reason }) => reason.includes('503'))).toMatchObject({
      state: 'pending',
      instances: [{ state: 'starting' }],
    });
    web.status = 200;
    const seen = await world.until(service, ({ state }) => state === 'running');
    expect(seen.endpoints).toEqual([
      { service: 'web', via: 'instance', host: '127.0.0.1', port: web.port, url: `http://127.0.0.1:${web.port}` },
    ]);
    expect(web.asked.filter((path) => path === '/ready').length).toBeGreaterThanOrEqual(3);
    expect(world.events.map(({ type }) => type)).toEqual(expect.arrayContaining(['instance.started', 'instance.healthy']));
  });

  test('is told by another process only of machines that its service was not ready with', async () => {
    const web = await webServer();
    const world = await awsWorld({ ec2: HERE });
    const service = await launch(world, world.service({ name: 'web', port: web.port, health: http({}) }));
    const { handle } = await world.until(service, ({ state }) => state === 'running');
    const told = () => world.events.splice(0).filter(({ instance }) => instance !== undefined);
    expect(told().map(({ type, instance }) => `${instance} ${type}`)).toEqual(['web@1.1 instance.started', 'web@1.1 instance.healthy']);
    const ready: Target = { ...service, ...(handle === undefined ? {} : { handle }) };
    const look = async (target: Target) => (await world.another().observe([target], world.call)).get(target.key);
    expect(await look(ready)).toMatchObject({ state: 'running' });
    expect(told()).toEqual([]);
    // One that is new beside it is news, as is all of a service that nobody saw ready.
    await world.another().create({ ...service, count: 2 }, world.call);
    await expect.poll(() => look({ ...ready, count: 2 })).toMatchObject({ state: 'running' });
    expect([...new Set(told().map(({ instance }) => instance))]).toEqual(['web@1.2']);
    await look({ ...service, count: 2 });
    expect(told().map(({ instance }) => instance)).toContain('web@1.1');
  });

  test('is lost only after as many failures as the spec says', async () => {
    const web = await webServer();
    const world = await awsWorld({ ec2: HERE });
    const service = await launch(
      world,
      world.service({ name: 'web', port: web.port, health: http({ unhealthyAfter: 3, intervalMs: 20 }) }),
    );
    await world.until(service, ({ state }) => state === 'running');
    const from = web.asked.length;
    web.status = 500;
    await world.until(service, ({ state }) => state === 'pending');
    expect(web.asked.length - from).toBeGreaterThanOrEqual(3);
  });

  test('is asked for no more often than its interval', async () => {
    const web = await webServer();
    const world = await awsWorld({ ec2: HERE });
    const service = await launch(world, world.service({ name: 'web', port: web.port, health: http({ intervalMs: 60_000 }) }));
    await world.until(service, ({ state }) => state === 'running');
    for (let look = 0; look < 10; look++) await world.observe(service);
    expect(web.asked).toHaveLength(1);
  });

  test('of a machine that must have been healthy long ago is told by one pass', async () => {
    const web = await webServer();
    const world = await awsWorld({ ec2: HERE });
    const service = await launch(
      world,
      world.service({ name: 'web', port: web.port, health: http({ healthyAfter: 5, intervalMs: 60_000 }) }),
    );
    await world.ec2.advance(600_000);
    expect((await world.observe(service, world.another())).state).toBe('running');
  });

  test('can be checked over the public address, or by a connection alone', async () => {
    const web = await webServer('127.0.0.2');
    const world = await awsWorld({ ec2: HERE });
    const cloud = { instanceTypes: [], spot: false, address: 'public' } as const;
    const health: Health = { ...http({}), probe: { type: 'tcp' } };
    const service = await launch(world, world.service({ name: 'web', port: web.port, health, cloud }));
    const seen = await world.until(service, ({ state }) => state === 'running');
    expect(seen.endpoints).toEqual([{ service: 'web', via: 'instance', host: '127.0.0.2', port: web.port }]);
  });

  test.each([
    ['port-never-opened', false],
    ['health-never-passed', true],
  ])('that does not come in time is a failure of class %s', async (kind, listens) => {
    const web = await webServer();
    web.status = 500;
    if (!listens) await web.close();
    const world = await awsWorld({ ec2: HERE });
    const service = await launch(world, world.service({ name: 'web', port: web.port, health: http({ deadlineMs: 200 }) }));
    await world.until(service, ({ instances }) => instances[0]?.state === 'starting');
    await world.ec2.advance(120_000);
    const seen = await world.until(service, ({ failure }) => failure !== undefined);
    expect(seen.failure?.class).toBe(kind);
  });
});

describe('what only the instance can tell', () => {
  const line = (said: object) => `noise\r\nspin: ${JSON.stringify({ v: 1, spin: 'web', trace: '0', instance: 'web@1.1', ...said })}\r\n`;

  test('a job is done when its console says that it ended with 0', async () => {
    const world = await awsWorld();
    const job = await launch(world, world.service({ name: 'seed', job: true }));
    const [machine] = world.living();
    expect((await world.observe(job)).reason).toContain('waiting for its first line on the console');
    world.ec2.outside.print(machine?.id ?? '', line({ step: 'boot', ok: true }) + line({ step: 'start', ok: true }));
    await world.until(job, ({ reason }) => reason.includes('the job runs'));
    world.ec2.outside.print(machine?.id ?? '', line({ step: 'start', ok: true }) + line({ step: 'exit', ok: true, code: 0 }));
    expect(await world.until(job, ({ state }) => state === 'running')).toMatchObject({ instances: [{ state: 'exited' }] });
  });

  test('a health command speaks through the console', async () => {
    const world = await awsWorld();
    const health: Health = { ...http({}), probe: { type: 'command', run: 'true' } };
    const web = await launch(world, world.service({ name: 'web', health }));
    const id = world.living()[0]?.id ?? '';
    world.ec2.outside.print(id, line({ step: 'health', ok: false, message: 'the health command ended with exit code 1' }));
    await world.until(web, ({ reason }) => reason.includes('exit code 1'));
    world.ec2.outside.print(id, line({ step: 'health', ok: false }) + line({ step: 'health', ok: true }));
    expect((await world.until(web, ({ state }) => state === 'running')).instances).toMatchObject([{ state: 'healthy' }]);
  });

  test('a service is alive from its start on the machine on, and not where it was given up', async () => {
    const world = await awsWorld();
    const health: Health = { ...http({}), probe: { type: 'alive', forMs: 5_000 } };
    const web = await launch(world, world.service({ name: 'web', health }));
    const id = world.living()[0]?.id ?? '';
    // As on AWS itself: the machines of an endpoint that the environment names do not boot.
    const region = openRegion({ ...world.cloud, options: { ...world.options, env: {} } }, world.call);
    const look = async (target: Target = web) => {
      await world.ec2.advance(20_000);
      const [seen] = (await observeServices(region, undefined, [target], world.call)).values();
      return seen?.failure?.class ?? seen?.instances[0]?.state;
    };
    const saying = async (...lines: readonly object[]) => {
      const now = world.call.clock.now() + 20_000;
      world.ec2.outside.print(id, lines.map((said) => line({ at: now, ...said })).join(''));
      return look();
    };
    const start = { step: 'start', ok: true };
    expect(await look()).toBe('bootstrapping');
    expect(await saying(start)).toBe('starting');
    expect(await look()).toBe('healthy');
    expect(await saying({ ...start, at: 0 }, { step: 'exit', ok: false, class: 'exit-nonzero' })).toBe('starting');
    expect(await look()).toBe('healthy');
    expect(await saying({ ...start, at: 0 }, { step: 'given-up', ok: false, class: 'crash-loop', message: 'too often' })).toBe(
      'crash-loop',
    );

    world.ec2.outside.print(id, 'nothing but the kernel');
    const others = openRegion({ ...world.cloud, options: { ...world.options, env: {} } }, world.call);
    const [lost] = (await observeServices(others, undefined, [web], world.call)).values();
    expect(lost?.instances[0]?.state).toBe('bootstrapping');
    const [kept] = (await observeServices(others, undefined, [{ ...web, handle: { machines: [id] } }], world.call)).values();
    expect(kept?.instances[0]?.state).toBe('healthy');
  });

  test('a bootstrap is waited for where no check would tell, and its steps are told as events', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web', bootstrap: [{ name: 'install', run: 'true', timeoutMs: 1_000 }] }));
    const id = world.living()[0]?.id ?? '';
    expect(await world.observe(web)).toMatchObject({ state: 'pending', instances: [{ state: 'bootstrapping' }] });
    world.ec2.outside.print(id, line({ step: 'bootstrap/install', ok: true, ms: 120 }) + line({ step: 'start', ok: true }));
    await world.until(web, ({ state }) => state === 'running');
    expect(world.events).toContainEqual({
      type: 'bootstrap.step',
      resource: 'service.web@1',
      instance: 'web@1.1',
      ms: 120,
      data: { step: 'install' },
    });
  });

  test('a machine that ended itself in its bootstrap is a failure, with its class and last lines', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web', replicas: 1 }));
    const id = world.living()[0]?.id ?? '';
    const failed = {
      step: 'bootstrap/install',
      ok: false,
      class: 'missing-command',
      message: 'bootstrap step install names no command',
      lastLines: ['npm: not found'],
    };
    world.ec2.outside.print(id, line({ step: 'boot', ok: true }) + line(failed));
    world.ec2.outside.shutDown(id);
    const seen = await world.until(web, ({ failure }) => failure !== undefined);
    expect(seen.failure).toEqual({
      class: 'missing-command',
      message: 'web@1.1: bootstrap step install names no command',
      lastLines: ['npm: not found'],
    });
    // It is proven gone all the same.
    expect(seen.state).toBe('absent');
    expect(await world.another().release(web, 1, world.call)).toBe('absent');
  });

  test('what a machine wrote just before it ended itself is read, however short ago its console was', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web', bootstrap: [{ name: 'install', run: 'false', timeoutMs: 1_000 }] }));
    const id = world.living()[0]?.id ?? '';
    world.ec2.outside.print(id, line({ step: 'boot', ok: true }));
    await world.until(web, ({ reason }) => reason.includes('boot is done'));
    for (let look = 0; look < 20; look++) {
      await world.ec2.advance(1_000);
      await world.observe(web);
    }
    world.ec2.outside.shutDown(id);
    // AWS posts it shortly after the end.
    const waits = await world.until(web, ({ reason }) => reason.includes('waiting for its console'));
    expect([waits.state, waits.failure]).toEqual(['stopping', undefined]);
    world.ec2.outside.print(id, line({ step: 'bootstrap/install', ok: false, class: 'exit-nonzero', message: 'it ended with 1' }));
    const seen = await world.until(web, ({ failure }) => failure !== undefined, 2_000);
    expect(seen).toMatchObject({ failure: { class: 'exit-nonzero' } });
  });

  test('of a machine that ended itself without a word that is told, but not before its console had time', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web' }));
    world.ec2.outside.shutDown(world.living()[0]?.id ?? '');
    await world.until(web, ({ reason }) => reason.includes('waiting for its console'));
    await world.ec2.advance(30_000);
    expect((await world.observe(web)).failure).toMatchObject({ class: 'ended-itself' });
  });

  test('a machine that ended itself long after its bootstrap is replaced', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web', replicas: 2 }));
    const id = world.living()[0]?.id ?? '';
    world.ec2.outside.print(id, line({ step: 'start', ok: true }));
    world.ec2.outside.shutDown(id);
    const seen = await world.until(web, ({ state, stalled }) => state === 'pending' && stalled === true);
    expect(seen.failure).toBeUndefined();
    await world.provider.create(web, world.call);
    await world.until(web, ({ state }) => state === 'running');
  });

  test('consoles are read with growing pauses', async () => {
    const world = await awsWorld();
    const job = await launch(world, world.service({ name: 'seed', job: true }));
    for (let look = 0; look < 20; look++) {
      await world.observe(job);
      await world.ec2.advance(1_000);
    }
    expect(world.ec2.counts()['GetConsoleOutput']).toBeLessThan(10);
  });
});

function http(more: Partial<Health>): Health {
  return {
    probe: { type: 'http', path: '/ready' },
    intervalMs: 30,
    timeoutMs: 300,
    healthyAfter: 1,
    unhealthyAfter: 2,
    deadlineMs: 10_000,
    ...more,
  };
}

interface WebServer {
  readonly port: number;
  readonly asked: string[];
  status: number;
  close(): Promise<void>;
}

async function webServer(host = '127.0.0.1'): Promise<WebServer> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(web.status).end();
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const web: WebServer = { port: typeof address === 'object' && address !== null ? address.port : 0, asked, status: 200, close };
  onTestFinished(close);
  return web;
}
