/**
 * The store port: records with their leases, journals, and the ledger of what was released.
 * test/contract/store.ts holds every store to it.
 */
import type { SpinEvent } from '../core/events.ts';
import type { Incarnation, SpinId } from '../core/ids.ts';
import type { Known, NanoUsd } from '../core/money.ts';
import type { Tags } from '../core/tags.ts';
import type { Interval, RecordOutline, SpinRecord } from './record.ts';

/** Who holds a lease; enough to tell a user whom to ask, and this machine whether the process lives. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Start time of the process as the kernel counts it, so that a reused pid is not taken for the holder. */
  readonly startTime: string;
  readonly user: string;
  /** `up`, `down`, `extend`, `gc`. */
  readonly command: string;
}

/** The right to change a record. */
export interface Lease {
  readonly holder: Holder;
  /** Fencing number: grows by one with every lease ever given on this incarnation or its successors. */
  readonly fence: number;
  readonly acquiredAt: number;
  /** After this time another may take the lease, unless it was renewed. */
  readonly expiresAt: number;
}

/** A record as stored. `version` is opaque: it must be given back to replace exactly what was read. */
export interface StoredRecord {
  readonly version: string;
  readonly record: SpinRecord;
  readonly lease: Lease | undefined;
  /** Fencing number last given; the next lease takes the one after it. */
  readonly fence: number;
}

/** One released incarnation in the ledger. */
export interface LedgerEntry {
  readonly v: 1;
  readonly id: SpinId;
  readonly incarnation: Incarnation;
  readonly provider: string;
  readonly owner: string;
  readonly tags: Tags;
  readonly createdAt: number;
  readonly releasedAt: number;
  readonly intervals: readonly Interval[];
  readonly cost: Known<NanoUsd>;
}

/** A record that `list` could not read; one damaged record never hides the others. */
export interface Unreadable {
  readonly id: string;
  readonly problem: unknown;
}

export interface Store {
  /** Where it keeps things, for messages. */
  readonly location: string;

  /** The `spin:state` tag: what tells this state from all others. Whoever opens the same state reads the same. */
  readonly tag: string;

  /** The folder of this machine that it keeps them in; missing where it is none. */
  readonly folder?: string;

  /** How often to look again, in milliseconds, where one waits for another; short where looking costs nothing. */
  readonly pollMs?: number;

  /** @throws SpinError `record-damaged`, `record-newer`, `state-unwritable` */
  read(id: SpinId): Promise<StoredRecord | undefined>;

  /**
   * Creates (expected undefined) or replaces exactly the version read. Durable when it resolves: a crash afterwards loses nothing,
   * a crash before leaves the old one whole.
   * @returns the new version, or `conflict` where another wrote first, or replaced this write before its writer could look
   * @throws SpinError `state-unwritable`
   */
  write(expected: string | undefined, next: Omit<StoredRecord, 'version'>): Promise<string | 'conflict'>;

  /** Forgets a record that is exactly this version; `conflict` where another wrote since. */
  remove(id: SpinId, expected: string): Promise<'removed' | 'conflict'>;

  /** All records; an unreadable state location is an error, never an empty list. */
  list(): Promise<{ readonly records: readonly StoredRecord[]; readonly unreadable: readonly Unreadable[] }>;

  /** What `look` takes from the outline of each record; as `list`, for thousands of spins in a moment. */
  scan<Seen>(
    look: (record: RecordOutline) => Seen,
  ): Promise<{ readonly seen: readonly Seen[]; readonly unreadable: readonly Unreadable[] }>;

  /** Appends to the journal of one incarnation. Synchronous and best-effort: durability rests on the record. */
  append(event: SpinEvent): void;

  /**
   * Resolves when what was appended is where others read it, or could not be written. Never throws. Where it is missing, append does that
   * at once. To be called before the process ends.
   */
  flush?(): Promise<void>;

  /** Events of the live incarnation, or of the last one that was released; a torn last line is left out. */
  events(id: SpinId, incarnation?: Incarnation): Promise<readonly SpinEvent[]>;

  /**
   * Follows the journal until the signal aborts, and then ends without throwing: from its end, as it is at the call,
   * or from its start, with what is there already.
   */
  follow(id: SpinId, incarnation: Incarnation, signal: AbortSignal, from?: 'start' | 'end'): AsyncIterable<SpinEvent>;

  /** Adds to the ledger, once per incarnation however often it is called. */
  settle(entry: LedgerEntry): Promise<void>;

  ledger(): Promise<readonly LedgerEntry[]>;

  /** Deletes journals and tombstones of spins released before `before`; returns how many. */
  prune(before: number): Promise<number>;
}
