import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { adopt } from '../../src/app/adopt.ts';
import { lsCloud } from '../../src/app/cloud.ts';
import { credentials } from '../../src/app/credentials.ts';
import { down } from '../../src/app/down.ts';
import { gc } from '../../src/app/gc.ts';
import { ls } from '../../src/app/ls.ts';
import { up } from '../../src/app/up.ts';
import { isoTime } from '../../src/core/clock.ts';
import { parseSpinId } from '../../src/core/ids.ts';
import { OWNED } from '../../src/core/tags.ts';
import { Fault } from '../../src/providers/fault.ts';
import type { Store } from '../../src/store/store.ts';
import { createMemoryStore, type MemoryStore } from '../fakes/store.ts';
import { appFor, Place, type Setup } from './world.ts';

const SPEC = `
ttl: 4h
name: shop
tags: { team: core }
services:
  db: { run: db, port: auto }
  web: { run: web, expose: auto, needs: [db], replicas: 2 }
`;
const MINUTE = 60_000;
const SHOP = parseSpinId('shop');

let place: Place;
beforeEach(() => {
  place = new Place();
});

const app = (setup: Setup = {}) => appFor(place, { spec: SPEC, answer: true, ...setup });
const bringUp = (setup: Setup = {}) => place.run(up(app(setup), { file: '-', onFailure: 'keep' }));
const listed = async () => (await lsCloud(app())).spins.map(({ id, ours, recorded }) => ({ id, ours, recorded }));

async function loseTheRecord(): Promise<void> {
  const stored = (await place.store.read(SHOP)) ?? expect.fail();
  await place.store.remove(SHOP, stored.version);
}

function giveToOthers(): void {
  for (const thing of place.world.at()) thing.tags = { ...thing.tags, [OWNED.state]: 'of-another' };
}

describe('what the providers have', () => {
  it('is listed with a record and without', async () => {
    await bringUp();
    expect(await listed()).toEqual([{ id: 'shop', ours: true, recorded: true }]);
    await loseTheRecord();
    expect(await listed()).toEqual([{ id: 'shop', ours: true, recorded: false }]);
    giveToOthers();
    expect(await listed()).toEqual([{ id: 'shop', ours: false, recorded: false }]);
  });

  it('has owner and deadline of the record where the tags have none', async () => {
    await bringUp();
    for (const thing of place.world.at()) thing.tags = {};
    expect((await lsCloud(app())).spins).toMatchObject([
      { recorded: true, owner: 'ada', deadline: isoTime(place.clock.now() + 240 * MINUTE) },
    ]);
    await loseTheRecord();
    expect((await lsCloud(app())).spins[0]).not.toHaveProperty('owner');
  });

  it('tells owner and things, and whom it could not ask', async () => {
    await bringUp();
    const { spins } = await lsCloud(app());
    expect(spins).toMatchObject([{ owner: 'ada', provider: 'fake', createdAt: expect.stringMatching(/^20/) }]);
    expect(spins[0]?.things.map(({ resource }) => resource)).toContain('service.web@1');
    place.world.unasked = [{ kind: 'route', fault: new Fault('denied', 'AccessDenied', 'you may not') }];
    expect(await lsCloud(app())).toMatchObject({
      spins: [{ id: 'shop' }],
      unlisted: [{ provider: 'fake', problem: 'routes: you may not' }],
    });
    place.world.fail('inventory', new Fault('denied', 'ExpiredToken', 'the token is expired'));
    expect(await lsCloud(app())).toEqual({ spins: [], unlisted: [{ provider: 'fake', problem: 'the token is expired' }] });
  });
});

