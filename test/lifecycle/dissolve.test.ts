import { beforeEach, describe, expect, it } from 'vitest';
import { SpinError } from '../../src/core/errors.ts';
import { makeIncarnation } from '../../src/core/ids.ts';
import { base } from '../../src/lifecycle/effects.ts';
import { turnedDown } from '../../src/lifecycle/release.ts';
import { Fault } from '../../src/providers/fault.ts';
import type { ResourceRecord } from '../../src/store/record.ts';
import { EXPOSED, specOf } from '../plan/specs.ts';
import { Stage } from './stage.ts';

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});

const SPEC = specOf({ db: { volumes: ['data'], secrets: ['password'] }, web: { ...EXPOSED, needs: ['db'] }, cron: { needs: ['db'] } });
const stuck = new Fault('denied', 'not-yours', 'may not be deleted');
const failing = (work: Promise<unknown>): Promise<SpinError> =>
  work.then(
    () => expect.fail('it did not fail'),
    (thrown: SpinError) => thrown,
  );
/** What the provider still has, and what the record still lists. */
const left = () => [...stage.world.at().map(({ key }) => key), ...Object.keys(stage.record.resources)];

it('writes down at once that all shall go, and what goes first; then nothing is written twice', async () => {
  await stage.converge(SPEC);
  const turned = turnedDown(stage.record, 1_000);
  expect(turned).toMatchObject({ desired: 'down', updatedAt: 1_000 });
  const going = Object.values(turned.resources).filter(({ status }) => status === 'releasing');
  expect(going.map(({ key }) => key).toSorted()).toEqual(['registration.web@1', 'service.cron@1']);
  for (const resource of going) expect(resource).toMatchObject({ since: 1_000, handle: expect.anything() });
  expect(turnedDown(turned, 2_000).resources).toEqual(turned.resources);
});

it('releases everything in reverse, independent things at once', async () => {
  await stage.converge(SPEC);
  stage.moves();
  stage.world.releaseLooks = 3;
  await stage.dissolve();
  expect(left()).toEqual([]);
  const order = stage.events.flatMap(({ type, resource }) => (type === 'resource.released' ? [resource ?? ''] : []));
  const before = (first: string, second: string) => expect(order.indexOf(first)).toBeLessThan(order.indexOf(second));
  before('registration.web@1', 'service.web@1');
  before('service.web@1', 'service.db@1');
  before('service.cron@1', 'service.db@1');
  before('service.db@1', 'volume.data@1');
  before('volume.data@1', 'keeper.keeper@1');
  const asked = stage.moves();
  // cron was asked to go before web was gone.
  expect(asked.indexOf('release service.cron@1')).toBeLessThan(asked.indexOf('release service.db@1'));
  expect(order).toHaveLength(8);
});

it('waits until what was asked to go is proven gone', async () => {
  await stage.converge(SPEC);
  stage.world.releaseLooks = 40;
  const began = stage.clock.now();
  await stage.dissolve();
  expect(left()).toEqual([]);
  expect(stage.clock.now() - began).toBeGreaterThan(40 * 250);
});

it.each<[string, (resource: ResourceRecord) => ResourceRecord]>([
  ['creating', (one) => ({ ...base(one), status: 'creating' })],
  ['booting', (one) => ({ ...base(one), status: 'booting', handle: {} })],
  ['failed', (one) => ({ ...base(one), status: 'failed', at: 'booting', fault: { class: 'crash-loop', message: 'ended' } })],
  ['releasing', (one) => ({ ...base(one), status: 'releasing' })],
])('works from a half-made spin, where things are written down as %s', async (_status, change) => {
  for (const exists of [true, false]) {
    const one = new Stage();
    await one.converge(SPEC);
    for (const key of Object.keys(one.statuses())) {
      await one.rewrite(key, change);
      if (!exists) one.world.lose(key);
    }
    await one.dissolve();
    expect(one.world.at()).toEqual([]);
    expect(one.record.resources).toEqual({});
  }
});

it('deletes what carries our tags though the record does not know of it', async () => {
  await stage.converge(SPEC);
  const web = stage.world.one('service.web');
  stage.world.plant(web, { key: 'service.web@9', token: 'lost' });
  stage.world.plant(web, { spin: { ...web.spin, incarnation: makeIncarnation(0) } });
  await stage.dissolve();
  expect(left()).toEqual([]);
});

it('goes on with the others where one cannot be released, and ends it by its tags', async () => {
  await stage.converge(SPEC);
  stage.world.fail('release', stuck, { of: 'service.cron', times: Infinity });
  await stage.dissolve();
  expect(left()).toEqual([]);
});

