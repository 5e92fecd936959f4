import type { RecordOutline } from '../../src/store/record.ts';
import type { SpinEvent } from '../../src/core/events.ts';
import type { Incarnation, SpinId } from '../../src/core/ids.ts';
import { isExpired } from '../../src/store/lease.ts';
import type { LedgerEntry, Store, StoredRecord } from '../../src/store/store.ts';

/** A store in memory that counts, and fails when told to; store.md says how it behaves. */
export interface MemoryStore extends Store {
  /** Successful writes so far. */
  readonly writes: number;
  /** Every call of `write` fails with this until it is set to undefined again. */
  failing: Error | undefined;
  /** Runs before each `write` looks at what is stored: the place to let another be faster. */
  beforeWrite: (() => Promise<void>) | undefined;
}

export interface MemoryStoreOptions {
  readonly now: () => number;
}

/** Makes an empty store. What goes in and out is copied, as through a file. */
export function createMemoryStore(options: MemoryStoreOptions): MemoryStore {
  const records = new Map<SpinId, StoredRecord>();
  const journals = new Map<SpinId, Map<Incarnation, SpinEvent[]>>();
  const ledger = new Map<Incarnation, LedgerEntry>();
  const followers = new Set<() => void>();
  let versions = 0;

  const journalOf = (id: SpinId, incarnation: Incarnation): SpinEvent[] => {
    const ofSpin = journals.get(id) ?? new Map<Incarnation, SpinEvent[]>();
    const journal = ofSpin.get(incarnation) ?? [];
    journals.set(id, ofSpin.set(incarnation, journal));
    return journal;
  };

  const store = {
    location: 'memory:',
    tag: 'state',
    writes: 0,
    failing: undefined as Error | undefined,
    beforeWrite: undefined as MemoryStore['beforeWrite'],

    read: async (id: SpinId) => structuredClone(records.get(id)),

    write: async (expected: string | undefined, next: Omit<StoredRecord, 'version'>) => {
      await store.beforeWrite?.();
      if (store.failing !== undefined) throw store.failing;
      if (records.get(next.record.id)?.version !== expected) return 'conflict';
      const version = `v${++versions}`;
      records.set(next.record.id, structuredClone({ version, ...next }));
      store.writes++;
      return version;
    },

    remove: async (id: SpinId, expected: string) => {
      if (records.get(id)?.version !== expected) return 'conflict' as const;
      records.delete(id);
      return 'removed' as const;
    },

    list: async () => ({ records: structuredClone([...records.values()]), unreadable: [] }),
    scan: async <Seen>(look: (record: RecordOutline) => Seen) => ({
      seen: structuredClone([...records.values()]).map(({ record }) => look(record)),
      unreadable: [],
    }),

    append: (event: SpinEvent) => {
      journalOf(event.id, event.incarnation).push(structuredClone(event));
      for (const wake of followers) wake();
    },

    events: async (id: SpinId, incarnation?: Incarnation) => {
      const wanted = incarnation ?? records.get(id)?.record.incarnation ?? [...(journals.get(id)?.keys() ?? [])].toSorted().at(-1);
      return wanted === undefined ? [] : structuredClone(journals.get(id)?.get(wanted) ?? []);
    },

    follow: (id: SpinId, incarnation: Incarnation, signal: AbortSignal, from: 'start' | 'end' = 'end') => {
      const journal = journalOf(id, incarnation);
      return follow(journal, from === 'start' ? 0 : journal.length, followers, signal);
    },

    settle: async (entry: LedgerEntry) => {
      if (!ledger.has(entry.incarnation)) ledger.set(entry.incarnation, structuredClone(entry));
    },

    ledger: async () => structuredClone([...ledger.values()]),

    prune: async (before: number) => {
      const pruned = new Set<string>();
      for (const { record, lease } of records.values()) {
        if (record.releasedAt === undefined || record.releasedAt >= before || !isExpired(lease, options.now())) continue;
        records.delete(record.id);
        pruned.add(record.incarnation);
      }
      for (const [id, ofSpin] of journals) {
        for (const [incarnation, journal] of ofSpin) {
          const endedAt = ledger.get(incarnation)?.releasedAt ?? Date.parse(journal.at(-1)?.time ?? '');
          if (records.get(id)?.record.incarnation === incarnation || !(endedAt < before)) continue;
          ofSpin.delete(incarnation);
          pruned.add(incarnation);
        }
      }
      return pruned.size;
    },
  };
  return store;
}

async function* follow(
  journal: readonly SpinEvent[],
  start: number,
  followers: Set<() => void>,
  signal: AbortSignal,
): AsyncGenerator<SpinEvent> {
  for (let next = start; !signal.aborted;) {
    const event = journal[next];
    if (event !== undefined) {
      next++;
      yield structuredClone(event);
      continue;
    }
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        followers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      followers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