describe('adopting a spin whose record is lost', () => {
  it('with its spec goes on where it was: nothing is made again', async () => {
    await bringUp();
    const made = [...place.world.made];
    await loseTheRecord();
    expect(await place.run(adopt(app(), { id: 'shop', file: '-' }))).toMatchObject({ tookOver: false, withSpec: true, owner: 'ada' });
    expect(await bringUp()).toMatchObject({ result: expect.stringMatching(/resumed|changed|unchanged/) });
    expect(place.world.made).toEqual(made);
    expect(await bringUp()).toMatchObject({ result: 'unchanged' });
  });

  it('without its spec is enough to list it and to take it down', async () => {
    await bringUp();
    await loseTheRecord();
    await place.run(adopt(app(), { id: 'shop' }));
    expect((await ls(app())).spins).toMatchObject([{ id: 'shop', owner: 'ada', tags: { team: 'core' }, instances: expect.any(Number) }]);
    expect(await place.run(down(app(), { ids: ['shop'] }))).toMatchObject({ spins: [{ result: 'released', left: [] }] });
    expect(place.world.at()).toEqual([]);
  });

  it('is given its spec by a second one, and then goes on where it was', async () => {
    await bringUp();
    const made = [...place.world.made];
    await loseTheRecord();
    const bare = await place.run(adopt(app(), { id: 'shop' }));
    expect(bare.withSpec).toBe(false);
    await expect(place.run(adopt(app(), { id: 'shop' }))).rejects.toMatchObject({
      code: 'change-refused',
      hint: expect.stringContaining('spin adopt shop -f FILE'),
    });
    const { record } = (await place.store.read(SHOP)) ?? expect.fail();
    expect(await place.run(adopt(app(), { id: 'shop', file: '-' }))).toMatchObject({ withSpec: true, resources: bare.resources });
    expect((await place.store.read(SHOP))?.record.trace).toBe(record.trace);
    await bringUp();
    expect(place.world.made).toEqual(made);
    expect(await bringUp()).toMatchObject({ result: 'unchanged' });
    await expect(place.run(adopt(app(), { id: 'shop', file: '-' }))).rejects.toMatchObject({ hint: 'spin status shop' });
  });

  it('takes over what another state location owns only when it is agreed to', async () => {
    await bringUp();
    await loseTheRecord();
    giveToOthers();
    await expect(place.run(adopt(app({ answer: false }), { id: 'shop' }))).rejects.toMatchObject({ code: 'declined' });
    expect((await place.store.list()).records).toEqual([]);
    expect(await place.run(adopt(app(), { id: 'shop' }))).toMatchObject({ tookOver: true });
    expect(await listed()).toEqual([{ id: 'shop', ours: true, recorded: true }]);
  });

  it('goes on where an earlier one broke off between the record and the tags', async () => {
    await bringUp();
    await loseTheRecord();
    giveToOthers();
    place.world.fail('own', new Fault('denied', 'UnauthorizedOperation', 'may not tag'));
    await expect(place.run(adopt(app(), { id: 'shop', file: '-' }))).rejects.toMatchObject({ kind: 'denied' });
    const { record } = (await place.store.read(SHOP)) ?? expect.fail();
    expect(await place.run(adopt(app(), { id: 'shop' }))).toMatchObject({
      incarnation: record.incarnation,
      tookOver: true,
      withSpec: true,
    });
    expect((await place.store.read(SHOP))?.record.trace).toBe(record.trace);
    expect(await listed()).toEqual([{ id: 'shop', ours: true, recorded: true }]);
  });

  it('goes on, too, where it broke off between two tags', async () => {
    await bringUp();
    const [first] = place.world.at();
    if (first !== undefined) first.tags = { ...first.tags, [OWNED.state]: 'of-another' };
    expect(await listed()).toEqual([{ id: 'shop', ours: false, recorded: true }]);
    expect(await place.run(adopt(app(), { id: 'shop' }))).toMatchObject({ tookOver: true });
    expect(await listed()).toEqual([{ id: 'shop', ours: true, recorded: true }]);
  });

  it('is refused where there is a record, or nothing to adopt', async () => {
    await bringUp();
    await expect(place.run(adopt(app(), { id: 'shop' }))).rejects.toMatchObject({ code: 'change-refused' });
    await expect(place.run(adopt(app(), { id: 'nobody' }))).rejects.toMatchObject({ code: 'spin-not-found', hint: 'spin ls --cloud' });
  });
});

