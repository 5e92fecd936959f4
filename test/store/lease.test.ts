import { describe, expect, it } from 'vitest';
import { parseSpinId } from '../../src/core/ids.ts';
import { isExpired, isFree, isSameLease, leaseHeld, leaseLost, mayTake, nextLease } from '../../src/store/lease.ts';
import { sampleHolder, sampleLease, sampleRecord, START } from './samples.ts';

const living = (): true => true;
const dead = (): false => false;
const unknown = (): 'unknown' => 'unknown';

describe('a lease is free', () => {
  it('when it was given back', () => {
    expect(isFree(undefined, START, 'build-7', living)).toBe(true);
  });

  it('from the millisecond of its expiry', () => {
    expect(isExpired(sampleLease(), START + 14_999)).toBe(false);
    expect(isExpired(sampleLease(), START + 15_000)).toBe(true);
    expect(isFree(sampleLease(), START + 15_000, 'build-7', living)).toBe(true);
  });

  it('when its holder was on this host and is dead, and only then', () => {
    expect(isFree(sampleLease(), START, 'build-7', dead)).toBe(true);
    expect(isFree(sampleLease(), START, 'build-8', dead)).toBe(false);
    expect(isFree(sampleLease(), START, 'build-7', unknown)).toBe(false);
    expect(isFree(sampleLease(), START, 'build-7', living)).toBe(false);
  });
});

describe('a held lease', () => {
  const taker = sampleHolder({ pid: 4712, command: 'down' });

  it('is not claimed', () => {
    expect(mayTake(sampleLease(), START, taker, 'claim', living)).toBe(false);
  });

  it('is preempted, unless its holder takes the spin down', () => {
    expect(mayTake(sampleLease(), START, taker, 'preempt', living)).toBe(true);
    for (const command of ['down', 'gc']) {
      expect(mayTake(sampleLease({ holder: sampleHolder({ command }) }), START, taker, 'preempt', living)).toBe(false);
    }
    expect(mayTake(sampleLease({ holder: sampleHolder({ command: 'down' }) }), START + 15_000, taker, 'preempt', living)).toBe(true);
  });
});

it('numbers leases upwards, and knows one again after renewals', () => {
  const lease = nextLease(41, sampleHolder(), START, 15_000);
  expect(lease).toEqual({ holder: sampleHolder(), fence: 42, acquiredAt: START, expiresAt: START + 15_000 });
  expect(isSameLease({ ...lease, expiresAt: START + 99_000 }, lease)).toBe(true);
  expect(isSameLease(undefined, lease)).toBe(false);
  expect(isSameLease({ ...lease, fence: 43 }, lease)).toBe(false);
  expect(isSameLease({ ...lease, holder: sampleHolder({ startTime: '7' }) }, lease)).toBe(false);
});

it('says who holds a lease, where, with which command and since when', () => {
  const error = leaseHeld(parseSpinId('web'), sampleLease(), START + 65_000);
  expect(error.message).toBe('web is held by `spin up` by alice on build-7 (pid 4711) since 2026-01-01T00:00:00.000Z, 1m 5s ago');
  expect(error).toMatchObject({ code: 'lease-held', exit: 4, data: { id: 'web', holder: sampleHolder() } });
});

it('says who took a lease over, as far as the store can tell', () => {
  const id = parseSpinId('web');
  const stored = { version: 'v', record: sampleRecord(), fence: 2 };
  const lease = sampleLease({ holder: sampleHolder({ command: 'down', user: 'bob' }) });
  expect(leaseLost(id, { ...stored, lease }).message).toBe('the lease on web was taken over by `spin down` by bob on build-7 (pid 4711)');
  expect(leaseLost(id, { ...stored, lease: undefined }).message).toContain('given it back since');
  expect(leaseLost(id, undefined).message).toBe('the lease on web is void: `spin down` took this spin away meanwhile');
});
