import { beforeEach, describe, expect, it } from 'vitest';
import { cost } from '../../src/app/cost.ts';
import { down } from '../../src/app/down.ts';
import { events } from '../../src/app/events.ts';
import { exec } from '../../src/app/exec.ts';
import { ls } from '../../src/app/ls.ts';
import { notice } from '../../src/app/notice.ts';
import { plan } from '../../src/app/plan.ts';
import { status } from '../../src/app/status.ts';
import { up, type UpRequest } from '../../src/app/up.ts';
import { makeIncarnation } from '../../src/core/ids.ts';
import { usd } from '../../src/core/money.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { createFakeProvider } from '../fakes/provider.ts';
import { appFor, Place, type Setup } from './world.ts';

const SPEC = `
name: shop
ttl: 4h
services:
  db: { run: db, port: auto }
  web: { run: web, replicas: 2, expose: auto, needs: [db] }
`;
const HOUR = 3_600_000;

let place: Place;
beforeEach(() => {
  place = new Place();
});

const run = (request: Partial<UpRequest> = {}, setup: Setup = {}) =>
  place.run(up(appFor(place, { spec: SPEC, ...setup }), { file: '-', onFailure: 'keep', ...request }));
const shown = (id = 'shop') => place.run(status(appFor(place), { id }));

describe('status', () => {
  it('tells what is, instance by instance', async () => {
    await run();
    const outcome = await shown();
    expect(outcome).toMatchObject({ id: 'shop', state: 'up', services: 2, instances: 3, enforcers: [{ armed: true }] });
    expect(outcome.resources.every(({ observed, status: written }) => observed === 'running' && written === 'ready')).toBe(true);
    expect(outcome.resources.find(({ key }) => key === 'service.web@1')?.instances).toMatchObject([
      { name: 'web@1.1', state: 'healthy' },
      { name: 'web@1.2' },
    ]);
  });

  it('tells times as they are told everywhere, and not in milliseconds', async () => {
    await run();
    const fake = createFakeProvider(place.world);
    const observe: Provider['observe'] = async (targets, call) =>
      new Map(
        [...(await fake.observe(targets, call))].map(([key, seen]) => [
          key,
          { ...seen, instances: seen.instances.map((one) => ({ ...one, startedAt: 0, healthyAt: 1_500 })) },
        ]),
      );
    const { resources } = await place.run(status(appFor(place, { provider: { ...fake, observe } }), { id: 'shop' }));
    expect(resources.find(({ key }) => key === 'service.db@1')?.instances).toMatchObject([
      { startedAt: '1970-01-01T00:00:00.000Z', healthyAt: '1970-01-01T00:00:01.500Z' },
    ]);
  });

  it('is degraded as soon as the provider sees what the record does not know', async () => {
    await run();
    place.world.lose('service.web');
    const outcome = await shown();
    expect(outcome.state).toBe('degraded');
    expect(outcome.resources.find(({ key }) => key === 'service.web@1')).toMatchObject({ status: 'ready', observed: 'absent' });
  });

  it('takes nothing for gone that cannot be told', async () => {
    await run();
    place.world.blind = true;
    const outcome = await shown();
    expect(outcome.state).toBe('degraded');
    expect(new Set(outcome.resources.map(({ observed }) => observed))).toEqual(new Set(['unknown']));
  });

  it('names who works on the spin', async () => {
    place.world.delay('service.db', Infinity);
    const work = run({ timeout: '10s' }).catch(() => undefined);
    await place.clock.advance(1_000);
    expect((await shown()).leaseHolder).toContain('spin up by ada on here');
    await work;
    expect(await shown()).not.toHaveProperty('leaseHolder');
  });

  it('changes nothing', async () => {
    await run();
    const { writes } = place.store;
    await shown();
    expect(place.store.writes).toBe(writes);
  });

  it('suggests the spin that was meant', async () => {
    await run({ id: 'shop-42' });
    await expect(shown('shop')).rejects.toMatchObject({ code: 'spin-not-found', hint: expect.stringContaining('shop-42') });
  });
});

