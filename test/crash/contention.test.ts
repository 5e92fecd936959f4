import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { StatusOutcome, UpOutcome } from '../../src/app/outcomes.ts';
import { type Document, project, until } from '../e2e/project.ts';
import { expectGone, expectWhole, isAt, shop } from './shop.ts';

test('two ups at once: one makes it, the other says who does, with exit code 4', async () => {
  const here = project();
  here.spec(shop().replace('alive: 20ms', 'alive: 800ms'));
  const first = here.start(['up']);
  await until(() => here.journal('shop').some(isAt('resource.creating')), 'the first up is at work');
  const second = await here.json(['up']);
  expect(second).toMatchObject({
    exit: 4,
    error: { code: 'lease-held', message: expect.stringContaining(`pid ${first.child.pid}`), hint: expect.stringContaining('--wait') },
  });
  expect((await here.json<StatusOutcome>(['status', 'shop'])).result.leaseHolder).toContain('up');
  expect((await first.ended).code).toBe(0);
  await expectWhole(here);
});

test('two ups at the same moment: one environment, whoever is first', async () => {
  const here = project();
  here.spec(shop());
  const codes = (await Promise.all([here.run(['up']), here.run(['up'])])).map(({ code }) => code ?? -1);
  expect(codes).toContain(0);
  for (const code of codes) expect([0, 4]).toContain(code);
  await expectWhole(here);
});

test('two ups that wait: both end well, and there is one environment', async () => {
  const here = project();
  here.spec(shop());
  const both = await Promise.all([here.json<UpOutcome>(['up', '--wait']), here.json<UpOutcome>(['up', '--wait'])]);
  expect(both.map(({ exit }) => exit)).toEqual([0, 0]);
  expect(new Set(both.map(({ result }) => result.incarnation)).size).toBe(1);
  expect(both.map(({ result }) => result.result).toSorted()).toEqual(['created', 'unchanged']);
  await expectWhole(here);
});

test('a down during an up wins: the up stops before its next write, and nothing is left', async () => {
  const here = project();
  here.spec(shop().replace('alive: 20ms', 'alive: 3s'));
  const up = here.start(['up', '--output', 'json']);
  await until(() => here.journal('shop').some(isAt('instance.started')), 'the up is at work');
  await here.ok(['down', 'shop', '--yes']);
  expect(here.leftovers().filter((left) => !left.includes('spin.js up'))).toEqual([]);
  const { code, stdout } = await up.ended;
  expect(code).toBe(4);
  expect((JSON.parse(stdout) as Document<unknown>).error.code).toBe('lease-lost');
  expect(here.leftovers()).toEqual([]);
});

test('up and down at once, again and again: all of it is there, or nothing', async () => {
  const here = project();
  here.spec(shop());
  for (let round = 0; round < 10; round++) {
    const up = here.run(['up', '--output', 'json']);
    await pause(round * 60);
    const [{ code: upCode, stdout }, down] = await Promise.all([up, here.run(['down', 'shop', '--yes'])]);
    expect([0, 4], stdout).toContain(upCode);
    expect([0, 4], down.stderr).toContain(down.code);
    if (here.record('shop') === undefined) expect(here.leftovers(), `round ${round}`).toEqual([]);
    else await expectWhole(here);
  }
  await expectGone(here);
}, 90_000);

test('spins that come up at once share no port', async () => {
  const here = project();
  here.spec(shop().replace('expose: auto', 'expose: auto\n    replicas: 2'));
  const ids = ['a', 'b', 'c', 'd'];
  const ups = await Promise.all(ids.map((id) => here.json<UpOutcome>(['up', '--id', id])));
  expect(ups.map(({ exit }) => exit)).toEqual(ids.map(() => 0));
  const statuses = await Promise.all(ids.map((id) => here.json<StatusOutcome>(['status', id])));
  const ports = statuses.flatMap(({ result }) => [
    ...result.resources.flatMap(({ instances }) =>
      instances.flatMap(({ address }) => (address === undefined ? [] : [address.split(':')[1]])),
    ),
    ...result.endpoints.filter(({ via }) => via === 'route').map(({ port }) => String(port)),
  ]);
  expect(ports).toHaveLength(ids.length * 3);
  expect(new Set(ports).size).toBe(ports.length);
  await here.ok(['down', '--all', '--yes']);
  expect(here.leftovers()).toEqual([]);
}, 60_000);

test('an up killed with the lease in hand does not keep the next one waiting', async () => {
  const here = project();
  here.spec(shop().replace('alive: 20ms', 'alive: 2s'));
  const up = here.start(['up']);
  await until(() => here.journal('shop').some(isAt('instance.started')), 'the up is at work');
  up.kill('SIGKILL');
  await up.ended;
  const began = performance.now();
  await expectGone(here);
  expect(performance.now() - began).toBeLessThan(10_000);
});
