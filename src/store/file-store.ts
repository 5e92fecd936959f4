import { readdirSync, realpathSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pid } from 'node:process';
import type { Clock } from '../core/clock.ts';
import { SpinError, systemCode } from '../core/errors.ts';
import { type Incarnation, isSpinId, makeFileName, type SpinId } from '../core/ids.ts';
import { stateProblem } from './disk.ts';
import { flushJournals, followJournal, journaled, journalFile, journalFolder, openJournal, readJournal } from './journal.ts';
import { isExpired } from './lease.ts';
import { ledgerFile, readLedger, settle } from './ledger.ts';
import { openOutlineCache } from './outline-cache.ts';
import { decodeOutline, decodeRecord, encodeRecord } from './record-file.ts';
import { clearRemoved, createFirst, readNewest, removeNewest, replaceNewest } from './record-folder.ts';
import type { RecordOutline } from './record.ts';
import { openStateTag } from './state-tag.ts';
import type { Store, StoredRecord, Unreadable } from './store.ts';

export interface FileStoreOptions {
  /** The state folder; absolute, need not exist. */
  readonly dir: string;
  readonly clock: Clock;
  /** What tells this machine and user from others; asked only until the folder says whose it is. Without it the path tells. */
  readonly machine?: () => string;
}

/** A removal takes a few milliseconds. */
const REMOVAL_STEP_MS = 10;

/** A draft this old was left by a crash. */
const STALE_DRAFT_MS = 3_600_000;

/**
 * Keeps everything in one folder on a local file system:
 * `spins/<id>/` records (record-folder.ts), `journals/<id>/<incarnation>.ndjson`, `ledger.ndjson`, `outlines.json` (outline-cache.ts),, `tag`
 * (state-tag.ts) and `drafts/` for files being written.
 * Nothing is made before the first write.
 */
export function createFileStore(options: FileStoreOptions): Store {
  const dir = realLocation(options.dir);
  const { clock } = options;
  const tag = openStateTag(dir, options.machine ?? (() => ''));
  const spins = join(dir, 'spins');
  const drafts = join(dir, 'drafts');
  const ledger = ledgerFile(dir);
  const draftName = (): string => makeFileName(clock.now());

  const readRecord = (id: SpinId): StoredRecord | undefined => {
    const newest = readNewest(`${spins}/${id}`);
    const stored = newest === undefined ? undefined : decodeRecord(newest.text, newest.file, id);
    return newest === undefined || stored === undefined ? undefined : { version: newest.version, ...stored };
  };

  const readOutline = (id: SpinId): { readonly file: string; readonly outline: RecordOutline } | undefined => {
    const newest = readNewest(`${spins}/${id}`);
    const outline = newest === undefined ? undefined : decodeOutline(newest.text, newest.file, id);
    return newest === undefined || outline === undefined ? undefined : { file: newest.file, outline };
  };

  const store: Store = {
    location: dir,
    folder: dir,
    get tag() {
      return tag.read();
    },

    read: (id) =>
      reading(join(spins, id), () => {
        const stored = readRecord(id);
        if (stored === undefined) clearIfAllowed(join(spins, id));
        return stored;
      }),

    write: (expected, next) => {
      const folder = join(spins, next.record.id);
      const compose = (stamp: string): string => encodeRecord(next, stamp);
      return writing(folder, async () => {
        if (expected !== undefined) return replaceNewest(folder, drafts, draftName(), expected, compose);
        // Before anything can be made that carries it.
        await tag.keep(join(drafts, draftName()));
        return createFirst(folder, drafts, draftName(), compose, () => clock.sleep(REMOVAL_STEP_MS));
      });
    },

    remove: (id, expected) => writing(join(spins, id), () => removeNewest(join(spins, id), drafts, draftName(), expected)),

    list: () =>
      reading(spins, () => {
        const { seen, unreadable } = scanRecords(spins, readRecord, (stored) => stored);
        return { records: seen, unreadable };
      }),

    scan: (look) =>
      reading(spins, () => {
        const cache = openOutlineCache({ spins, file: join(dir, 'outlines.json'), drafts, now: clock.now(), pid, read: readOutline });
        const scanned = scanRecords(spins, (id) => cache.outline(id), look);
        cache.save();
        return scanned;
      }),

    append: (event) => openJournal(journalFile(dir, event.id, event.incarnation)).append(event),

    flush: () => {
      flushJournals();
      return Promise.resolve();
    },

    events: (id, incarnation) =>
      reading(journalFolder(dir, id), () => {
        const wanted = incarnation ?? readRecord(id)?.record.incarnation ?? journaled(dir, id).at(-1);
        return wanted === undefined ? [] : readJournal(journalFile(dir, id, wanted));
      }),

    follow: (id, incarnation, signal, from = 'end') => followJournal(journalFile(dir, id, incarnation), from, clock, signal),

    settle: (entry) => writing(ledger, () => settle(ledger, entry)),

    ledger: () => reading(ledger, () => readLedger(ledger)),

    prune: async (before) => {
      const pruned = new Set<string>();
      const { records, unreadable } = await store.list();
      const known = new Set<string>([...records.map(({ record }) => record.id), ...unreadable.map(({ id }) => id)]);
      for (const { version, record, lease } of records) {
        if (record.releasedAt === undefined || record.releasedAt >= before || !isExpired(lease, clock.now())) continue;
        if ((await store.remove(record.id, version)) === 'removed') pruned.add(record.incarnation);
      }
      const released = new Map((await store.ledger()).map((entry) => [entry.incarnation, entry.releasedAt]));
      await writing(dir, async () => {
        for (const incarnation of deleteJournals(dir, before, released, readRecord)) pruned.add(incarnation);
        for (const id of namesIn(spins)) if (isSpinId(id) && !known.has(id)) clearRemoved(join(spins, id));
        deleteStaleDrafts(drafts, clock.now() - STALE_DRAFT_MS);
      });
      return pruned.size;
    },
  };
  return store;
}

