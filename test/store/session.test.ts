import { beforeEach, describe, expect, it } from 'vitest';
import { SpinError } from '../../src/core/errors.ts';
import { makeIncarnation, parseSpinId } from '../../src/core/ids.ts';
import type { SpinRecord } from '../../src/store/record.ts';
import { openSession, type Session, type SessionOptions } from '../../src/store/session.ts';
import { ManualClock } from '../fakes/clock.ts';
import { createMemoryStore, type MemoryStore } from '../fakes/store.ts';
import { sampleHolder, sampleLease, sampleRecord, START, there } from './samples.ts';

const id = parseSpinId('web');
const upHolder = sampleHolder({ pid: 1, command: 'up' });
const downHolder = sampleHolder({ pid: 2, user: 'bob', command: 'down' });

let clock: ManualClock;
let store: MemoryStore;
beforeEach(() => {
  clock = new ManualClock(START);
  store = createMemoryStore({ now: () => clock.now() });
});

const tagged =
  (name: string) =>
  (record: SpinRecord): SpinRecord => ({ ...record, tags: { ...record.tags, [name]: String(Object.keys(record.tags).length) } });

function options(change: Partial<SessionOptions> = {}): SessionOptions {
  return { store, id, holder: upHolder, clock, alive: () => true, take: 'claim', create: () => sampleRecord({ tags: {} }), ...change };
}

async function open(change: Partial<SessionOptions> = {}): Promise<Session> {
  return there(await openSession(options(change)));
}

describe('opening', () => {
  it('is undefined where there is no record and none is to be made', async () => {
    const { create: _create, ...without } = options();
    expect(await openSession(without)).toBeUndefined();
    expect(await store.read(id)).toBeUndefined();
  });

  it('writes the first record together with the lease', async () => {
    const session = await open();
    expect(session.fence).toBe(1);
    expect(await store.read(id)).toMatchObject({
      record: session.record,
      fence: 1,
      lease: { holder: upHolder, fence: 1, acquiredAt: START, expiresAt: START + 15_000 },
    });
    await session.close();
  });

  it('takes an existing record as it is, with the next number', async () => {
    const first = await open();
    await first.update(tagged('first'));
    await first.close();
    const second = await open({ holder: downHolder, create: () => sampleRecord({ tags: { wrong: 'yes' } }) });
    expect(second.fence).toBe(2);
    expect(second.record.tags).toEqual({ first: '0' });
    await second.close();
  });

  it('refuses a lease that another holds, naming the holder', async () => {
    const first = await open();
    await clock.advance(2_000);
    await expect(open({ holder: downHolder })).rejects.toMatchObject({ code: 'lease-held', data: { holder: upHolder } });
    expect(first.lost.aborted).toBe(false);
    await first.close();
  });

  it('waits for the lease as long as it was told', async () => {
    const first = await open();
    const second = open({ holder: downHolder, waitMs: 3_000 });
    await clock.advance(1_000);
    await first.close();
    await clock.advance(100);
    await (await second).close();

    const third = await open();
    const fourth = open({ holder: downHolder, waitMs: 3_000 }).catch((thrown: unknown) => thrown);
    await clock.advance(2_999);
    await clock.advance(1);
    expect(await fourth).toMatchObject({ code: 'lease-held' });
    await third.close();
  });

  it('stops waiting when its signal aborts', async () => {
    const first = await open();
    const stop = new AbortController();
    const second = open({ holder: downHolder, waitMs: 60_000, signal: stop.signal }).catch((thrown: unknown) => thrown);
    await clock.advance(500);
    const reason = new SpinError('interrupted', 'interrupted');
    stop.abort(reason);
    expect(await second).toBe(reason);
    await first.close();
  });

  it('takes the lease of a holder that died on this host, not of one elsewhere before it expires', async () => {
    await store.write(undefined, { record: sampleRecord(), lease: sampleLease(), fence: 1 });
    const alive = (): boolean => false;
    await expect(open({ holder: sampleHolder({ host: 'build-8' }), alive })).rejects.toMatchObject({ code: 'lease-held' });
    const here = await open({ alive });
    expect(here.fence).toBe(2);
    await here.close();
  });

  it('takes an expired lease, whoever holds it', async () => {
    await store.write(undefined, { record: sampleRecord(), lease: sampleLease(), fence: 1 });
    const waiting = open({ holder: sampleHolder({ host: 'build-8' }), waitMs: 60_000, alive: () => 'unknown' });
    await clock.advance(15_000);
    const session = await waiting;
    expect([session.fence, clock.now()]).toEqual([2, START + 15_000]);
    await session.close();
  });

  it('lets one of many win, and has the others see who', async () => {
    const all = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => open({ holder: sampleHolder({ pid: 100 + n }) })));
    const sessions = all.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(sessions).toHaveLength(1);
    const holder = (await store.read(id))?.lease?.holder;
    const reasons = all.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(reasons).toMatchObject(Array.from({ length: 19 }, () => ({ code: 'lease-held', data: { holder } })));
    await sessions[0]?.close();
  });

  it('replaces a tombstone by a new record and goes on counting leases', async () => {
    await store.write(undefined, { record: sampleRecord({ releasedAt: START }), lease: undefined, fence: 8 });
    const fresh = sampleRecord({ incarnation: makeIncarnation(START + 1) });
    const session = await open({ create: () => fresh });
    expect([session.fence, session.record]).toEqual([9, fresh]);
    await session.close();
  });

  it('gives a tombstone as it is to who makes no new record', async () => {
    const tombstone = sampleRecord({ releasedAt: START });
    await store.write(undefined, { record: tombstone, lease: undefined, fence: 8 });
    const { create: _create, ...without } = options();
    const session = there(await openSession(without));
    expect(session.record).toEqual(tombstone);
    await session.remove();
    expect(await store.read(id)).toBeUndefined();
  });

  it('waits for who is about to remove a tombstone', async () => {
    const down = await open({ holder: downHolder });
    await down.update((record) => ({ ...record, releasedAt: clock.now() }));
    const up = open({ waitMs: 5_000 });
    await clock.advance(300);
    await down.remove();
    await clock.advance(100);
    expect((await up).fence).toBe(1);
    await (await up).close();
  });
});

