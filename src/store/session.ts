import type { Clock } from '../core/clock.ts';
import type { SpinId } from '../core/ids.ts';
import { type Alive, isFree, LEASE_MS, leaseHeld, mayTake, nextLease, type Take } from './lease.ts';
import { HeldSession, type Leased } from './held-session.ts';
import type { SpinRecord } from './record.ts';
import type { Holder, Store, StoredRecord } from './store.ts';

/** The lease on one record, held. Every write is fenced by it: after another took it over, nothing is written any more. */
export interface Session {
  /** Fencing number of the lease. */
  readonly fence: number;
  /** As last written. */
  readonly record: SpinRecord;
  /** Aborts, with SpinError `lease-lost` naming who took it, as soon as the loss is noticed. */
  readonly lost: AbortSignal;
  /**
   * Changes the record; durable when it resolves with what was written. Calls while a write is under way go into the next one together,
   * in order. `updatedAt` is set here. What `change` throws rejects its own call alone.
   * @throws SpinError `lease-lost`, `state-unwritable`; after the latter the record is as it was, and another try may be made
   */
  update(change: (record: SpinRecord) => SpinRecord): Promise<SpinRecord>;
  /** Asks the store whether the lease is still ours; to be called before whatever creates. @throws SpinError `lease-lost` */
  check(): Promise<void>;
  /** Asks the store whether the life of this record has ended, or is to end and never go on. */
  isOver(): Promise<boolean>;
  /** Gives the lease back, after the updates under way. Repeatable; nothing happens where it is lost. */
  close(): Promise<void>;
  /**
   * Removes the record, once it is proven that nothing is left, and ends the session. A record that is gone already is removed.
   * @throws SpinError `lease-lost`
   */
  remove(): Promise<void>;
}

export interface SessionOptions {
  readonly store: Store;
  readonly id: SpinId;
  readonly holder: Holder;
  readonly clock: Clock;
  readonly alive: Alive;
  readonly take: Take;
  /** How long to wait for a lease that another holds; not at all by default. */
  readonly waitMs?: number;
  /** Ends the wait, with its reason. */
  readonly signal?: AbortSignal;
  readonly leaseMs?: number;
  /** What changes with the very write that takes the lease, of a record that is there: whoever reads it is ours, or sees neither. */
  readonly change?: (record: SpinRecord, now: number) => SpinRecord;
  /** Makes the first record where there is none, or only a tombstone. */
  readonly create?: () => SpinRecord;
}

/** How often to look whether a lease is free, where the store does not say. */
const WAIT_STEP_MS = 100;

/**
 * Takes the lease on a spin.
 * @returns undefined where there is no record and no `create`
 * @throws SpinError `lease-held` naming the holder, and what the store throws
 */
export async function openSession(options: SessionOptions): Promise<Session | undefined> {
  const { store, id, holder, clock, alive, take, signal } = options;
  const giveUpAt = clock.now() + (options.waitMs ?? 0);
  for (;;) {
    signal?.throwIfAborted();
    const stored = await store.read(id);
    const now = clock.now();
    if (stored?.lease !== undefined && !mayTake(stored.lease, now, holder, take, alive)) {
      if (now >= giveUpAt) throw leaseHeld(id, stored.lease, now);
      await clock.sleep(Math.min(store.pollMs ?? WAIT_STEP_MS, giveUpAt - now), signal);
      continue;
    }
    const record = recordToHold(stored, options, now);
    if (record === undefined) return undefined;
    const taken = await write(options, stored, record, now);
    // Somebody was faster: look again who holds it now.
    if (taken !== 'conflict') return new HeldSession({ store, clock, leaseMs: options.leaseMs ?? LEASE_MS }, taken);
  }
}

/** A tombstone that nobody works on makes room for a new record; without `create` it is taken as it is, to be removed. */
function recordToHold(stored: StoredRecord | undefined, options: SessionOptions, now: number): SpinRecord | undefined {
  const tombstone = stored?.record.releasedAt !== undefined && isFree(stored.lease, now, options.holder.host, options.alive);
  if (stored === undefined || tombstone) return options.create?.() ?? stored?.record;
  return options.change?.(stored.record, now) ?? stored.record;
}

async function write(
  options: SessionOptions,
  stored: StoredRecord | undefined,
  record: SpinRecord,
  now: number,
): Promise<Leased | 'conflict'> {
  const lease = nextLease(stored?.fence ?? 0, options.holder, now, options.leaseMs ?? LEASE_MS);
  const version = await options.store.write(stored?.version, { record, lease, fence: lease.fence });
  return version === 'conflict' ? 'conflict' : { version, record, lease, fence: lease.fence };
}
