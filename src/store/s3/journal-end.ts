import type { Incarnation } from '../../core/ids.ts';
import type { LedgerEntry } from '../store.ts';
import type { Bucket } from './bucket.ts';
import { journalPrefix, segmentName } from './segment.ts';

/** A journal that nothing will be added to any more. */
export interface EndedJournal {
  readonly incarnation: Incarnation;
  /** Keys of its segments. */
  readonly keys: readonly string[];
}

/**
 * The journals of incarnations that ended before `before`, except of those that a record still names.
 * @param live by spin ID; `unreadable` where the record does not tell
 */
export async function journalsEndedBefore(
  bucket: Bucket,
  root: string,
  before: number,
  ledger: readonly LedgerEntry[],
  live: ReadonlyMap<string, Incarnation | 'unreadable'>,
): Promise<readonly EndedJournal[]> {
  const released = new Map(ledger.map(({ incarnation, releasedAt }) => [incarnation, releasedAt]));
  const journals = new Map<Incarnation, { readonly keys: string[]; endedAt: number }>();
  for await (const page of bucket.list(journalPrefix(root))) {
    for (const { key, writtenAt } of page) {
      const { id = '', incarnation } = segmentName(key) ?? {};
      if (incarnation === undefined || live.get(id) === 'unreadable' || live.get(id) === incarnation) continue;
      const journal = journals.get(incarnation) ?? { keys: [], endedAt: 0 };
      journals.set(incarnation, journal);
      journal.keys.push(key);
      // Without a ledger entry the spin ended some other way; its last event then tells when.
      journal.endedAt = released.get(incarnation) ?? Math.max(journal.endedAt, (writtenAt ?? Infinity) + bucket.time.ahead);
    }
  }
  return [...journals].flatMap(([incarnation, { keys, endedAt }]) => (endedAt < before ? [{ incarnation, keys }] : []));
}
