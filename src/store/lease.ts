/** The rules of the lease; pure. */
import { isoTime } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import { SpinError } from '../core/errors.ts';
import type { SpinId } from '../core/ids.ts';
import type { Holder, Lease, StoredRecord } from './store.ts';

/** Whether a process of this host lives; `unknown` where that cannot be told. */
export type Alive = (holder: Holder) => boolean | 'unknown';

/** `claim` takes a free lease; `preempt` takes it from a live holder too, except from one that takes the spin down anyway. */
export type Take = 'claim' | 'preempt';

/** Commands that must not be stopped, as they do what the taker wants. */
const ENDING: ReadonlySet<string> = new Set(['down', 'gc']);

/** Long enough for a machine that is busy, short enough for a user who waits for a crashed host. */
export const LEASE_MS = 15_000;

/** True where the lease was given back or has run out. */
export function isExpired(lease: Lease | undefined, now: number): boolean {
  return lease === undefined || now >= lease.expiresAt;
}

/** True where anyone may take the lease: it has expired, or its holder was on `host` and is dead. */
export function isFree(lease: Lease | undefined, now: number, host: string, alive: Alive): boolean {
  return lease === undefined || isExpired(lease, now) || (lease.holder.host === host && alive(lease.holder) === false);
}

/** True where `taker` may have the lease now. */
export function mayTake(lease: Lease | undefined, now: number, taker: Holder, take: Take, alive: Alive): boolean {
  return isFree(lease, now, taker.host, alive) || (take === 'preempt' && !ENDING.has(lease?.holder.command ?? ''));
}

/** The lease that follows the one with number `fence`. */
export function nextLease(fence: number, holder: Holder, now: number, leaseMs: number): Lease {
  return { holder, fence: fence + 1, acquiredAt: now, expiresAt: now + leaseMs };
}

/** True where both are one lease, however often it was renewed. The number alone starts again after a removal. */
export function isSameLease(a: Lease | undefined, b: Lease): boolean {
  return (
    a !== undefined &&
    a.fence === b.fence &&
    a.acquiredAt === b.acquiredAt &&
    a.holder.host === b.holder.host &&
    a.holder.pid === b.holder.pid &&
    a.holder.startTime === b.holder.startTime
  );
}

/** `spin up` by alice on build-7 (pid 4711). */
export function describeHolder(holder: Holder): string {
  return `\`spin ${holder.command}\` by ${holder.user} on ${holder.host} (pid ${holder.pid})`;
}

/** The error of one who cannot have the lease. */
export function leaseHeld(id: SpinId, lease: Lease, now: number): SpinError {
  const since = `since ${isoTime(lease.acquiredAt)}, ${formatDuration(Math.max(0, now - lease.acquiredAt))} ago`;
  return new SpinError('lease-held', `${id} is held by ${describeHolder(lease.holder)} ${since}`, {
    data: { id, holder: lease.holder, acquiredAt: isoTime(lease.acquiredAt), expiresAt: isoTime(lease.expiresAt) },
  });
}

/** The error of one whose lease is gone; `found` is what the store has now. */
export function leaseLost(id: SpinId, found: StoredRecord | undefined): SpinError {
  const holder = found?.lease?.holder;
  const taker =
    holder !== undefined
      ? `was taken over by ${describeHolder(holder)}`
      : found === undefined
        ? 'is void: `spin down` took this spin away meanwhile'
        : 'was taken over by another process, which has given it back since';
  return new SpinError('lease-lost', `the lease on ${id} ${taker}`, { data: { id, ...(holder === undefined ? {} : { holder }) } });
}