describe('a spin that another state location took over', () => {
  const theirs: Setup = { stateTag: 'theirs' };
  let others: MemoryStore;
  const there = (): Setup => ({ ...theirs, store: others });
  const sweep = (setup: Setup = {}) => place.run(gc(app(setup), { dryRun: false }));
  const machines = () => place.world.at('service.web').length;
  const recorded = async (store: Store) => (await store.list()).records.map(({ record }) => String(record.id));

  beforeEach(async () => {
    others = createMemoryStore({ now: () => place.clock.now() });
    place.world.place = { region: 'eu-central-1' };
    await bringUp();
  });
  const takeOver = () => place.run(adopt(app(there()), { id: 'shop' }));

  it('is forgotten by the sweep of the one that had it, which keeps what it cost and releases nothing', async () => {
    await takeOver();
    await place.clock.advance(20 * MINUTE);
    const dry = await place.run(gc(app(), { dryRun: true }));
    expect(dry.verdicts).toMatchObject([{ id: 'shop', verdict: 'forget', reason: expect.stringContaining('(theirs)') }]);
    const { swept } = await sweep();
    expect(swept).toMatchObject([{ subject: 'shop', result: 'forgotten' }]);
    expect([machines(), await recorded(place.store), await recorded(others)]).toEqual([1, [], ['shop']]);
    expect(await place.store.ledger()).toMatchObject([{ id: 'shop' }]);
    expect((await sweep(there())).swept).toEqual([]);
    expect(await place.run(down(app(there()), { ids: ['shop'] }))).toMatchObject({ spins: [{ result: 'released' }] });
    expect(place.world.at()).toEqual([]);
  });

  it('is not released though its deadline passed there, nor where it is taken over right before', async () => {
    await place.clock.advance(300 * MINUTE);
    // The survey, and the second look, still see it as ours.
    let asked = 0;
    const store = new Proxy(place.store, {
      get: (object, name): unknown => {
        if (name !== 'read') return Reflect.get(object, name);
        return async (id: Parameters<typeof object.read>[0]) => {
          if (++asked === 2) giveToOthers();
          return object.read(id);
        };
      },
    });
    expect((await sweep({ store })).swept).toMatchObject([{ result: 'skipped' }]);
    expect(machines()).toBe(1);
    expect((await sweep()).swept).toMatchObject([{ result: 'forgotten' }]);
    expect(machines()).toBe(1);
  });

  it('is not ended by a down of the one that had it, which says whose it is and what to type', async () => {
    await takeOver();
    expect(await place.run(down(app(), { ids: ['shop'] }))).toMatchObject({
      spins: [
        {
          result: 'failed',
          error: {
            code: 'change-refused',
            message: 'shop belongs to another state location (theirs, owner ada), and was left alone',
            hint: expect.stringContaining('spin adopt shop'),
          },
        },
      ],
    });
    expect(machines()).toBe(1);
    await place.run(adopt(app(), { id: 'shop' }));
    expect(await place.run(down(app(), { ids: ['shop'] }))).toMatchObject({ spins: [{ result: 'released' }] });
    expect(place.world.at()).toEqual([]);
  });

  it('is not called gone by a down without a record', async () => {
    await takeOver();
    await loseTheRecord();
    expect(await place.run(down(app({ stateTag: 'state' }), { ids: ['shop'] }))).toMatchObject({
      spins: [
        {
          result: 'failed',
          left: expect.arrayContaining(['fake service.web@1']),
          error: {
            code: 'release-failed',
            message: expect.stringMatching(/^shop belongs to another state location \(theirs, owner ada\), and was left alone: /),
            hint: 'spin adopt shop',
          },
        },
      ],
    });
    expect(machines()).toBe(1);
  });

  it('stays with the one that has it where the adopt broke off before the tags', async () => {
    place.world.fail('own', new Fault('denied', 'UnauthorizedOperation', 'may not tag'));
    await expect(takeOver()).rejects.toMatchObject({ kind: 'denied' });
    await place.clock.advance(20 * MINUTE);
    expect((await sweep(there())).swept).toMatchObject([{ result: 'forgotten' }]);
    expect((await sweep()).swept).toEqual([]);
    expect([machines(), await recorded(place.store), await recorded(others)]).toEqual([1, ['shop'], []]);
  });
});

describe('a sweep of a provider that can mark', () => {
  it('marks an orphan first, deletes it in a later sweep, and unmarks what was adopted meanwhile', async () => {
    place.world.marks = true;
    await bringUp();
    await loseTheRecord();
    await place.clock.advance(20 * MINUTE);
    const sweep = () => place.run(gc(app(), { dryRun: false }));
    expect((await sweep()).swept).toMatchObject([{ result: 'marked' }]);
    expect(place.world.at().length).toBeGreaterThan(0);
    expect((await sweep()).swept).toEqual([]);
    await place.clock.advance(MINUTE);
    expect((await sweep()).swept).toMatchObject([{ result: 'reclaimed' }]);
    expect(place.world.at()).toEqual([]);
  });
});

describe('where a spin lives', () => {
  it('is written down before anything is made, and goes with every call', async () => {
    place.world.place = { account: '123456789012', region: 'eu-central-1' };
    await bringUp();
    expect((await place.store.read(SHOP))?.record.place).toEqual(place.world.place);
    expect(place.world.one('service.db').spin.place).toEqual(place.world.place);
  });

  it('is the only place where it can be taken for gone: credentials of another account end nothing, and begin no second life', async () => {
    const home = { account: '123456789012', region: 'eu-central-1' };
    place.world.place = home;
    await bringUp();
    const made = place.world.made.length;
    place.world.place = { ...home, account: '999999999999' };
    expect(await place.run(down(app(), { ids: ['shop'] }))).toMatchObject({
      spins: [{ result: 'failed', error: { message: expect.stringContaining('the spin lives in account 123456789012') } }],
    });
    await place.clock.advance(5 * 60 * MINUTE);
    await expect(bringUp()).rejects.toMatchObject({ code: 'release-failed' });
    expect(place.world.made).toHaveLength(made);
    expect((await place.store.read(SHOP))?.record).toMatchObject({ place: home, desired: 'down' });
    place.world.place = home;
    expect(await place.run(down(app(), { ids: ['shop'] }))).toMatchObject({ spins: [{ result: 'released', left: [] }] });
    expect(place.world.at()).toEqual([]);
  });

  it('that may not be worked in leaves no record', async () => {
    place.world.fail('locate', new Fault('denied', 'account-not-allowed', 'account 1 is not one of aws.accounts'));
    await expect(bringUp()).rejects.toMatchObject({
      code: 'preflight-failed',
      message: 'account 1 is not one of aws.accounts',
      data: { fault: { class: 'account-not-allowed' } },
    });
    const away = new Fault('transient', 'unreachable', 'nobody answers');
    place.world.fail('locate', away);
    await expect(bringUp()).rejects.toBe(away);
    expect((await place.store.list()).records).toEqual([]);
  });
});

