import { expect, test } from 'vitest';
import type { GcOutcome, StatusOutcome, UpOutcome } from '../../src/app/outcomes.ts';
import { kill, type Project, project, until } from '../e2e/project.ts';
import { expectGone, expectWhole, INSTANCES, isAt, pidOf, shop } from './shop.ts';

test('a keeper killed in service: status says so, what it kept goes on, up heals it without a restart', async () => {
  const here = project('a keeper that dies');
  here.spec(shop());
  await here.run(['up']);
  const before = INSTANCES.map((instance) => pidOf(here, instance));
  killKeeper(here);
  const { result } = await here.json<StatusOutcome>(['status', 'shop']);
  expect(result.resources.find(({ kind }) => kind === 'keeper')?.observed).not.toBe('running');
  expect(result.enforcers.some(({ armed }) => armed)).toBe(false);
  expect((await here.run(['status', 'shop'])).stdout).toMatch(/keeper/);
  expect((await here.json<GcOutcome>(['gc', '--dry-run'])).result.verdicts).toMatchObject([{ verdict: 'heal' }]);
  expect(INSTANCES.map((instance) => pidOf(here, instance))).toEqual(before);

  const up = await here.json<UpOutcome>(['up']);
  expect(up.result).toMatchObject({ state: 'up', enforcers: [{ armed: true }] });
  expect(INSTANCES.map((instance) => pidOf(here, instance))).toEqual(before);
  await expectWhole(here);
  // It watches what it took over.
  kill(here.processes().find(({ pid }) => pid === before[1]));
  await until(() => pidOf(here, 'web@1.1') !== undefined && pidOf(here, 'web@1.1') !== before[1], 'the instance is started again');
  await expectGone(here);
});

test('down needs no keeper', async () => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  killKeeper(here);
  await expectGone(here);
});

test('what ended while there was no keeper is started again by the next one', async () => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  killKeeper(here);
  kill(here.services().find(({ instance }) => instance === 'web@1.1'));
  await here.ok(['up']);
  await expectWhole(here);
});

const MOMENTS = ['keeper.started', 'resource.creating service', 'instance.started', 'instance.healthy', 'resource.created registration'];

test.each(MOMENTS)('the keeper killed at %s of an up: that up or the next makes exactly one environment', async (moment) => {
  const here = project();
  here.spec(shop());
  const up = here.start(['up', '--on-failure', 'keep']);
  await until(() => here.journal('shop').some(isAt(moment)), 'the moment to kill', 20_000, 1);
  killKeeper(here);
  const { code } = await up.ended;
  expect([0, 1]).toContain(code);
  if (code !== 0) await here.ok(['up']);
  // What it had in hand when it was killed is never doubled.
  expect((await here.run(['up'])).code).toBe(0);
  await expectWhole(here);
  await expectGone(here);
});

test.each(MOMENTS)('keeper and up killed at %s: the next up makes exactly one environment', async (moment) => {
  const here = project();
  here.spec(shop());
  const up = here.start(['up']);
  await until(() => here.journal('shop').some(isAt(moment)), 'the moment to kill', 20_000, 1);
  up.kill('SIGKILL');
  killKeeper(here);
  await up.ended;
  await here.ok(['up']);
  await expectWhole(here);
  await expectGone(here);
});

test.each(['resource.releasing service', 'resource.releasing keeper'])(
  'the keeper killed at %s of a down: it ends all the same',
  async (moment) => {
    const here = project();
    here.spec(shop());
    await here.run(['up']);
    const down = here.start(['down', 'shop', '--yes']);
    await until(() => here.journal('shop').some(isAt(moment)), 'the moment to kill', 20_000, 1);
    killKeeper(here);
    const { code } = await down.ended;
    if (code !== 0) await expectGone(here);
    expect(here.leftovers()).toEqual([]);
  },
);

test('a keeper told to end by a signal leaves the services alone, as at a logout', async () => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  const before = INSTANCES.map((instance) => pidOf(here, instance));
  const keeper = here.keeper('shop');
  expect(keeper).toBeDefined();
  if (keeper !== undefined) process.kill(keeper.pid, 'SIGTERM');
  await until(() => here.keeper('shop') === undefined, 'the keeper is gone');
  expect(INSTANCES.map((instance) => pidOf(here, instance))).toEqual(before);
  await here.ok(['up']);
  expect(INSTANCES.map((instance) => pidOf(here, instance))).toEqual(before);
  await expectWhole(here);
});

function killKeeper(here: Project): void {
  const keeper = here.keeper('shop')?.pid;
  if (keeper !== undefined) process.kill(keeper, 'SIGKILL');
}
