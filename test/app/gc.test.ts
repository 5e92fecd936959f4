import { beforeEach, describe, expect, it } from 'vitest';
import { extend } from '../../src/app/extend.ts';
import { gc, type GcRequest } from '../../src/app/gc.ts';
import type { GcOutcome } from '../../src/app/outcomes.ts';
import { up, type UpRequest } from '../../src/app/up.ts';
import { makeIncarnation, parseSpinId } from '../../src/core/ids.ts';
import { Fault } from '../../src/providers/fault.ts';
import { runKilled } from './crash.ts';
import { appFor, Place, type Setup } from './world.ts';

const SPEC = `
ttl: 4h
name: shop
services:
  web: { run: web, expose: auto }
`;
const HOUR = 3_600_000;
const MINUTE = 60_000;

let place: Place;
beforeEach(() => {
  place = new Place();
});

const run = (id: string, request: Partial<UpRequest> = {}, setup: Setup = {}) =>
  place.run(up(appFor(place, { spec: SPEC, ...setup }), { file: '-', onFailure: 'keep', id, ...request }));
const sweep = (request: Partial<GcRequest> = {}, setup: Setup = {}): Promise<GcOutcome> =>
  place.run(gc(appFor(place, { answer: true, ...setup }), { dryRun: false, ...request }));
const verdicts = ({ verdicts: all }: GcOutcome) => Object.fromEntries(all.map(({ subject, verdict }) => [subject, verdict]));
const results = ({ swept }: GcOutcome) => Object.fromEntries(swept.map(({ subject, result }) => [subject, result]));
const left = () => [...new Set(place.world.at().map(({ spin }) => String(spin.id)))].toSorted();
const records = async () => (await place.store.list()).records.map(({ record }) => String(record.id)).toSorted();

async function forget(id: string): Promise<void> {
  const stored = (await place.store.read(parseSpinId(id))) ?? expect.fail();
  await place.store.remove(parseSpinId(id), stored.version);
}