/** All records in one pass. Synchronous calls: with thousands of small files they take half the time of asynchronous ones. */
function scanRecords<Found, Seen>(
  spins: string,
  read: (id: SpinId) => Found | undefined,
  look: (found: Found) => Seen,
): { readonly seen: readonly Seen[]; readonly unreadable: readonly Unreadable[] } {
  const seen: Seen[] = [];
  const unreadable: Unreadable[] = [];
  for (const id of namesIn(spins)) {
    let found: Found | undefined;
    try {
      found = isSpinId(id) ? read(id) : refuseName(spins, id);
    } catch (thrown) {
      unreadable.push({ id, problem: stateProblem(thrown, join(spins, id), 'read') });
    }
    if (found !== undefined) seen.push(look(found));
  }
  return { seen, unreadable };
}

/** Deletes the journals of incarnations that ended before `before`, except of one that a record still names. */
function deleteJournals(
  dir: string,
  before: number,
  released: ReadonlyMap<string, number>,
  readRecord: (id: SpinId) => StoredRecord | undefined,
): readonly Incarnation[] {
  const deleted: Incarnation[] = [];
  for (const id of namesIn(join(dir, 'journals')).filter(isSpinId)) {
    const live = liveIncarnation(id, readRecord);
    for (const incarnation of live === 'unreadable' ? [] : journaled(dir, id)) {
      const file = journalFile(dir, id, incarnation);
      // Without a ledger entry the spin ended some other way; its last event then tells when.
      const endedAt = released.get(incarnation) ?? statSync(file).mtimeMs;
      if (incarnation === live || endedAt >= before) continue;
      rmSync(file, { force: true });
      deleted.push(incarnation);
    }
    removeIfEmpty(journalFolder(dir, id));
  }
  return deleted;
}

function liveIncarnation(id: SpinId, readRecord: (id: SpinId) => StoredRecord | undefined): Incarnation | 'unreadable' | undefined {
  try {
    return readRecord(id)?.record.incarnation;
  } catch {
    return 'unreadable';
  }
}

/** That nothing is left of a record must not need a state folder that can be written to by whoever reads it. */
function clearIfAllowed(folder: string): void {
  try {
    clearRemoved(folder);
  } catch {
    // What was in the way stands there still, and the next write tells of it.
  }
}

function deleteStaleDrafts(drafts: string, before: number): void {
  for (const name of namesIn(drafts)) {
    const draft = join(drafts, name);
    const stat = statSync(draft, { throwIfNoEntry: false });
    if (stat !== undefined && stat.mtimeMs < before) rmSync(draft, { recursive: true, force: true });
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (thrown) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemCode(thrown) ?? '')) throw thrown;
  }
}

function refuseName(spins: string, name: string): never {
  throw new SpinError('record-damaged', `${join(spins, name)} is not named by a spin ID`, { data: { file: join(spins, name) } });
}

/** Names in a folder, without hidden ones; none where it is missing. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}

/** One name for one place, also where a link leads to it: the marks of local processes are made from it, and the first tag of the state. */
function realLocation(dir: string): string {
  try {
    return realpathSync(dir);
  } catch {
    const parent = dirname(dir);
    return parent === dir ? dir : join(realLocation(parent), basename(dir));
  }
}

async function reading<T>(path: string, work: () => T): Promise<T> {
  try {
    return work();
  } catch (thrown) {
    throw stateProblem(thrown, path, 'read');
  }
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw stateProblem(thrown, path, 'write');
  }
}