describe('the spin that a command without an ID is about', () => {
  it('is the one that a spec here names; without one, that is a usage error', async () => {
    await run();
    await expect(place.run(status(appFor(place), {}))).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('no spin ID was given'),
    });
    expect(await place.run(down(appFor(place, { spec: SPEC, answer: true }), { ids: [], file: '-' }))).toMatchObject({
      spins: [{ id: 'shop', result: 'released' }],
    });
    await expect(place.run(down(appFor(place, { answer: true }), { ids: [], file: 'no.yaml' }))).rejects.toMatchObject({
      code: 'spec-not-found',
    });
  });

  it('never leaves its folder', async () => {
    await expect(shown('../../etc')).rejects.toMatchObject({ code: 'id-invalid' });
  });
});

describe('notice', () => {
  const FAULT = { class: 'crash-loop', message: 'it ended five times' };

  it('writes down what has failed since, so that ls tells', async () => {
    const { incarnation } = await run();
    place.world.ail('service.web', FAULT);
    expect(await place.run(notice(appFor(place), { id: 'shop', incarnation }))).toEqual(['service.web@1']);
    expect((await ls(appFor(place))).spins).toMatchObject([{ id: 'shop', state: 'degraded' }]);
    expect(await shown()).toMatchObject({ failure: FAULT });
    expect(await place.run(notice(appFor(place), { id: 'shop', incarnation }))).toEqual([]);

    place.world.ail('service.web', undefined);
    expect(await run()).toMatchObject({ state: 'up' });
    expect(place.world.at('service.web').map(({ key }) => key)).toEqual(['service.web@2']);
  });

  it('says nothing about another life, nor about what is fine or gone', async () => {
    const { incarnation } = await run();
    expect(await place.run(notice(appFor(place), { id: 'shop', incarnation }))).toEqual([]);
    place.world.ail('service.web', FAULT);
    expect(await place.run(notice(appFor(place), { id: 'shop', incarnation: makeIncarnation(0) }))).toEqual([]);
    expect(await place.run(notice(appFor(place), { id: 'nobody', incarnation }))).toEqual([]);
  });
});