describe('a sweep', () => {
  it('ends what is expired, and nothing else', async () => {
    await run('old', { ttl: '1h' });
    await run('young');
    await place.clock.advance(2 * HOUR);
    const outcome = await sweep();
    expect(verdicts(outcome)).toEqual({ old: 'release', young: 'keep' });
    expect(results(outcome)).toEqual({ old: 'released' });
    expect(left()).toEqual(['young']);
    expect(await records()).toEqual(['young']);
    expect(await place.store.ledger()).toMatchObject([{ id: 'old' }]);
  });

  it('prints the same list on a dry run, and changes nothing', async () => {
    await run('old', { ttl: '1h' });
    await run('young');
    await run('orphan');
    await forget('orphan');
    await place.clock.advance(2 * HOUR);
    const writes = place.store.writes;
    const dry = await sweep({ dryRun: true });
    expect(dry).toMatchObject({ dryRun: true, swept: [] });
    expect(place.store.writes).toBe(writes);
    expect(left()).toEqual(['old', 'orphan', 'young']);
    expect((await sweep()).verdicts).toEqual(dry.verdicts);
    expect(left()).toEqual(['young']);
  });

  it('ends a spin whose up died, once it has been quiet for the grace', async () => {
    await runKilled(place, { spec: SPEC }, (app) => up(app, { file: '-', onFailure: 'keep' }), { at: 8, when: 'after' });
    expect(left()).toEqual(['shop']);
    expect(verdicts(await sweep())).toEqual({ shop: 'wait' });
    await place.clock.advance(11 * MINUTE);
    expect(results(await sweep())).toEqual({ shop: 'released' });
    expect(left()).toEqual([]);
    expect(await records()).toEqual([]);
  });

  it('finishes a down that broke off', async () => {
    await run('shop');
    const { version, record, fence } = (await place.store.read(parseSpinId('shop'))) ?? expect.fail();
    await place.store.write(version, { record: { ...record, desired: 'down' }, lease: undefined, fence });
    expect(results(await sweep())).toEqual({ shop: 'released' });
    expect(left()).toEqual([]);
  });

  it('deletes orphans that are older than the grace', async () => {
    const { incarnation } = await run('shop');
    await forget('shop');
    expect(verdicts(await sweep())).toEqual({ [`shop/${incarnation}`]: 'wait' });
    expect(left()).toEqual(['shop']);
    await place.clock.advance(11 * MINUTE);
    expect(results(await sweep())).toEqual({ [`shop/${incarnation}`]: 'reclaimed' });
    expect(left()).toEqual([]);
  });

  it('tries on where a cloud says not now, as of a disk whose machine is still going', async () => {
    const { incarnation } = await run('shop');
    await forget('shop');
    await place.clock.advance(11 * MINUTE);
    place.world.fail('reclaim', new Fault('transient', 'VolumeInUse', 'the disk is in use'), { times: 5 });
    expect(results(await sweep())).toEqual({ [`shop/${incarnation}`]: 'reclaimed' });
    expect(left()).toEqual([]);
  });

  it('waits for a database for as long as a down does', async () => {
    const { incarnation } = await run('shop');
    place.world.plant(place.world.one('service.web'), { key: 'database.db@1', kind: 'database' });
    await forget('shop');
    await place.clock.advance(11 * MINUTE);
    place.world.fail('reclaim', new Fault('transient', 'InvalidDBInstanceState', 'db is backing up'), { times: 300 });
    expect(results(await sweep())).toEqual({ [`shop/${incarnation}`]: 'reclaimed' });
    expect(left()).toEqual([]);
  });

  it('names what still hinders it when it gives up', async () => {
    const { incarnation } = await run('shop');
    await forget('shop');
    await place.clock.advance(11 * MINUTE);
    place.world.fail('reclaim', new Fault('transient', 'VolumeInUse', 'vol-1 is in use'), { times: Infinity });
    const outcome = await sweep();
    expect(results(outcome)).toEqual({ [`shop/${incarnation}`]: 'failed' });
    expect(JSON.stringify(outcome.swept)).toContain('vol-1 is in use');
  });

  it('deletes what an older life left, and not the life that is', async () => {
    const { incarnation } = await run('shop');
    const web = place.world.one('service.web');
    place.world.plant(web, { spin: { ...web.spin, incarnation: makeIncarnation(0) } });
    await place.clock.advance(11 * MINUTE);
    expect(await sweep()).toMatchObject({ swept: [{ result: 'reclaimed' }] });
    expect(new Set(place.world.at().map(({ spin }) => spin.incarnation))).toEqual(new Set([incarnation]));
    expect(place.world.at()).toHaveLength(4);
  });

  it('honours a keep tag with a date, also past the TTL', async () => {
    await run('kept', { ttl: '1h', tags: { keep: '2026-01-02' } });
    await place.clock.advance(20 * HOUR);
    expect(verdicts(await sweep())).toEqual({ kept: 'keep' });
    await place.clock.advance(40 * HOUR);
    expect(results(await sweep())).toEqual({ kept: 'released' });
  });

  it('leaves alone what somebody works on', async () => {
    place.world.delay('service.web', Infinity);
    const work = up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'keep', timeout: '45s' }).catch(() => undefined);
    await place.clock.advance(30_000);
    expect(verdicts(await sweep({ grace: '1s' }))).toEqual({ shop: 'keep' });
    await place.run(work);
  });

  it('stops where it would delete suspiciously much, before anything is deleted', async () => {
    for (const id of ['a', 'b', 'c']) await run(id, { ttl: '1h' });
    await place.clock.advance(2 * HOUR);
    await expect(sweep({ maxSpins: 2 })).rejects.toMatchObject({ code: 'blast-radius', exit: 5 });
    expect(left()).toEqual(['a', 'b', 'c']);
    expect(await sweep({ maxSpins: 2, dryRun: true })).toMatchObject({ stopped: expect.stringContaining('the limit is 2') });
    expect(Object.values(results(await sweep({ maxSpins: 2, force: true })))).toEqual(['released', 'released', 'released']);
  });

  it('goes on with the others where one cannot be ended', async () => {
    await run('a', { ttl: '1h' });
    await run('b', { ttl: '1h' });
    await place.clock.advance(2 * HOUR);
    const stuck = new Fault('denied', 'not-yours', 'may not be deleted');
    place.world.fail('release', stuck, { of: 'keeper.keeper' });
    place.world.fail('reclaim', stuck);
    expect(Object.values(results(await sweep())).toSorted()).toEqual(['failed', 'released']);
    expect(Object.values(results(await sweep()))).toEqual(['released']);
    expect(left()).toEqual([]);
  });

  it('concludes nothing from what a provider could not list', async () => {
    await run('shop');
    await place.clock.advance(HOUR);
    place.world.fail('inventory', new Fault('throttled', 'slow-down', 'slow down'), { times: Infinity });
    const outcome = await sweep();
    expect(outcome.unlisted).toEqual(['fake']);
    expect(outcome.unasked).toEqual(['fake: slow down']);
    expect(verdicts(outcome)).toEqual({ shop: 'keep' });
  });

  it('finds and deletes what only another config of the same state would have made', async () => {
    const { incarnation } = await run('shop');
    await forget('shop');
    for (const of of ['service.web', 'secret.token', 'route.web', 'registration.web']) {
      for (const { spin, key } of place.world.at(of)) place.world.things.delete(`${spin.id}/${spin.incarnation}/${key}`);
    }
    place.world.beyond.add('keeper');
    await place.clock.advance(HOUR);
    expect(place.world.at().map(({ kind }) => kind)).toEqual(['keeper']);
    expect(results(await sweep())).toEqual({ [`shop/${incarnation}`]: 'reclaimed' });
    expect(left()).toEqual([]);
  });

  it('goes on where it may not ask for everything, says so, and concludes nothing from what it did not see', async () => {
    await run('old', { ttl: '1h' });
    await run('shop');
    const denied = (region: string) => ({
      kind: 'keeper' as const,
      place: { region },
      fault: new Fault('denied', 'AccessDenied', `may not list in ${region}`),
    });
    place.world.unasked = [denied('here'), denied('there')];
    await place.clock.advance(2 * HOUR);
    const outcome = await sweep();
    expect(outcome).toMatchObject({ unlisted: [], unasked: ['fake: keepers in here, there: may not list in here'] });
    expect(verdicts(outcome)).toEqual({ old: 'release', shop: 'keep' });
    expect(results(outcome)).toEqual({ old: 'released' });
  });

  it('looks where spins live by their records, and not in the region of its config alone', async () => {
    place.world.place = { account: '1', region: 'here' };
    await run('shop');
    await run('old', { ttl: '1h' });
    await run('dead');
    for (const { spin, key } of place.world.at().filter(({ spin: { id } }) => id === 'dead'))
      place.world.things.delete(`${spin.id}/${spin.incarnation}/${key}`);
    place.world.place = { account: '1', region: 'there' };
    await place.clock.advance(2 * HOUR);
    const outcome = await sweep();
    expect(outcome).toMatchObject({ unlisted: [], unasked: [] });
    expect(verdicts(outcome)).toEqual({ shop: 'keep', old: 'release', dead: 'release' });
    expect(results(outcome)).toEqual({ old: 'released', dead: 'released' });
    expect(left()).toEqual(['shop']);
  });

  it('says which account it does not reach, judges nothing there, and sweeps the rest', async () => {
    place.world.place = { account: '1', region: 'here' };
    await run('far', { ttl: '1h' });
    place.world.place = { account: '2', region: 'here' };
    await run('near', { ttl: '1h' });
    await place.clock.advance(2 * HOUR);
    const writes = await place.store.read(parseSpinId('far'));
    const outcome = await sweep();
    expect(outcome).toMatchObject({ unlisted: [], unasked: ['fake: everything in account 1: the spin lives in account 1'] });
    expect(verdicts(outcome)).toEqual({ far: 'keep', near: 'release' });
    expect(results(outcome)).toEqual({ near: 'released' });
    expect(await place.store.read(parseSpinId('far'))).toEqual(writes);
    expect(left()).toEqual(['far']);
  });

  it('concludes nothing of a spin whose region cannot be asked', async () => {
    place.world.place = { account: '1', region: 'here' };
    await run('shop');
    place.world.place = { account: '1', region: 'there' };
    place.world.unasked = [{ place: { region: 'here' }, fault: new Fault('denied', 'AccessDenied', 'may not look') }];
    await place.clock.advance(HOUR);
    for (const thing of place.world.at()) place.world.lose(thing.key);
    const outcome = await sweep();
    expect(outcome).toMatchObject({ unlisted: [], unasked: ['fake: everything in here: may not look'], swept: [] });
    expect(verdicts(outcome)).toEqual({ shop: 'keep' });
  });

  it('names the providers that only the environment speaks of, and asks them nothing', async () => {
    const look = () => place.run(gc({ ...appFor(place), providers: [], reachable: ['fake'] }, { dryRun: false }));
    expect(await look()).toMatchObject({ passedOver: ['fake'], examined: { records: 0, found: 0 } });
    expect(place.world.calls).toEqual([]);
    await run('shop');
    // A record speaks of it now.
    expect(await look()).toMatchObject({ passedOver: [], examined: { records: 1 } });
  });

  it('says what would be mended by an up, and ends what has nothing left that runs', async () => {
    await run('a');
    await run('b');
    const lose = (id: string, of: string) => {
      for (const thing of place.world.at(of))
        if (thing.spin.id === id) place.world.things.delete(`${id}/${thing.spin.incarnation}/${thing.key}`);
    };
    lose('a', 'keeper.keeper');
    for (const of of ['keeper.keeper', 'service.web']) lose('b', of);
    await place.clock.advance(HOUR);
    expect(verdicts(await sweep())).toEqual({ a: 'heal', b: 'release' });
    expect(left()).toEqual(['a']);
  });
});