describe('updating', () => {
  it('is on disk when it resolves, with the time of the change', async () => {
    const session = await open();
    await clock.advance(1_000);
    const written = await session.update(tagged('one'));
    expect(written).toEqual(session.record);
    expect((await store.read(id))?.record).toEqual({
      ...sampleRecord(),
      incarnation: written.incarnation,
      tags: { one: '0' },
      updatedAt: START + 1_000,
    });
    await session.close();
  });

  it('puts updates that come together into one write, in order', async () => {
    const session = await open();
    const before = store.writes;
    const names = Array.from({ length: 50 }, (_, n) => `t${String(n).padStart(2, '0')}`);
    await Promise.all(names.map((name) => session.update(tagged(name))));
    expect(store.writes - before).toBe(1);
    expect(Object.entries(session.record.tags)).toEqual(names.map((name, n) => [name, String(n)]));
    await session.close();
  });

  it('puts updates that come during a write into the next one', async () => {
    const session = await open();
    const before = store.writes;
    let release: () => void = () => {};
    store.beforeWrite = () => new Promise((resolve) => (release = resolve));
    const first = session.update(tagged('a'));
    await clock.advance(0);
    const rest = Promise.all(['b', 'c', 'd'].map((name) => session.update(tagged(name))));
    store.beforeWrite = undefined;
    release();
    expect((await first).tags).toEqual({ a: '0' });
    await rest;
    expect([store.writes - before, session.record.tags]).toEqual([2, { a: '0', b: '1', c: '2', d: '3' }]);
    await session.close();
  });

  it('rejects only the change that throws', async () => {
    const session = await open();
    const failure = new SpinError('limit-exceeded', 'too many');
    const [good, bad] = await Promise.allSettled([
      session.update(tagged('good')),
      session.update(() => {
        throw failure;
      }),
    ]);
    expect(good.status).toBe('fulfilled');
    expect(bad).toEqual({ status: 'rejected', reason: failure });
    await session.close();
  });

  it('fails with what the store says, keeps the record as it was, and can be tried again', async () => {
    const session = await open();
    store.failing = new SpinError('state-unwritable', 'cannot write: no space left on device');
    await expect(session.update(tagged('lost'))).rejects.toBe(store.failing);
    expect(session.record.tags).toEqual({});
    store.failing = undefined;
    await session.update(tagged('kept'));
    expect((await store.read(id))?.record.tags).toEqual({ kept: '0' });
    await session.close();
  });

  it('writes again where a write was made but its answer got lost', async () => {
    const session = await open();
    const stored = there(await store.read(id));
    const { version, ...same } = stored;
    await store.write(version, same);
    await session.update(tagged('one'));
    expect((await store.read(id))?.record.tags).toEqual({ one: '0' });
    expect(session.lost.aborted).toBe(false);
    await session.close();
  });
});

