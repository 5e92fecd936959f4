import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { down, type DownRequest } from '../../src/app/down.ts';
import { up } from '../../src/app/up.ts';
import { makeIncarnation, parseSpinId } from '../../src/core/ids.ts';
import { Fault } from '../../src/providers/fault.ts';
import { appFor, Place, type Setup } from './world.ts';

const SPEC = `
name: shop
ttl: 4h
secrets: { password: { generate: 32 } }
services:
  db: { run: db, port: auto, secrets: [password] }
  web: { run: web, expose: auto, needs: [db] }
`;

let place: Place;
beforeEach(() => {
  place = new Place();
});

const run = (spec: string, request: { readonly id?: string; readonly tags?: Readonly<Record<string, string>> } = {}, setup: Setup = {}) =>
  place.run(up(appFor(place, { spec, ...setup }), { file: '-', onFailure: 'keep', ...request }));
const take = (request: Partial<DownRequest> = {}, setup: Setup = {}) =>
  place.run(down(appFor(place, { answer: true, ...setup }), { ids: ['shop'], ...request }));
const ids = async () => (await place.store.list()).records.map(({ record }) => record.id).toSorted();
const untilDeadline = async () => {
  const { records } = await place.store.list();
  await place.clock.advance(Math.max(...records.map(({ record }) => record.deadline)) - place.clock.now());
};
const stuck = new Fault('denied', 'not-yours', 'may not be deleted');