it('says what is left, why, and keeps it in the record', async () => {
  await stage.converge(SPEC);
  stage.world.fail('release', stuck, { of: 'volume.data', times: Infinity });
  stage.world.fail('reclaim', stuck, { times: Infinity });
  const error = await failing(stage.dissolve());
  expect(error).toMatchObject({ code: 'release-failed', message: expect.stringContaining('volume.data@1') });
  expect(stage.record.resources).toMatchObject({ 'volume.data@1': { status: 'releasing', fault: { class: 'not-yours' } } });
  expect(stage.world.at('service.db')).toEqual([]);
});

it('never takes a list that could not be had for an empty one', async () => {
  await stage.converge(SPEC);
  stage.world.fail('inventory', new Fault('throttled', 'slow-down', 'slow down'), { times: 3 });
  await stage.dissolve();
  expect(left()).toEqual([]);

  const blind = new Stage();
  await blind.converge(SPEC);
  blind.world.fail('inventory', new Fault('denied', 'blind', 'may not list'), { times: Infinity });
  await expect(blind.dissolve()).rejects.toMatchObject({ class: 'blind' });
});

it('takes nothing for gone where the credentials are of another account than the spin lives in', async () => {
  const home = { account: '1', region: 'here' };
  stage.world.place = home;
  await stage.converge(SPEC);
  const things = stage.world.at().length;
  stage.world.place = { account: '2', region: 'here' };
  expect(await failing(stage.dissolve())).toMatchObject({ code: 'release-failed', message: expect.stringContaining('account 1') });
  expect(Object.keys(stage.record.resources)).toHaveLength(things);
  expect(stage.world.at()).toHaveLength(things);
  stage.world.place = home;
  await stage.dissolve();
  expect(left()).toEqual([]);
});

it('looks for what is left where the spin lives, and not where the config looks by itself', async () => {
  stage.world.place = { account: '1', region: 'there' };
  await stage.converge(SPEC);
  stage.world.place = { account: '1', region: 'here' };
  const web = stage.world.one('service.web');
  stage.world.plant(web, { key: 'service.web@9', token: 'lost' });
  await stage.dissolve();
  expect(left()).toEqual([]);
});

describe('what could not be released', () => {
  beforeEach(async () => {
    await stage.converge(SPEC);
    stage.world.fail('release', stuck, { of: 'keeper.keeper', times: Infinity });
  });

  it('is looked for though this config has no use for its kind', async () => {
    stage.world.beyond.add('keeper');
    stage.world.fail('reclaim', stuck, { times: Infinity });
    expect(await failing(stage.dissolve())).toMatchObject({ code: 'release-failed', message: expect.stringContaining('keeper.keeper@1') });
    expect(left()).toEqual(['keeper.keeper@1', 'keeper.keeper@1']);
  });

  it('is ended by its tags where it is found so', async () => {
    stage.world.beyond.add('keeper');
    await stage.dissolve();
    expect(left()).toEqual([]);
  });

  it('is not taken for gone where nobody may look for its kind, and what else is left is ended first', async () => {
    stage.world.unasked = [{ kind: 'keeper', fault: stuck }];
    stage.world.fail('release', stuck, { of: 'volume.data', times: Infinity });
    expect(await failing(stage.dissolve())).toMatchObject({ code: 'release-failed' });
    expect(stage.world.at().map(({ key }) => key)).toEqual(['keeper.keeper@1']);
    expect(Object.keys(stage.record.resources)).toEqual(expect.arrayContaining(['keeper.keeper@1']));
  });

  it('of other kinds is no matter', async () => {
    stage.world.unasked = [{ kind: 'route', fault: stuck }];
    await stage.dissolve();
    expect(left()).toEqual([]);
  });
});

it('looks no further than the config where all was released, whoever may not be asked there', async () => {
  await stage.converge(SPEC);
  stage.world.unasked = [{ kind: 'keeper', fault: stuck }, { fault: stuck }];
  await stage.dissolve();
  expect(left()).toEqual([]);
});

it('tries a throttled release again', async () => {
  await stage.converge(SPEC);
  stage.world.fail('release', new Fault('throttled', 'slow-down', 'slow down'), { of: 'service.web', times: 3 });
  await stage.dissolve();
  expect(left()).toEqual([]);
  expect(stage.world.calls.filter((call) => call === 'release service.web@1')).toHaveLength(4);
});

it('gives up at a deadline what never goes, and says so', async () => {
  await stage.converge(SPEC);
  stage.world.releaseLooks = Infinity;
  const error = await failing(stage.dissolve());
  expect(error).toMatchObject({ code: 'release-failed' });
  expect(stage.statuses()).toMatchObject({ 'service.web@1': 'releasing', 'service.db@1': 'ready' });
});