describe('the heartbeat', () => {
  it('keeps the lease for as long as the session is open, without changing the record', async () => {
    const session = await open();
    await clock.advance(120_000);
    const stored = there(await store.read(id));
    expect(stored.lease?.expiresAt).toBeGreaterThan(clock.now() + 9_000);
    expect(stored.record).toEqual(session.record);
    expect(stored.lease?.acquiredAt).toBe(START);
    await expect(open({ holder: downHolder })).rejects.toMatchObject({ code: 'lease-held' });
    await session.close();
  });

  it('writes once per third of the lease, and not at all while updates renew it', async () => {
    const session = await open({ leaseMs: 9_000 });
    const idle = store.writes;
    await clock.advance(9_000);
    expect(store.writes - idle).toBe(3);
    const busy = store.writes;
    for (let n = 0; n < 9; n++) {
      await clock.advance(1_000);
      await session.update(tagged(`t${n}`));
    }
    expect(store.writes - busy).toBe(9);
    await session.close();
  });

  it('ends with the session', async () => {
    const session = await open();
    await session.close();
    await clock.advance(60_000);
    expect([(await store.read(id))?.lease, clock.sleeping]).toEqual([undefined, 0]);
  });

  it('survives a disk that is full for a while', async () => {
    const session = await open();
    store.failing = new SpinError('state-unwritable', 'cannot write: no space left on device');
    await clock.advance(12_000);
    store.failing = undefined;
    await clock.advance(5_000);
    expect((await store.read(id))?.lease?.expiresAt).toBeGreaterThan(clock.now());
    expect(session.lost.aborted).toBe(false);
    await session.close();
  });

  it('notices the loss by itself', async () => {
    const up = await open();
    const down = await open({ holder: downHolder, take: 'preempt' });
    expect(up.lost.aborted).toBe(false);
    await clock.advance(5_000);
    expect(up.lost.reason).toMatchObject({ code: 'lease-lost', data: { holder: downHolder } });
    await down.close();
  });
});

