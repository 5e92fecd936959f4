import { describe, expect, it } from 'vitest';
import { parseSpinId } from '../../src/core/ids.ts';
import { openSession, type Session, type SessionOptions } from '../../src/store/session.ts';
import { ManualClock } from '../fakes/clock.ts';
import type { FakeS3 } from '../fakes/s3.ts';
import { fakeS3 } from './s3-bucket.ts';
import { openS3 } from './s3-open.ts';
import { sampleEvent, sampleHolder, sampleRecord, START, there } from './samples.ts';

const id = parseSpinId('web');
const MINUTE = 60_000;

/** Machines with clocks of their own around one S3 with the right time. */
async function machines() {
  let now = START;
  const fake = await fakeS3({ now: () => now });
  const clocks: ManualClock[] = [];
  const machine = (host: string, skew: number) => {
    const clock = new ManualClock(now + skew);
    clocks.push(clock);
    const store = openS3(fake.endpoint, clock);
    const open = (change: Partial<SessionOptions> = {}): Promise<Session | undefined> =>
      openSession({
        store,
        id,
        holder: sampleHolder({ host }),
        clock,
        alive: () => 'unknown',
        take: 'claim',
        create: () => sampleRecord({ updatedAt: clock.now() }),
        ...change,
      });
    /** The machine is gone: no time passes there, so nothing of it moves any more. */
    const die = (): void => void clocks.splice(clocks.indexOf(clock), 1);
    return { clock, store, open, die };
  };
  const pass = async (ms: number): Promise<void> => {
    for (const end = now + ms; now < end;) {
      const step = Math.min(500, end - now);
      now += step;
      for (const clock of clocks) await clock.advance(step);
    }
  };
  return { fake, machine, pass };
}

describe.each([
  ['right', 0],
  ['5 minutes fast', 5 * MINUTE],
  ['5 minutes slow', -5 * MINUTE],
  ['a day fast', 1440 * MINUTE],
])('a lease whose holder has a clock that is %s', (_name, holderSkew) => {
  it.each([
    ['right', 0],
    ['5 minutes fast', 5 * MINUTE],
    ['5 minutes slow', -5 * MINUTE],
  ])('is kept from a taker whose clock is %s while it is held, and free a lease length after its holder died', async (_name, skew) => {
    const { machine, pass } = await machines();
    const holder = machine('a', holderSkew);
    const taker = machine('b', skew);
    const session = there(await holder.open());
    holder.die();
    await expect(taker.open()).rejects.toMatchObject({ code: 'lease-held' });
    await pass(10_000);
    await expect(taker.open()).rejects.toMatchObject({ code: 'lease-held' });
    await pass(9_000);
    const next = there(await taker.open());
    expect(next.fence).toBe(2);
    // It wakes up again: it was asleep, not dead.
    await expect(session.update((record) => ({ ...record, owner: 'ghost' }))).rejects.toMatchObject({ code: 'lease-lost' });
    await expect(session.check()).rejects.toMatchObject({ code: 'lease-lost' });
    expect((await taker.store.read(id))?.record.owner).not.toBe('ghost');
    await next.close();
  });
});

it('is renewed for as long as its holder lives, whatever the clocks say', async () => {
  const { fake, machine, pass } = await machines();
  const session = there(await machine('a', 0).open());
  const taker = machine('b', 3 * MINUTE);
  for (let seconds = 0; seconds < 60; seconds += 6) {
    const written = puts(fake);
    await pass(6_000);
    await expect.poll(() => puts(fake)).toBeGreaterThan(written);
    await expect(taker.open()).rejects.toMatchObject({ code: 'lease-held' });
  }
  expect(session.lost.aborted).toBe(false);
  await session.close();
  expect(there(await taker.open()).fence).toBe(2);
});

it('is waited for, with a look each second', async () => {
  const { fake, machine, pass } = await machines();
  const holder = machine('a', 0);
  const session = there(await holder.open());
  const taker = machine('b', 0);
  const waiting = taker.open({ waitMs: 10 * MINUTE });
  await expect.poll(() => taker.clock.sleeping).toBe(1);
  const before = fake.requests.length;
  await pass(900);
  expect(fake.requests.length).toBe(before);
  await session.close();
  await pass(100);
  expect(there(await waiting).fence).toBe(2);
});

it('is preempted by a down, and its holder stops at its next write', async () => {
  const { machine } = await machines();
  const session = there(await machine('a', 0).open());
  const down = there(await machine('b', 2 * MINUTE).open({ take: 'preempt', holder: sampleHolder({ host: 'b', command: 'down' }) }));
  await expect(session.update((record) => record)).rejects.toMatchObject({ code: 'lease-lost' });
  await down.remove();
  expect(await machine('c', 0).store.read(id)).toBeUndefined();
});

it('goes on after an answer was lost', async () => {
  const { fake, machine } = await machines();
  const { open, store } = machine('a', 0);
  const session = there(await open());
  let puts = 0;
  fake.fault = ({ action }) => (action === 'PutObject' && puts++ < 3 ? 'lost-answer' : undefined);
  await session.update((record) => ({ ...record, owner: 'once' }));
  await session.update((record) => ({ ...record, owner: 'twice' }));
  expect((await store.read(id))?.record.owner).toBe('twice');
  await session.close();
});

it('has its events where others read them once it is given back, or its record is removed', async () => {
  const { machine } = await machines();
  const { store, open } = machine('a', 0);
  const other = machine('b', 0);
  const first = there(await open());
  store.append(sampleEvent(first.record, 'one'));
  await first.close();
  expect(await other.store.events(id, first.record.incarnation)).toHaveLength(1);
  const second = there(await open());
  store.append(sampleEvent(second.record, 'two'));
  await second.remove();
  expect(await other.store.events(id, first.record.incarnation)).toHaveLength(2);
});

it('has its events in the order in which they happened, whatever the clocks of their writers say', async () => {
  const { machine, pass } = await machines();
  const record = sampleRecord();
  const writers = [machine('a', 10 * MINUTE), machine('b', -10 * MINUTE), machine('c', 0)];
  for (const [n, { store, clock }] of [...writers, ...writers].entries()) {
    // Whoever writes events has read the record before.
    await store.read(id);
    store.append(sampleEvent(record, String(n), clock.now()));
    await store.flush?.();
    await pass(5_000);
  }
  const events = await machine('d', MINUTE).store.events(id, record.incarnation);
  expect(events.map(({ message }) => message)).toEqual(['0', '1', '2', '3', '4', '5']);
});

function puts(fake: FakeS3): number {
  return fake.requests.filter(({ action }) => action === 'PutObject').length;
}