it('waits for a database that only its tags tell of for as long as for one in the record', async () => {
  await stage.converge(SPEC);
  stage.world.plant(stage.world.one('service.web'), { key: 'database.db@1', kind: 'database' });
  stage.world.fail('reclaim', new Fault('transient', 'InvalidDBInstanceState', 'db is backing up'), { times: 100 });
  await stage.dissolve();
  expect(left()).toEqual([]);
});

it('stops soon after an abort, and goes on from there', async () => {
  await stage.converge(SPEC);
  stage.world.releaseLooks = 1_000;
  const work = stage.dissolve();
  await stage.clock.advance(0);
  stage.stop.abort(new Error('SIGINT'));
  await expect(work).rejects.toThrow('SIGINT');
  await (await stage.work()).session.close();
  stage.world.releaseLooks = 1;
  for (const thing of stage.world.at()) if (thing.leavesIn !== undefined) thing.leavesIn = 1;
  const next = new Stage(stage.place);
  await next.dissolve();
  expect(next.world.at()).toEqual([]);
});

it('tells why it takes so long where a provider fails again and again, once for each reason, and not of what passes at once', async () => {
  await stage.converge(SPEC);
  const down = new Fault('transient', 'unreachable', 'nobody answers');
  const away = new Fault('transient', 'unreachable', 'the name is not known');
  stage.world.fail('release', down, { of: 'service.cron', times: 6 });
  stage.world.fail('release', away, { of: 'service.cron', times: 3 });
  stage.world.fail('release', down, { of: 'service.web', times: 2 });
  stage.world.fail('inventory', down, { times: 6 });
  await stage.dissolve();
  expect(left()).toEqual([]);
  const told = stage.events.filter(({ type }) => type === 'provider.retried');
  const { message, class: cause } = down;
  expect(told).toMatchObject([
    { resource: 'service.cron@1', phase: 'release', fault: { class: cause, message } },
    { resource: 'service.cron@1', phase: 'release', fault: away.note() },
    { phase: 'release', fault: { class: cause, message } },
  ]);
  expect(told.at(-1)?.resource).toBeUndefined();
});

describe('a down that stood still until another had taken the spin down, and a new life began', () => {
  const nextLife = async (): Promise<Stage> => {
    const other = new Stage(stage.place);
    other.use(await stage.open('preempt'));
    await other.dissolve();
    await (await other.work()).session.remove();
    await stage.clock.advance(10);
    const next = new Stage(stage.place);
    await next.converge(SPEC);
    return next;
  };

  it.each(['inventory', 'release'] as const)(
    'leaves that alone, and says that it lost the lease, where it stood still at %s',
    async (verb) => {
      await stage.converge(SPEC);
      const life: Stage[] = [];
      // The last that is released: nothing else notices.
      const of = verb === 'release' ? { of: 'keeper.keeper' } : {};
      const stoodStill = async (): Promise<void> => {
        life.push(await nextLife());
        if (verb === 'release') throw new TypeError('ENOENT: the folder is gone');
      };
      stage.world.during(verb, stoodStill, of);
      expect(await failing(stage.dissolve())).toMatchObject({ code: 'lease-lost' });
      expect(life[0]?.serials()).toEqual(stage.serials());
      expect(Object.keys(life[0]?.serials() ?? {})).toHaveLength(8);
      expect(new Set(stage.world.at().map(({ spin }) => spin.incarnation))).toEqual(new Set([life[0]?.record.incarnation]));
    },
  );
});

it('sweeps on where the store cannot be asked whether the lease is still held, but only its own life', async () => {
  await stage.converge(SPEC);
  stage.world.plant(stage.world.one('service.cron'), {
    key: 'service.old@1',
    spin: { ...stage.world.one('service.cron').spin, incarnation: makeIncarnation(0) },
  });
  stage.world.fail('release', new Fault('invalid', 'stuck', 'cannot be deleted'), { of: 'service.db' });
  const { store } = stage.place;
  const read = store.read.bind(store);
  let broken = 3;
  store.read = (id) => (broken-- > 0 ? Promise.reject(new SpinError('state-unwritable', 'no answer')) : read(id));
  const reclaimed: string[][] = [];
  const { provider } = await stage.work();
  const reclaim = provider.reclaim.bind(provider);
  provider.reclaim = (found, call) => {
    reclaimed.push(found.map(({ resource }) => resource));
    return reclaim(found, call);
  };
  await stage.dissolve();
  expect(stage.world.at()).toEqual([]);
  expect(reclaimed[0]).toContain('service.db@1');
  expect(reclaimed[0]).not.toContain('service.old@1');
  expect(reclaimed.flat()).toContain('service.old@1');
});