describe('losing the lease', () => {
  it('goes to who preempts, and stops the other at its next write', async () => {
    const up = await open();
    const down = await open({ holder: downHolder, take: 'preempt' });
    expect(down.fence).toBe(2);
    const [first, second] = await Promise.allSettled([up.update(tagged('a')), up.update(tagged('b'))]);
    for (const each of [first, second]) {
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'lease-lost', exit: 4, data: { holder: downHolder } } });
    }
    expect(up.lost.aborted).toBe(true);
    await expect(up.update(tagged('c'))).rejects.toBe(up.lost.reason);
    await up.close();
    expect(await store.read(id)).toMatchObject({ lease: { holder: downHolder }, record: { tags: {} } });
    await down.update(tagged('down'));
    await down.close();
  });

  it('is why a write fails whose place was taken away with the record', async () => {
    const up = await open();
    const down = await open({ holder: downHolder, take: 'preempt' });
    await down.remove();
    store.failing = new SpinError('state-unwritable', 'cannot write: no such file or directory');
    expect(await up.isOver()).toBe(true);
    await expect(up.update(tagged('late'))).rejects.toMatchObject({ code: 'lease-lost' });
    expect(up.lost.aborted).toBe(true);
  });

  it('is not why its own removal fails after it had its effect', async () => {
    const down = await open({ holder: downHolder });
    const remove = store.remove.bind(store);
    const problem = new SpinError('state-unwritable', 'cannot flush the folder');
    store.remove = async (...args) => {
      await remove(...args);
      throw problem;
    };
    await expect(down.remove()).rejects.toBe(problem);
    expect(down.lost.aborted).toBe(false);
  });

  it('tells whether the life is over: ended, on its way out, or another', async () => {
    const up = await open();
    expect(await up.isOver()).toBe(false);
    const down = await open({ holder: downHolder, take: 'preempt' });
    expect(await up.isOver()).toBe(false);
    await down.update((record) => ({ ...record, desired: 'down' }));
    expect(await up.isOver()).toBe(true);
    await down.remove();
    const next = await open({ create: () => ({ ...sampleRecord(), incarnation: makeIncarnation(clock.now()) }) });
    expect(await up.isOver()).toBe(true);
    await next.close();
  });

  it('does not happen to a down: another one waits or gives up', async () => {
    const down = await open({ holder: downHolder });
    const second = sampleHolder({ pid: 3, command: 'down' });
    await expect(open({ holder: second, take: 'preempt' })).rejects.toMatchObject({ code: 'lease-held', data: { holder: downHolder } });
    await down.update(tagged('still here'));
    await down.close();
  });

  it('is found out by a check, before anything is created', async () => {
    const up = await open();
    await up.check();
    const down = await open({ holder: downHolder, take: 'preempt' });
    await expect(up.check()).rejects.toMatchObject({ code: 'lease-lost' });
    await expect(up.check()).rejects.toBe(up.lost.reason);
    await down.close();
  });

  it('is found out by a process that was paused past its lease', async () => {
    const paused = new ManualClock(START);
    const up = await open({ clock: paused });
    await clock.advance(15_000);
    const other = await open({ holder: sampleHolder({ host: 'build-8' }), alive: () => 'unknown' });
    await other.update(tagged('other'));
    await other.close();
    await expect(up.update(tagged('late'))).rejects.toMatchObject({ code: 'lease-lost' });
    expect(String(up.lost.reason)).toContain('given it back');
    expect((await store.read(id))?.record.tags).toEqual({ other: '0' });
  });

  it('did not happen to a process that was paused while nobody came: its check makes the lease whole again', async () => {
    let now = START;
    const paused = new ManualClock(START);
    const up = await open({ clock: { now: () => now, sleep: (ms, signal) => paused.sleep(ms, signal) } });
    now += 60_000;
    await up.check();
    expect((await store.read(id))?.lease?.expiresAt).toBe(now + 15_000);
    await up.close();
  });

  it('is told apart from a new incarnation that counts from 1 again', async () => {
    const up = await open();
    const { version } = there(await store.read(id));
    await store.remove(id, version);
    const again = await open({ create: () => sampleRecord({ incarnation: makeIncarnation(START + 1) }) });
    expect(again.fence).toBe(up.fence);
    await expect(up.update(tagged('late'))).rejects.toMatchObject({ code: 'lease-lost' });
    await again.close();
  });

  it('ends a removal without removing', async () => {
    const up = await open({ holder: sampleHolder({ pid: 5, command: 'up' }) });
    const down = await open({ holder: downHolder, take: 'preempt' });
    await expect(up.remove()).rejects.toMatchObject({ code: 'lease-lost' });
    expect(await store.read(id)).toBeDefined();
    await down.remove();
    expect(await store.read(id)).toBeUndefined();
  });
});

describe('ending', () => {
  it('gives the lease back after the updates under way, once', async () => {
    const session = await open();
    const update = session.update(tagged('last'));
    await Promise.all([session.close(), session.close()]);
    await update;
    expect(await store.read(id)).toMatchObject({ lease: undefined, fence: 1, record: { tags: { last: '0' } } });
    await expect(session.update(tagged('late'))).rejects.toThrow('after its session ended');
  });

  it('does not fail where the lease cannot be given back', async () => {
    const session = await open();
    store.failing = new SpinError('state-unwritable', 'cannot write: no space left on device');
    await session.close();
    store.failing = undefined;
    await clock.advance(15_000);
    const next = await open({ holder: downHolder });
    expect(next.fence).toBe(2);
    await next.close();
  });

  it('removes the record after the updates under way', async () => {
    const session = await open();
    const update = session.update(tagged('last'));
    await session.remove();
    expect((await update).tags).toEqual({ last: '0' });
    expect(await store.read(id)).toBeUndefined();
    expect(clock.sleeping).toBe(0);
    await session.close();
    expect(await store.read(id)).toBeUndefined();
  });
});
