/**
 * What `scan` read last, in one file beside the records: to prove that a record still stands as it was takes two looks at its folder, to
 * read and check it takes ten times that. Nothing rests on the file: where it is missing, damaged, of another place or of another form,
 * the records are read.
 *
 * An outline counts while its spin's folder and its record's file are what they were, by inode, size and time of change. That time is
 * set by the file system at every change, linking and deleting included, and cannot be set back by a program; it moves in steps of some
 * milliseconds, so that what was changed a moment ago is not kept.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, type Stats, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SpinId } from '../core/ids.ts';
import { makeFolder, writeAll } from './disk.ts';
import { RECORD_SCHEMA, type RecordOutline, type ResourceOutline } from './record.ts';
import { isMembers } from './shape.ts';

export interface OutlineCacheOptions {
  /** The folder of the spins' folders. */
  readonly spins: string;
  /** Where the cache is, in a folder that exists. */
  readonly file: string;
  /** Where unfinished files are made, on the same file system. */
  readonly drafts: string;
  /** Milliseconds since the epoch, from before the first record is read. */
  readonly now: number;
  readonly pid: number;
  /** Reads and checks the newest record of a spin. */
  readonly read: (id: SpinId) => { readonly file: string; readonly outline: RecordOutline } | undefined;
}

export interface OutlineCache {
  /** The outline as the record is now; undefined where there is none. @throws what `read` throws */
  outline(id: SpinId): RecordOutline | undefined;
  /** Writes down what was read, where that spares the next scan enough. Never throws. */
  save(): void;
}

/** Version of the file's form. */
const FORM = 2;
/** Longer than the step of any file system's clock. */
const SETTLED_MS = 2_000;
/** So many records must have been read, and such a part of all: to write the file takes longer than to read a few of them again. */
const WORTH_COUNT = 16;
const WORTH_PART = 0.1;

/** Of the folder: inode and time of change; of the file: inode, time of change and size. */
type Marks = readonly [number, number, number, number, number];
/** Name of the record's file, how it and its folder stood, and what is in it. */
type Kept = readonly [string, Marks, RecordOutline];

export function openOutlineCache(options: OutlineCacheOptions): OutlineCache {
  const { spins, now } = options;
  const known = readKept(options);
  const kept: Record<string, Kept> = {};
  let count = 0;
  let fresh = 0;
  return {
    outline(id) {
      const folder = `${spins}/${id}`;
      const stat = statSync(folder, { throwIfNoEntry: false });
      if (stat === undefined) return undefined;
      const before = Object.hasOwn(known, id) ? known[id] : undefined;
      if (isKept(before, id) && stands(before, folder, stat)) {
        count += 1;
        kept[id] = before;
        return before[2];
      }
      const found = options.read(id);
      if (found === undefined) return undefined;
      const own = statSync(found.file, { throwIfNoEntry: false });
      if (own !== undefined && Math.max(stat.ctimeMs, own.ctimeMs) < now - SETTLED_MS) {
        count += 1;
        fresh += 1;
        kept[id] = [basename(found.file), [stat.ino, stat.ctimeMs, own.ino, own.ctimeMs, own.size], found.outline];
      }
      return found.outline;
    },
    save() {
      if (fresh >= WORTH_COUNT && fresh >= count * WORTH_PART) writeKept(options, kept);
    },
  };
}

function stands([name, [folderInode, folderChanged, inode, changed, size]]: Kept, folder: string, stat: Stats): boolean {
  if (stat.ctimeMs !== folderChanged || stat.ino !== folderInode) return false;
  const own = statSync(`${folder}/${name}`, { throwIfNoEntry: false });
  return own !== undefined && own.ctimeMs === changed && own.ino === inode && own.size === size;
}

/** Made by this program, for its user alone, of records that it had checked: what is looked for is damage. */
function isKept(value: unknown, id: SpinId): value is Kept {
  return Array.isArray(value) && typeof value[0] === 'string' && Array.isArray(value[1]) && isMembers(value[2]) && value[2]['id'] === id;
}

function readKept({ file, spins }: OutlineCacheOptions): Readonly<Record<string, unknown>> {
  try {
    const document: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isMembers(document) || document['form'] !== FORM || document['schema'] !== RECORD_SCHEMA || document['spins'] !== spins) return {};
    return isMembers(document['kept']) ? document['kept'] : {};
  } catch {
    return {};
  }
}

function writeKept({ file, drafts, spins, now, pid }: OutlineCacheOptions, kept: Readonly<Record<string, Kept>>): void {
  const draft = join(drafts, `outlines.${pid}.${now}.json`);
  try {
    makeFolder(drafts);
    const fd = openSync(draft, 'wx', 0o600);
    try {
      writeAll(fd, Buffer.from(JSON.stringify({ form: FORM, schema: RECORD_SCHEMA, spins, kept: briefly(kept) })));
      renameSync(draft, file);
    } catch {
      rmSync(draft, { force: true });
    } finally {
      closeSync(fd);
    }
  } catch {
    // A full disk, or a folder that this user may only read: the next scan reads the records again.
  }
}

/** Without the two thirds of a record that no list shows, and that would be parsed each time. */
function briefly(kept: Readonly<Record<string, Kept>>): unknown {
  return Object.fromEntries(Object.entries(kept).map(([id, [name, marks, record]]) => [id, [name, marks, outlineOf(record)]]));
}

function outlineOf(record: RecordOutline) {
  const { id, incarnation, provider, place, owner, tags, desired, createdAt, updatedAt, deadline, readyAt, releasedAt } = record;
  const resources = Object.fromEntries(Object.entries(record.resources).map(([key, resource]) => [key, partOf(resource)]));
  const { failure, spent } = record;
  const about = { id, incarnation, provider, place, owner, tags, desired };
  const when = { createdAt, updatedAt, deadline, readyAt, releasedAt };
  return { ...about, ...when, failure, spent, resources } satisfies Record<keyof RecordOutline, unknown>;
}

function partOf({ key, address, kind, status, count, hourly, requestedAt, runs }: ResourceOutline) {
  return { key, address, kind, status, count, hourly, requestedAt, runs } satisfies Record<keyof ResourceOutline, unknown>;
}