describe('down', () => {
  it('takes everything away, proves it, and keeps what it cost', async () => {
    await run(SPEC, {}, { price: () => 3_600_000 });
    await place.clock.advance(1_000);
    const { spins } = await take();
    expect(spins).toMatchObject([{ id: 'shop', result: 'released', left: [], releasedResources: 6, secretsDestroyed: 1 }]);
    expect(place.world.at()).toEqual([]);
    expect(await ids()).toEqual([]);
    const [entry] = await place.store.ledger();
    expect(entry?.cost).toBe(spins[0]?.cost);
    expect(entry?.cost).toBeGreaterThanOrEqual(2_000);
    expect(place.events.at(-1)).toMatchObject({ type: 'spin.released' });
  });

  it('is the same when it is run again', async () => {
    await run(SPEC);
    await take();
    expect(await take()).toMatchObject({ spins: [{ result: 'absent', left: [] }] });
    expect(await place.store.ledger()).toHaveLength(1);
  });

  it('deletes by their tags what has no record any more', async () => {
    await run(SPEC);
    const { version } = (await place.store.list()).records[0] ?? expect.fail();
    await place.store.remove(parseSpinId('shop'), version);
    expect(await take()).toMatchObject({ spins: [{ result: 'released', releasedResources: 6 }] });
    expect(place.world.at()).toEqual([]);
  });

  it('tries on, where it found no record, while a cloud says not now', async () => {
    await run(SPEC);
    const { version } = (await place.store.list()).records[0] ?? expect.fail();
    await place.store.remove(parseSpinId('shop'), version);
    place.world.fail('reclaim', new Fault('transient', 'VolumeInUse', 'the disk is in use'), { times: 5 });
    expect(await take()).toMatchObject({ spins: [{ result: 'released' }] });
    expect(place.world.at()).toEqual([]);
  });

  it('waits, where it found no record, for a database as long as with one, and for what goes after it', async () => {
    await run(SPEC);
    const db = place.world.one('service.web');
    place.world.plant(db, { key: 'database.db@1', kind: 'database' });
    const { version } = (await place.store.list()).records[0] ?? expect.fail();
    await place.store.remove(parseSpinId('shop'), version);
    place.world.fail('reclaim', new Fault('transient', 'InvalidDBInstanceState', 'db is backing up'), { times: 300 });
    place.world.releaseLooks = 5;
    expect(await take()).toMatchObject({ spins: [{ result: 'released' }] });
    expect(place.world.at()).toEqual([]);
  });

  it('leaves alone, where it found no record, what an up makes meanwhile', async () => {
    place.world.during('inventory', async () => {
      await up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'keep' });
    });
    expect(await take()).toMatchObject({ spins: [{ result: 'absent' }] });
    expect(place.world.at()).toHaveLength(6);
    expect(await run(SPEC)).toMatchObject({ result: 'unchanged' });
  });

  it('leaves another life of the spin alone', async () => {
    const { incarnation } = await run(SPEC);
    expect(await take({ incarnation: makeIncarnation(0), expired: true })).toMatchObject({ spins: [{ result: 'absent' }] });
    expect(place.world.at()).toHaveLength(6);
    await untilDeadline();
    expect(await take({ incarnation, expired: true })).toMatchObject({ spins: [{ result: 'released' }] });
  });

  it('wins over an up that is at work', async () => {
    place.world.delay('service.db', Infinity);
    const upping = up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'rollback' });
    const ended = upping.then(
      () => 'up',
      (thrown: { readonly code: string }) => thrown.code,
    );
    await place.clock.advance(1_000);
    expect(await take()).toMatchObject({ spins: [{ result: 'released' }] });
    expect(await place.run(ended)).toBe('lease-lost');
    await place.clock.advance(60_000);
    expect(place.world.at()).toEqual([]);
    expect(await ids()).toEqual([]);
  });

  it('is what an up tells that lost its lease to it, whatever else failed because of that', async () => {
    // What else was on its way takes longer to look after: the failure comes first.
    place.world.hang('create', { of: 'service.db' });
    place.world.during('release', () => place.clock.sleep(5_000), { of: 'service.db', times: 2 });
    place.world.during(
      'create',
      async (signal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        throw new Fault('denied', 'state-unwritable', 'the folder is gone');
      },
      { of: 'route.web' },
    );
    const ended = up(appFor(place, { spec: SPEC }), { file: '-', onFailure: 'rollback' }).catch((thrown: unknown) => thrown);
    await place.clock.advance(1_000);
    expect(await take()).toMatchObject({ spins: [{ result: 'released' }] });
    expect(await place.run(ended)).toMatchObject({ code: 'lease-lost' });
    expect(await ids()).toEqual([]);
  });

  it('does not stop another down, and waits for it where it was told to', async () => {
    await run(SPEC);
    place.world.releaseLooks = 10;
    const first = down(appFor(place, { answer: true }), { ids: ['shop'] });
    await place.clock.advance(100);
    expect(await take()).toMatchObject({ spins: [{ result: 'failed', error: { code: 'lease-held' } }] });
    expect(await take({ wait: true })).toMatchObject({ spins: [{ result: 'absent' }] });
    expect(await place.run(first)).toMatchObject({ spins: [{ result: 'released' }] });
  });

  it('says what is left, and goes on from there', async () => {
    await run(SPEC);
    place.world.fail('release', stuck, { of: 'secret.password', times: 1 });
    place.world.fail('reclaim', stuck, { times: 1 });
    expect(await take()).toMatchObject({
      spins: [
        {
          result: 'failed',
          error: { code: 'release-failed', message: expect.stringContaining('secret.password@1'), hint: 'spin down shop' },
        },
      ],
    });
    expect(await ids()).toEqual(['shop']);
    expect(await take()).toMatchObject({ spins: [{ result: 'released' }] });
    expect(place.world.at()).toEqual([]);
  });
});

