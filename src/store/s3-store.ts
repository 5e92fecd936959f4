import { join } from 'node:path';
import { SpinError } from '../core/errors.ts';
import { digest, type Incarnation, isSpinId, makeIncarnation, type SpinId } from '../core/ids.ts';
import { isEntry } from './ledger.ts';
import { isExpired } from './lease.ts';
import { parseLines } from './lines.ts';
import { decodeOutline, decodeRecord, encodeRecord, stampOf } from './record-file.ts';
import { type BucketOptions, type Found, openBucket } from './s3/bucket.ts';
import { journalsEndedBefore } from './s3/journal-end.ts';
import { inFlight } from './s3/in-flight.ts';
import { JournalWriter } from './s3/journal-writer.ts';
import { followJournal, lastJournaled, readJournal } from './s3/journal.ts';
import { formatS3Location, type S3Location } from './s3/location.ts';
import { ObjectCache } from './s3/object-cache.ts';
import { Shelf } from './s3/shelf.ts';
import { tagOf } from './state-tag.ts';
import type { Store, StoredRecord } from './store.ts';

export interface S3StoreOptions extends S3Location, BucketOptions {
  /** A folder of this user for what was read already; nothing is kept between runs without it. */
  readonly cacheDir?: string;
  /** How long an event may wait until it is written; a second by default. */
  readonly flushMs?: number;
  /** How often to look for what others wrote; each second by default. */
  readonly pollMs?: number;
}

const SECOND_MS = 1_000;
const ENDING = '.json';

/**
 * Keeps everything in one bucket, under one prefix, for a team: `records/<id>.json`, `journals/<id>/<incarnation>/*.ndjson` (segment.ts),
 * `ledger/<incarnation>.json`. S3 is strongly consistent, lists included; compare-and-swap is `If-Match` on the ETag, which is new with
 * every write because each text has a stamp of its own. The SDK is loaded, and a connection made, by the first request.
 */
export function createS3Store(options: S3StoreOptions): Store {
  const { clock, pollMs = SECOND_MS } = options;
  const bucket = openBucket(options);
  const root = options.prefix === '' ? '' : `${options.prefix}/`;
  const writer = new JournalWriter(bucket, root, clock, options.flushMs ?? SECOND_MS);
  const journals = { bucket, root, writer };
  const records = new Shelf(bucket, `${root}records/`, cacheOf(options, 'records'));
  const entries = new Shelf(bucket, `${root}ledger/`, cacheOf(options, 'ledger'));
  const recordKey = (id: SpinId): string => `${records.prefix}${id}${ENDING}`;
  const urlOf = (key: string): string => `s3://${options.bucket}/${key}`;

  const decode = (id: SpinId, key: string, { text, etag, writtenAt }: Found): StoredRecord | undefined => {
    const stored = decodeRecord(text, urlOf(key), id);
    if (stored === undefined) return undefined;
    const lease = stored.lease === undefined ? undefined : bucket.time.leaseHere(stored.lease, stampOf(text), writtenAt);
    return { version: etag, record: stored.record, lease, fence: stored.fence };
  };

  const lookAtAll = async <Seen>(look: (id: SpinId, key: string, found: Found) => Seen | undefined) => {
    const { seen, failed } = await records.look((key, found) => {
      const id = idIn(key, records.prefix);
      if (!isSpinId(id)) throw new SpinError('record-damaged', `${urlOf(key)} is not named by a spin ID`, { data: { file: urlOf(key) } });
      return look(id, key, found);
    });
    return { seen, unreadable: failed.map(({ key, problem }) => ({ id: idIn(key, records.prefix), problem })) };
  };

  const location = formatS3Location(options);

  const store: Store = {
    location,
    get tag() {
      return tagOf(location);
    },
    pollMs,

    read: async (id) => {
      const key = recordKey(id);
      const found = await bucket.get(key);
      return found === undefined ? undefined : decode(id, key, found);
    },

    write: async (expected, next) => {
      // Every record begins with a creation: where that was safe, so is what follows.
      if (expected === undefined) await bucket.proveConditions(`${root}conditions.txt`);
      return bucket.put(recordKey(next.record.id), encodeRecord(next, makeIncarnation(clock.now())), expected);
    },

    remove: (id, expected) => bucket.remove(recordKey(id), expected),

    list: async () => {
      const { seen, unreadable } = await lookAtAll(decode);
      return { records: seen, unreadable };
    },

    scan: async (look) => {
      const { seen, unreadable } = await lookAtAll((id, key, { text }) => decodeOutline(text, urlOf(key), id));
      return { seen: seen.map(look), unreadable };
    },

    append: (event) => writer.append(event),

    flush: () => writer.flush(),

    events: async (id, incarnation) => {
      const wanted = incarnation ?? (await store.read(id))?.record.incarnation ?? (await lastJournaled(journals, id));
      return wanted === undefined ? [] : readJournal(journals, id, wanted);
    },

    follow: (id, incarnation, signal, from = 'end') => followJournal(journals, { id, incarnation, from, clock, pollMs, signal }),

    settle: async (entry) => {
      // In conflict, it is settled already.
      await bucket.put(`${entries.prefix}${entry.incarnation}${ENDING}`, `${JSON.stringify(entry)}\n`, undefined);
    },

    ledger: async () => (await entries.look((_key, { text }) => parseLines(text).find(isEntry))).seen,

    prune: async (before) => {
      const pruned = new Set<string>();
      const { records: stored, unreadable } = await store.list();
      const live = new Map<string, Incarnation | 'unreadable'>(unreadable.map(({ id }) => [id, 'unreadable']));
      for (const { version, record, lease } of stored) {
        const old = record.releasedAt !== undefined && record.releasedAt < before && isExpired(lease, clock.now());
        if (old && (await store.remove(record.id, version)) === 'removed') pruned.add(record.incarnation);
        else live.set(record.id, record.incarnation);
      }
      await writer.flush();
      for (const { incarnation, keys } of await journalsEndedBefore(bucket, root, before, await store.ledger(), live)) {
        await inFlight([keys], async (key) => void (await bucket.remove(key)));
        pruned.add(incarnation);
      }
      return pruned.size;
    },
  };
  return store;
}

/** The name of the object without its ending: the spin ID, where the object is a record of ours. */
function idIn(key: string, prefix: string): string {
  const name = key.slice(prefix.length);
  return name.endsWith(ENDING) ? name.slice(0, -ENDING.length) : name;
}

function cacheOf(options: S3StoreOptions, what: string): ObjectCache {
  if (options.cacheDir === undefined) return new ObjectCache(undefined);
  const place = digest([options.endpoint ?? '', formatS3Location(options)]).slice(0, 16);
  return new ObjectCache(join(options.cacheDir, `s3-${place}.${what}`));
}
