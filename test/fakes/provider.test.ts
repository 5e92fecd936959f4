import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { clientToken, makeIncarnation, parseSpinId } from '../../src/core/ids.ts';
import { ownershipTags } from '../../src/core/tags.ts';
import { buildPlan } from '../../src/plan/build.ts';
import { Fault } from '../../src/providers/fault.ts';
import type { Call, CreateRequest, SpinRef } from '../../src/providers/provider.ts';
import { providerContract } from '../contract/provider.ts';
import { EXPOSED, specOf } from '../plan/specs.ts';
import { World } from './provider-world.ts';
import { createFakeProvider } from './provider.ts';

const PLAN = buildPlan(
  specOf({ web: { ...EXPOSED, replicas: 2, secrets: ['key'] }, db: { volumes: ['data'], replicas: 0 } }),
  createFakeProvider(new World()),
);
const call = (): Call => ({ clock: systemClock, signal: new AbortController().signal, emit: () => undefined });
const spinOf = (id: string): SpinRef => ({ id: parseSpinId(id), incarnation: makeIncarnation(0), trace: '0'.repeat(32) });

function requestsOf(spin: SpinRef, fence: number): readonly CreateRequest[] {
  return PLAN.resources.map(({ address, kind, desire, count, needs }) => ({
    spin,
    key: `${address}@1`,
    address,
    kind,
    generation: 1,
    token: clientToken(spin.id, spin.incarnation, address, 1),
    count,
    desire,
    needs: needs.map((need) => `${need}@1`),
    fence,
    tags: ownershipTags({ id: spin.id, incarnation: spin.incarnation, resource: `${address}@1`, state: 'state' }),
    deadline: systemClock.now() + 3_600_000,
    bindings: {},
  }));
}

providerContract('the fake provider', async () => {
  const world = new World();
  world.place = { account: '1', region: 'here' };
  const spin = { ...spinOf('one'), place: world.place };
  return {
    provider: createFakeProvider(world),
    spin,
    abroad: { account: '2', region: 'here' },
    call: call(),
    requests: (fence) => requestsOf(spin, fence),
    neighbour: (fence) => requestsOf(spinOf('two'), fence),
    countInstances: () =>
      world.at().reduce((sum, thing) => sum + (thing.kind === 'service' && thing.spin.id === 'one' ? thing.instances.length : 0), 0),
    blind: async () => {
      world.blind = true;
    },
  };
});

it('plays a fault before the effect, or after it, as often as it was told to', async () => {
  const world = new World();
  const provider = createFakeProvider(world);
  const [keeper, secret] = requestsOf(spinOf('one'), 1);
  if (keeper === undefined || secret === undefined) return expect.fail();
  const fault = new Fault('throttled', 'slow-down', 'slow down');
  world.fail('create', fault, { of: 'keeper.keeper' });
  world.fail('create', fault, { of: 'secret.key', when: 'after' });
  await expect(provider.create(keeper, call())).rejects.toBe(fault);
  expect(world.made).toEqual([]);
  await expect(provider.create(secret, call())).rejects.toBe(fault);
  expect(world.made).toEqual(['secret.key@1.1']);
  await provider.create(keeper, call());
  await provider.create(secret, call());
  expect(world.made).toEqual(['secret.key@1.1', 'keeper.keeper@1.1']);
});

it('never makes a deleted service, secret or volume again under its token', async () => {
  const world = new World();
  const provider = createFakeProvider(world);
  const [, secret] = requestsOf(spinOf('one'), 1);
  if (secret === undefined) return expect.fail();
  await provider.create(secret, call());
  expect(await provider.release(secret, 1, call())).toBe('absent');
  await expect(provider.create(secret, call())).rejects.toMatchObject({ class: 'token-spent' });
});
