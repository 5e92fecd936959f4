import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseSpinId } from '../../../src/core/ids.ts';
import { usd } from '../../../src/core/money.ts';
import type { Desire, Plan } from '../../../src/plan/plan.ts';
import { claimFence } from '../../../src/providers/local/fences.ts';
import { failureOf, pauseAfter } from '../../../src/providers/local/keeper/ends.ts';
import { localWorld, serviceSpec } from './world.ts';

test('the price of a service is made of its process and what it reserves', () => {
  const prices = { process: usd(0.01), cpu: usd(0.1), memory: usd(0.02) };
  const { provider } = localWorld({ prices });
  const service = serviceSpec('/', { name: 'web', cpu: 2, memory: 500_000_000 });
  expect(provider.price({ kind: 'service', service })).toBe(usd(0.01 + 0.2 + 0.01));
  expect(provider.price({ kind: 'route' })).toBe(0);
});

test('a rate for what a service does not say it reserves makes the price unknown, and no rate makes it nothing', () => {
  const service = serviceSpec('/', { name: 'web' });
  expect(localWorld({ prices: { process: 0, cpu: usd(0.1), memory: 0 } }).provider.price({ kind: 'service', service })).toBe('unknown');
  expect(localWorld({ prices: { process: 0, cpu: 0, memory: 'unknown' } }).provider.price({ kind: 'service', service })).toBe('unknown');
  expect(localWorld().provider.price({ kind: 'service', service })).toBe(0);
});

test('preflight names what is missing, and makes nothing', async () => {
  const world = localWorld();
  const taken = createServer();
  const port = await new Promise<number>((resolve) => {
    taken.listen(0, '127.0.0.1', () => {
      const address = taken.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  onTestFinished(() => void taken.close());
  const dir = world.options.stateDir;
  const desires: readonly Desire[] = [
    { kind: 'service', baseDir: dir, service: serviceSpec(dir, { name: 'good', run: ['node'] }) },
    { kind: 'service', baseDir: dir, service: serviceSpec(dir, { name: 'lost', run: ['no-such-program'] }) },
    { kind: 'service', baseDir: dir, service: serviceSpec(join(dir, 'nowhere'), { name: 'homeless' }) },
    { kind: 'service', baseDir: dir, service: serviceSpec(dir, { name: 'fixed', port }) },
    { kind: 'volume', name: 'data', source: { from: 'folder', path: join(dir, 'missing') } },
  ];
  const checks = await world.provider.preflight(world.spin, planOf(desires), world.call);
  expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([
    'service lost',
    'service homeless',
    'volume data',
    'port of fixed',
  ]);
  expect(checks.filter(({ ok }) => ok).map(({ name }) => name)).toEqual(['system', 'state folder', 'service good', 'service fixed']);
  expect(await world.provider.inventory({}, world.call)).toEqual([]);
});

test('a program that the bootstrap may install is not called missing', async () => {
  const world = localWorld();
  const dir = world.options.stateDir;
  const bootstrap = [{ name: 'install', run: 'true', timeoutMs: 1_000 }];
  const service = serviceSpec(dir, { name: 'web', run: ['./later'], bootstrap });
  const checks = await world.provider.preflight(world.spin, planOf([{ kind: 'service', baseDir: dir, service }]), world.call);
  expect(checks.every(({ ok }) => ok)).toBe(true);
});

test('a keeper that cannot be started is a fault that says why', async () => {
  const world = localWorld({ keeperCommand: ['/bin/sh', '-c', 'echo "cannot find it" >&2; exit 3'] });
  const fault = await world.provider.create(world.keeper(), world.call).catch((thrown: unknown) => thrown);
  expect(fault).toMatchObject({ kind: 'transient', class: 'keeper-unreachable', lastLines: ['cannot find it'] });
});

test('nothing comes back to life in the folder of a spin that is gone', async () => {
  const world = localWorld();
  await expect(world.provider.create(world.service({ name: 'web' }), world.call)).rejects.toMatchObject({
    kind: 'not-found',
    class: 'spin-gone',
  });
  expect(await world.provider.inventory({}, world.call)).toEqual([]);
});

test('a state folder with a long path and odd characters serves as well', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'spin-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const stateDir = join(parent, 'ein sehr langer Ordner mit "Zeichen" und 漢字'.repeat(2), 'x'.repeat(100));
  mkdirSync(stateDir, { recursive: true });
  const world = localWorld({ stateDir, id: parseSpinId('a'.repeat(63)) });
  await world.provider.create(world.keeper(), world.call);
  const web = world.service({ name: 'web' });
  await world.provider.create(web, world.call);
  expect((await world.until(web, ({ state }) => state === 'running')).endpoints).toHaveLength(1);
});

test('the numbers of a folder only grow', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'spin-')), 'fences');
  onTestFinished(() => rmSync(join(folder, '..'), { recursive: true, force: true }));
  claimFence(folder, 3);
  claimFence(folder, 3);
  claimFence(folder, 10);
  expect(() => claimFence(folder, 9)).toThrow(/fencing number is 10/);
  expect(() => claimFence(join(folder, 'no', 'where'), 1)).toThrow(/does not exist/);
});

test('a service is started again after 0.1 s, then ever later, never later than 10 s', () => {
  expect([1, 2, 3, 7, 8, 20].map(pauseAfter)).toEqual([100, 200, 400, 6_400, 10_000, 10_000]);
});

test('what an end means depends on the policy', () => {
  const classOf = (policy: 'always' | 'on-failure' | 'never', code: number, ends: number, wasHealthy = true): string | undefined =>
    failureOf('web@1.1', { code, signal: undefined }, ends, wasHealthy, { policy, max: 3, windowMs: 1_000 })?.class;
  expect([classOf('always', 0, 1), classOf('always', 1, 2), classOf('always', 1, 3)]).toEqual([undefined, undefined, 'crash-loop']);
  expect([classOf('on-failure', 0, 1), classOf('on-failure', 2, 1)]).toEqual(['exited', undefined]);
  expect([classOf('never', 0, 1), classOf('never', 2, 1)]).toEqual(['exited', 'exit-nonzero']);
  expect([classOf('always', 127, 1, false), classOf('always', 127, 1, true)]).toEqual(['missing-command', undefined]);
});

function planOf(desires: readonly Desire[]): Plan {
  const resources = desires.map((desire, i) => ({
    address: `${desire.kind}.${i}`,
    kind: desire.kind,
    desire,
    count: 1,
    digest: '',
    strategy: 'rolling' as const,
    needs: [],
    hourly: 0,
  }));
  return { resources, hourly: 0, untilTtl: 0, ttlMs: 1 };
}

test('a spin here has no credentials, which is not a matter of signing in to a cloud', async () => {
  const { provider, spin, call } = localWorld();
  await expect(provider.credentials(spin, 3_600_000, call)).rejects.toMatchObject({
    kind: 'invalid',
    class: 'no-cloud',
    message: `${spin.id} runs on this machine, as you: there are no credentials that reach it`,
    hint: `spin exec ${spin.id} SERVICE -- COMMAND`,
  });
});