describe('cost', () => {
  it('tells of a spin that nothing is known of, instead of pricing it at nothing', async () => {
    await expect(cost(appFor(place), { id: 'typo' })).rejects.toMatchObject({ code: 'spin-not-found' });
  });

  it('adds what runs and what was released, and projects to the deadline', async () => {
    const price = () => usd(1);
    const { incarnation } = await run({}, { price });
    await place.clock.advance(HOUR);
    await place.run(down(appFor(place, { answer: true }), { ids: ['shop'] }));
    await run({ id: 'other', owner: 'bob', ttl: '2h' }, { price });
    await place.clock.advance(HOUR);
    const report = await cost(appFor(place), {});
    const row = (key: string) => report.rows.find((one) => one.key === key) ?? expect.fail();
    expect(Number(row('shop').spent) / 1e9).toBeCloseTo(3, 1);
    expect(row('shop')).toMatchObject({ live: 0, hourly: 0 });
    expect(Number(row('other').projected) / 1e9).toBeCloseTo(6, 1);
    expect(row('other')).toMatchObject({ live: 1, hourly: usd(3) });
    expect(row('shop').hours).toBeCloseTo(3, 1);
    expect((await cost(appFor(place), { owner: 'bob' })).rows).toHaveLength(1);
    expect(await place.store.ledger()).toMatchObject([{ incarnation }]);
  });

  it('counts a spin once whose down ended right before its record went', async () => {
    await run({}, { price: () => usd(1) });
    await place.clock.advance(HOUR);
    const stored = (await place.store.list()).records[0] ?? expect.fail();
    await place.run(down(appFor(place, { answer: true }), { ids: ['shop'] }));
    const { total } = await cost(appFor(place), {});
    await place.store.write(undefined, { ...stored, record: { ...stored.record, releasedAt: place.clock.now() } });
    expect((await cost(appFor(place), {})).total).toEqual(total);
  });

  it('shows an unknown price as unknown', async () => {
    await run({}, { price: (service) => (service === 'db' ? 'unknown' : 1) });
    await place.clock.advance(HOUR);
    expect((await cost(appFor(place), {})).total).toMatchObject({ spent: 'unknown', hourly: 'unknown' });
    expect((await ls(appFor(place))).spins).toMatchObject([{ costSoFar: 'unknown' }]);
  });

  it('refuses a period that ends before it begins, and a key that is none', async () => {
    await expect(cost(appFor(place), { since: '1h', to: '2h' })).rejects.toMatchObject({ code: 'usage', hint: 'spin cost --help' });
    await expect(cost(appFor(place), { by: 'colour' })).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('ls', () => {
  it('filters by owner, state and tag, sorted by ID', async () => {
    await run({ id: 'b', owner: 'bob', tags: { team: 'blue' } });
    await run({ id: 'a', tags: { team: 'blue' } });
    await run({ id: 'c', ttl: '1m' });
    await place.clock.advance(HOUR);
    const ids = async (request: Parameters<typeof ls>[1]) => (await ls(appFor(place), request)).spins.map(({ id }) => id);
    expect(await ids({})).toEqual(['a', 'b', 'c']);
    expect(await ids({ owner: 'bob' })).toEqual(['b']);
    expect(await ids({ state: 'expired' })).toEqual(['c']);
    expect(await ids({ tags: { team: 'blue' } })).toEqual(['a', 'b']);
    await expect(ids({ state: 'fine' })).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('plan', () => {
  const planned = (spec: string, setup: Setup = {}) => place.run(plan(appFor(place, { spec, ...setup }), { file: '-' }));

  it('shows what up would do, changes nothing, and is right', async () => {
    const fresh = await planned(SPEC, { price: () => 10 });
    expect(fresh).toMatchObject({ id: 'shop', exists: false, hourly: 30, untilTtl: 120, checks: [{ ok: true }], refusals: [] });
    expect(place.store.writes).toBe(0);
    expect((await run()).changes.map(({ address, action }) => [address, action])).toEqual(
      fresh.changes.map(({ address, action }) => [address, action]),
    );
    const changed = SPEC.replace('run: web', 'run: web --new').replace('db: {', 'db: { replicas: 2,');
    const wanted = await planned(changed);
    expect(Object.fromEntries(wanted.changes.map(({ address, action }) => [address, action]))).toMatchObject({
      'service.db': 'scale-up',
      'service.web': 'replace',
      'registration.web': 'replace',
      'route.web': 'keep',
    });
    expect((await run({}, { spec: changed })).changes).toEqual(wanted.changes);
    expect((await planned(changed)).changes.every(({ action }) => action === 'keep')).toBe(true);
  });

  it('names what up would refuse', async () => {
    const outcome = await planned(`${SPEC}budget: { perHour: 1 }\n`, { price: () => usd(1) });
    expect(outcome.refusals).toHaveLength(1);
  });
});

describe('exec and events', () => {
  it('runs a command in the first instance that runs, or in the one that was named', async () => {
    await run();
    const said = async (target: string) =>
      (await place.run(exec(appFor(place), { id: 'shop', target, command: ['id'], stdio: 'pipe' }))).stdout;
    expect(await said('web')).toBe('web@1.1: id\n');
    expect(await said('web/2')).toBe('web@1.2: id\n');
    await expect(said('web/3')).rejects.toMatchObject({ code: 'service-not-found', hint: 'running: web@1.1, web@1.2' });
    await expect(said('wep')).rejects.toMatchObject({ code: 'service-not-found', hint: expect.stringContaining('web') });
  });

  it('keeps the journal of a life that is over', async () => {
    await run();
    await place.run(down(appFor(place, { answer: true }), { ids: ['shop'] }));
    const { events: journal, timings } = await events(appFor(place), { id: 'shop' });
    expect(journal.map(({ type }) => type)).toEqual(expect.arrayContaining(['spin.ready', 'resource.released', 'spin.released']));
    expect(timings.phases.map(({ phase }) => phase)).toContain('release');
    await expect(events(appFor(place), { id: 'nobody' })).rejects.toMatchObject({ code: 'spin-not-found' });
  });
});