describe('two sweeps at once', () => {
  it('do the same work once', async () => {
    for (const id of ['a', 'b', 'c']) await run(id, { ttl: '1h' });
    const { incarnation } = await run('orphan');
    await forget('orphan');
    await place.clock.advance(2 * HOUR);
    const both = await place.run(Promise.all([1, 2].map(() => gc(appFor(place, { answer: true }), { dryRun: false }))));
    expect(left()).toEqual([]);
    expect(await records()).toEqual([]);
    for (const id of ['a', 'b', 'c']) {
      expect(both.map((one) => results(one)[id])).toContain('released');
      expect(both.map((one) => results(one)[id])).not.toContain('failed');
    }
    expect(both.map((one) => results(one)[`orphan/${incarnation}`])).not.toContain('failed');
    expect(await place.store.ledger()).toHaveLength(3);
  });
});

describe('right before it deletes, a sweep looks again', () => {
  it('and spares what was extended since the survey', async () => {
    await run('shop', { ttl: '1h' });
    await place.clock.advance(2 * HOUR);
    place.world.during('inventory', async () => void (await extend(appFor(place), { id: 'shop', by: '2h' })), { when: 'after' });
    expect(Object.values(results(await sweep()))).toEqual([]);
    expect(left()).toEqual(['shop']);
  });

  it('and spares what was extended since it looked again', async () => {
    await run('shop', { ttl: '1h' });
    await place.clock.advance(2 * HOUR);
    const app = appFor(place);
    let reads = 0;
    const store = new Proxy(place.store, {
      get: (object, name): unknown => {
        if (name !== 'read') return Reflect.get(object, name);
        return async (id: Parameters<typeof object.read>[0]) => {
          // The first is the second look; the next is that of the lease.
          if (++reads === 2) await extend(app, { id: 'shop', by: '2h' });
          return object.read(id);
        };
      },
    });
    expect(results(await sweep({}, { store }))).toEqual({ shop: 'skipped' });
    expect(left()).toEqual(['shop']);
  });
});

it('asks before it deletes anything, and not where there is nothing to delete', async () => {
  const nobody = appFor(place);
  expect(await place.run(gc(nobody, { dryRun: false }))).toMatchObject({ swept: [] });
  expect(place.questions).toEqual([]);
  await place.run(up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'keep' }));
  await place.clock.advance(5 * 3_600_000);
  await expect(place.run(gc(nobody, { dryRun: false }))).rejects.toMatchObject({ code: 'confirmation-needed' });
  await expect(place.run(gc(appFor(place, { answer: false }), { dryRun: false }))).rejects.toMatchObject({ code: 'declined' });
  expect((await place.store.list()).records).toHaveLength(1);
});
