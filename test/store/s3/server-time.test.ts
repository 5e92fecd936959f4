import { describe, expect, it } from 'vitest';
import { makeIncarnation } from '../../../src/core/ids.ts';
import { ServerTime } from '../../../src/store/s3/server-time.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { sampleLease, START } from '../samples.ts';

const dateOf = (ms: number): string => new Date(ms).toUTCString();

describe("S3's time", () => {
  it('is this machine’s until an answer tells otherwise', () => {
    const time = new ServerTime(new ManualClock(START));
    time.observe(undefined, START);
    time.observe('yesterday', START);
    expect([time.ahead, time.now()]).toEqual([0, START]);
  });

  it('is this machine’s where both agree to the second', () => {
    const clock = new ManualClock(START + 1_900);
    const time = new ServerTime(clock);
    time.observe(dateOf(START), START + 1_800);
    expect(time.ahead).toBe(0);
  });

  it('is what the answers say where the clocks differ', async () => {
    const clock = new ManualClock(START + 600_000);
    const time = new ServerTime(clock);
    time.observe(dateOf(START), START + 600_000);
    expect(Math.abs(time.now() - START)).toBeLessThanOrEqual(500);
    await clock.advance(1_000);
    expect(Math.abs(time.now() - START - 1_000)).toBeLessThanOrEqual(500);
    expect([time.isStill(599_000), time.isStill(0)]).toEqual([true, false]);
  });
});

describe('a lease', () => {
  const stampAt = (ms: number): string => makeIncarnation(ms);

  it('is as written where nothing is known of the time, or the stamp tells none', () => {
    const time = new ServerTime(new ManualClock(START + 600_000));
    expect(time.leaseHere(sampleLease(), stampAt(START), START)).toEqual(sampleLease());
    time.observe(dateOf(START), START + 600_000);
    expect(time.leaseHere(sampleLease(), '', START)).toEqual(sampleLease());
    expect(time.leaseHere(sampleLease(), stampAt(START), undefined)).toEqual(sampleLease());
  });

  it('is as written where all clocks agree', () => {
    const clock = new ManualClock(START + 5_000);
    const time = new ServerTime(clock);
    time.observe(dateOf(START + 5_000), START + 5_000);
    expect(time.leaseHere(sampleLease(), stampAt(START), START)).toEqual(sampleLease());
  });

  it.each([
    [0, 300_000],
    [0, -300_000],
    [300_000, 0],
    [-300_000, 600_000],
  ])('ends when it was to end, by the clock here: holder off by %i ms, reader by %i ms', (holder, reader) => {
    const now = START + 10_000;
    const time = new ServerTime(new ManualClock(now + reader));
    time.observe(dateOf(now), now + reader);
    const written = sampleLease({ acquiredAt: START + holder, expiresAt: START + holder + 15_000 });
    const read = time.leaseHere(written, stampAt(START + holder), START);
    const leftHere = read.expiresAt - (now + reader);
    // 5 seconds are left; never fewer, and few more.
    expect(leftHere).toBeGreaterThanOrEqual(5_000 - 500);
    expect(leftHere).toBeLessThanOrEqual(5_000 + 3_000);
    expect(read.acquiredAt).toBe(written.acquiredAt);
  });
});
