import type { Clock } from '../core/clock.ts';
import { InternalError, isSpinError } from '../core/errors.ts';
import { isSameLease, leaseLost } from './lease.ts';
import type { SpinRecord } from './record.ts';
import type { Session } from './session.ts';
import type { Lease, Store, StoredRecord } from './store.ts';

/** A stored record whose lease is ours. */
export interface Leased extends StoredRecord {
  readonly lease: Lease;
}

export interface HeldOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly leaseMs: number;
}

interface Pending {
  readonly change: (record: SpinRecord) => SpinRecord;
  readonly resolve: (record: SpinRecord) => void;
  readonly reject: (reason: unknown) => void;
}

/** A conflict with our own lease in place is a write whose answer was lost; this often in a row, it is something else. */
const OWN_CONFLICTS = 5;

/** The session that openSession returns. Everything that writes goes through one queue, the heartbeat too. */
export class HeldSession implements Session {
  readonly #options: HeldOptions;
  readonly #lost = new AbortController();
  readonly #beating = new AbortController();
  #held: Leased;
  #pending: Pending[] = [];
  #tail: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(options: HeldOptions, held: Leased) {
    this.#options = options;
    this.#held = held;
    void this.#beat();
  }

  get fence(): number {
    return this.#held.lease.fence;
  }

  get record(): SpinRecord {
    return this.#held.record;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  update(change: (record: SpinRecord) => SpinRecord): Promise<SpinRecord> {
    return new Promise((resolve, reject) => {
      if (this.#ended) throw new InternalError(`an update of ${this.record.id} after its session ended`);
      this.#pending.push({ change, resolve, reject });
      // The first of a batch queues the write; whoever comes before the write begins goes with it.
      if (this.#pending.length === 1) void this.#enqueue(() => this.#writePending());
    });
  }

  async check(): Promise<void> {
    this.#lost.signal.throwIfAborted();
    const found = await this.#options.store.read(this.record.id);
    if (!this.#isOurs(found)) throw this.#lose(found);
    // Expired and not yet taken, as after the machine slept: only a write tells whether it stays ours.
    if (this.#options.clock.now() >= this.#held.lease.expiresAt) await this.update((record) => record);
  }

  async isOver(): Promise<boolean> {
    const found = await this.#options.store.read(this.record.id);
    return found?.record.incarnation !== this.record.incarnation || found.record.desired === 'down';
  }

  close(): Promise<void> {
    if (this.#ended) return this.#tail;
    this.#ended = true;
    this.#beating.abort();
    return this.#enqueue(async () => {
      if (this.#lost.signal.aborted) return;
      const { version, record, fence } = this.#held;
      try {
        await this.#options.store.write(version, { record, lease: undefined, fence });
      } catch (thrown) {
        // Giving back is a courtesy: the lease of a process that ended is free. It must not hide why the disk fails.
        if (!isSpinError(thrown)) throw thrown;
      }
      await this.#options.store.flush?.();
    });
  }

  remove(): Promise<void> {
    if (this.#ended) return Promise.reject(new InternalError(`a removal of ${this.record.id} after its session ended`));
    return this.#enqueue(async () => {
      await this.#untilDone(() => this.#options.store.remove(this.record.id, this.#held.version), { absent: 'removed' });
      this.#ended = true;
      this.#beating.abort();
      await this.#options.store.flush?.();
    });
  }

  /** Renews the lease when a third of it has passed without a write. */
  async #beat(): Promise<void> {
    const { clock, leaseMs } = this.#options;
    const period = leaseMs / 3;
    for (let idle = 0; !this.#beating.signal.aborted;) {
      // A renewal that failed, as on a full disk, is tried again after a whole period.
      await clock.sleep(idle < period ? period - idle : period, this.#beating.signal).catch(() => {});
      idle = clock.now() - (this.#held.lease.expiresAt - leaseMs);
      if (idle >= period && !this.#ended) await this.update((record) => record).catch(() => {});
    }
  }

  async #writePending(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    if (this.#lost.signal.aborted) return batch.forEach(({ reject }) => reject(this.#lost.signal.reason));
    const { record, accepted } = applyChanges(this.record, batch);
    if (accepted.length === 0) return;
    try {
      const written = await this.#write(record);
      accepted.forEach(({ resolve }) => resolve(written));
    } catch (thrown) {
      accepted.forEach(({ reject }) => reject(thrown));
    }
  }

  async #write(changed: SpinRecord): Promise<SpinRecord> {
    const { store, clock, leaseMs } = this.#options;
    const now = clock.now();
    const record = changed === this.record ? changed : { ...changed, updatedAt: now };
    const lease = { ...this.#held.lease, expiresAt: now + leaseMs };
    const next = { record, lease, fence: lease.fence };
    const version = await this.#untilDone(() => store.write(this.#held.version, next));
    this.#held = { version, ...next };
    return record;
  }

  /** Does a compare-and-swap; a conflict means that the lease is lost, unless the store still shows it as ours. */
  async #untilDone<T extends string>(swap: () => Promise<T | 'conflict'>, done?: { readonly absent: T }): Promise<T> {
    for (let tries = 0; tries < OWN_CONFLICTS; tries++) {
      const result = await swap().catch((thrown: unknown) => this.#unlessLost(thrown, done !== undefined));
      if (result !== 'conflict') return result;
      const found = await this.#options.store.read(this.record.id);
      if (found === undefined && done !== undefined) return done.absent;
      if (found === undefined || !this.#isOurs(found)) throw this.#lose(found);
      this.#held = { ...this.#held, version: found.version };
    }
    throw new InternalError(`the store refuses to replace the record of ${this.record.id} with its own version`);
  }

  /**
   * Who took the record away may have taken with it what is needed to write one.
   * @param removing whoever removes it may have taken it away themselves
   * @throws SpinError `lease-lost`, else what was thrown
   */
  async #unlessLost(thrown: unknown, removing: boolean): Promise<never> {
    const found = await this.#options.store.read(this.record.id).catch(() => {
      throw thrown;
    });
    if (found === undefined && removing) throw thrown;
    throw this.#isOurs(found) ? thrown : this.#lose(found);
  }

  #isOurs(found: StoredRecord | undefined): boolean {
    return isSameLease(found?.lease, this.#held.lease) && found?.record.incarnation === this.record.incarnation;
  }

  #lose(found: StoredRecord | undefined): unknown {
    if (!this.#lost.signal.aborted) {
      this.#lost.abort(leaseLost(this.record.id, found));
      this.#beating.abort();
    }
    return this.#lost.signal.reason;
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    const run = this.#tail.then(task);
    this.#tail = run.catch(() => {});
    return run;
  }
}

function applyChanges(
  record: SpinRecord,
  batch: readonly Pending[],
): { readonly record: SpinRecord; readonly accepted: readonly Pending[] } {
  const accepted: Pending[] = [];
  let changed = record;
  for (const pending of batch) {
    try {
      changed = pending.change(changed);
      accepted.push(pending);
    } catch (thrown) {
      pending.reject(thrown);
    }
  }
  return { record: changed, accepted };
}