describe('down of many', () => {
  beforeEach(async () => {
    for (const [id, team] of [
      ['a', 'blue'],
      ['b', 'red'],
      ['c', 'blue'],
    ] as const)
      await run(SPEC, { id, tags: { team } });
  });

  it('takes all, or those with a tag', async () => {
    const some = await take({ ids: [], tags: { team: 'blue' } });
    expect(some.spins.map(({ id, result }) => [id, result])).toEqual([
      ['a', 'released'],
      ['c', 'released'],
    ]);
    expect(await ids()).toEqual(['b']);
    expect((await take({ ids: [], all: true })).spins).toMatchObject([{ id: 'b', result: 'released' }]);
    expect(place.world.at()).toEqual([]);
  });

  it('spares what a keep tag holds, unless it is named or forced', async () => {
    const keep = '2030-01-01';
    await run(SPEC, { id: 'held', tags: { team: 'red', keep } });
    const all = await take({ ids: [], all: true });
    expect(all.spins.map(({ id, result }) => [id, result])).toContainEqual(['held', 'kept']);
    expect(await ids()).toEqual(['held']);
    expect((await take({ ids: [], tags: { team: 'red' } })).spins).toMatchObject([{ id: 'held', result: 'kept' }]);
    expect((await take({ ids: ['held'] })).spins).toMatchObject([{ result: 'released' }]);
    await run(SPEC, { id: 'held', tags: { team: 'red', keep } });
    expect((await take({ ids: [], all: true, force: true })).spins).toMatchObject([{ result: 'released' }]);
  });

  it('asks first, and does nothing where the answer is no, or nobody is there', async () => {
    await expect(take({ ids: [], all: true }, { answer: false })).rejects.toMatchObject({ code: 'declined', exit: 5 });
    const { answer: _none, ...nobody } = { answer: true };
    await expect(place.run(down(appFor(place, nobody), { ids: ['a', 'b'] }))).rejects.toMatchObject({ code: 'confirmation-needed' });
    expect(place.questions.map(({ items }) => items)).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b'],
    ]);
    expect(await ids()).toEqual(['a', 'b', 'c']);
  });

  it('goes on with the others where one fails', async () => {
    place.world.fail('release', stuck, { of: 'keeper.keeper' });
    place.world.fail('reclaim', stuck);
    const { spins } = await take({ ids: ['a', 'b', 'c'] });
    expect(spins.map(({ result }) => result).toSorted()).toEqual(['failed', 'released', 'released']);
    expect(await ids()).toHaveLength(1);
  });

  it('takes either names or a choice, not both', async () => {
    await expect(take({ ids: ['a'], all: true })).rejects.toMatchObject({ code: 'usage' });
  });

  it('does nothing, and asks nothing, where there is none', async () => {
    expect(await take({ ids: [], tags: { team: 'green' } })).toEqual({ spins: [] });
    expect(place.questions).toEqual([]);
  });
});

describe('the evacuation hook', () => {
  async function folder(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'spin-evacuate-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    return dir;
  }
  const hooked = (command: string) => `${SPEC}evacuate: ${JSON.stringify(command)}\n`;

  it('runs before anything is taken away, with the addresses of what serves', async () => {
    const cwd = await folder();
    await run(hooked('echo "$SPIN_ID at ${services.web.url}" > out'), {}, { cwd });
    await take();
    expect(await readFile(join(cwd, 'out'), 'utf8')).toMatch(/^shop at http:\/\/127\.0\.0\.1:\d+\n$/);
    expect(place.world.at()).toEqual([]);
  });

  it('stops the down where it fails, and does not where that was asked for', async () => {
    const cwd = await folder();
    await run(hooked('exit 3'), {}, { cwd });
    expect(await take()).toMatchObject({
      spins: [{ result: 'failed', error: { code: 'release-failed', hint: 'spin down shop --force goes on without it' } }],
    });
    expect(place.world.at()).toHaveLength(6);
    expect(await take({ force: true })).toMatchObject({ spins: [{ result: 'released' }] });
    expect(place.events.filter(({ type }) => type === 'hook.failed')).toHaveLength(2);
  });

  it('holds nothing back at the deadline', async () => {
    const cwd = await folder();
    await run(hooked('exit 3'), {}, { cwd });
    await untilDeadline();
    expect(await take({ expired: true })).toMatchObject({ spins: [{ result: 'released' }] });
  });

  it('does not run for a spin that never was up', async () => {
    const cwd = await folder();
    place.world.ail('service.web', { class: 'crash-loop', message: 'it ended five times' });
    await run(hooked('touch out'), {}, { cwd }).catch(() => undefined);
    expect(await take()).toMatchObject({ spins: [{ result: 'released' }] });
    await expect(readFile(join(cwd, 'out'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

it('at a deadline that was moved meanwhile leaves the spin, and the lease, alone', async () => {
  await run(SPEC);
  expect((await take({ expired: true })).spins).toMatchObject([{ result: 'kept' }]);
  expect(place.world.at()).not.toEqual([]);
  await untilDeadline();
  expect((await take({ expired: true })).spins).toMatchObject([{ result: 'released' }]);
});