describe('credentials of a spin', () => {
  it('never outlive it', async () => {
    await bringUp();
    const now = place.clock.now();
    const hour = { id: 'shop', expiresAt: isoTime(now + 60 * MINUTE), warnings: [] };
    expect(await credentials(app(), { id: 'shop' })).toMatchObject(hour);
    const { expiresAt, warnings } = await credentials(app(), { id: 'shop', duration: '12h' });
    expect(Date.parse(expiresAt) - now).toBeLessThanOrEqual(240 * MINUTE);
    expect(warnings).toEqual([expect.stringMatching(/^they hold for 4h and not for 12h, as shop ends then; spin extend shop moves that$/)]);
    await expect(credentials(app(), { id: 'shop', duration: '5m' })).rejects.toMatchObject({
      code: 'usage',
      hint: 'spin creds --help',
    });
    await place.clock.advance(230 * MINUTE);
    await expect(credentials(app(), { id: 'shop' })).rejects.toMatchObject({ code: 'change-refused' });
  });
});

describe('a down without a record', () => {
  it('asks those that only the environment speaks of too, and says where they could not be asked', async () => {
    await bringUp();
    await loseTheRecord();
    const elsewhere = { ...app(), providers: [], reachable: ['fake'] };
    place.world.fail('inventory', new Fault('denied', 'ExpiredToken', 'the token is expired'));
    expect(await place.run(down(elsewhere, { ids: ['shop'] }))).toMatchObject({
      spins: [{ result: 'unknown', unlisted: ['fake'], unasked: ['fake: the token is expired'] }],
    });
    expect(await place.run(down(elsewhere, { ids: ['shop'] }))).toMatchObject({ spins: [{ result: 'released', left: [] }] });
    expect(place.world.at()).toEqual([]);
  });

  it('ends what only another config would have made, and says what it may not ask for', async () => {
    await bringUp();
    await loseTheRecord();
    place.world.beyond.add('keeper');
    expect(place.world.at().map(({ kind }) => kind)).toContain('keeper');
    const denied = new Fault('denied', 'AccessDenied', 'may not list');
    place.world.unasked = [{ kind: 'route', place: { region: 'here' }, fault: denied }];
    expect(await place.run(down(app(), { ids: ['shop'] }))).toMatchObject({
      spins: [{ result: 'released', unasked: ['fake: routes in here: may not list'] }],
    });
    expect(place.world.at().filter(({ kind }) => kind !== 'route')).toEqual([]);
    const [again] = (await place.run(down(app(), { ids: ['shop'] }))).spins;
    expect(again).toMatchObject({ result: 'absent', unasked: ['fake: routes in here: may not list'] });
    expect(again?.unlisted).toBeUndefined();
  });

  it('fails where a provider that is in use cannot be asked, by config, record or the spec at hand', async () => {
    const expired = new Fault('denied', 'ExpiredToken', 'the token is expired');
    place.world.fail('inventory', expired);
    expect(await place.run(down(app(), { ids: ['shop'] }))).toMatchObject({ spins: [{ result: 'failed' }] });
    const cwd = await mkdtemp(join(tmpdir(), 'spin-cloud-'));
    onTestFinished(() => rm(cwd, { recursive: true }));
    await writeFile(join(cwd, 'spin.yaml'), SPEC);
    place.world.fail('inventory', expired);
    expect(await place.run(down({ ...app({ cwd }), providers: [] }, { ids: ['shop'] }))).toMatchObject({ spins: [{ result: 'failed' }] });
  });

  it('ends what is of this state location, and leaves alone what is of another', async () => {
    await bringUp();
    await loseTheRecord();
    const theirs = place.world.one('service.db');
    theirs.tags = { ...theirs.tags, [OWNED.state]: 'of-another' };
    expect(await place.run(down(app({ stateTag: 'state' }), { ids: ['shop'] }))).toMatchObject({
      spins: [{ result: 'failed', left: ['fake service.db@1'] }],
    });
    expect(place.world.at()).toEqual([theirs]);
  });
});
