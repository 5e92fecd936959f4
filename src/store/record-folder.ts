/**
 * The folder of one spin holds its record as `record.<life>.<serial>.json`; the newest name is the record.
 *
 * - A life is a new, time-sorted name for each folder made; it keeps a writer of a removed record from replacing its successor.
 * - Create: a folder that is complete is renamed into place. That fails where the place is taken, so one creator wins.
 * - Replace: the finished file is linked as the next serial. A link fails where the name is taken, so one writer wins.
 * - Remove: a removal mark is linked as the next serial, so that it wins or loses like any write; then the files go.
 *
 * A reader therefore sees a whole record at every moment, and a crash at any point leaves the old or the new one.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SpinError, systemCode } from '../core/errors.ts';
import { flushFolder, linkUnlessTaken, makeFolder, writeDurably } from './disk.ts';
import { REMOVED } from './record-file.ts';

interface Version {
  readonly life: string;
  readonly serial: number;
}

/** The newest file of a folder. */
export interface NewestFile {
  readonly version: string;
  readonly file: string;
  readonly text: string;
}

const FILE = /^record\.([0-9a-z]+)\.(\d{1,15})\.json$/;
const VERSION = /^([0-9a-z]+)\.(\d{1,15})$/;
/** A newest file that is gone was replaced meanwhile; this often in a row, something else is wrong. */
const READ_TRIES = 100;

/** Reads the newest file; undefined where the folder is missing or has none. @throws system errors */
export function readNewest(folder: string): NewestFile | undefined {
  for (let tries = 1; ; tries++) {
    const newest = versionsIn(folder).at(-1);
    if (newest === undefined) return undefined;
    const file = fileOf(folder, newest);
    try {
      return { version: `${newest.life}.${newest.serial}`, file, text: readFileSync(file, 'utf8') };
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOENT' || tries === READ_TRIES) throw thrown;
    }
  }
}

/**
 * Makes the folder with its first file.
 * @param drafts where unfinished files are made, on the same file system
 * @param name new and time-sorted: becomes the life
 */
export async function createFirst(folder: string, drafts: string, name: string, text: string): Promise<string | 'conflict'> {
  const draft = join(drafts, name);
  const first: Version = { life: name, serial: 1 };
  makeFolder(draft);
  try {
    await writeDurably(fileOf(draft, first), text);
    await flushFolder(draft);
    makeFolder(dirname(folder));
    while (!renamedInto(draft, folder)) {
      const newest = readNewest(folder);
      if (newest !== undefined && newest.text !== REMOVED) return 'conflict';
      if (newest !== undefined) deleteUpTo(folder, parseVersion(newest.version));
      else refuseForeign(folder);
    }
    await flushFolder(dirname(folder));
    return `${first.life}.${first.serial}`;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Makes `text` the newest file, if `expected` still is. */
export async function replaceNewest(
  folder: string,
  drafts: string,
  name: string,
  expected: string,
  text: string,
): Promise<string | 'conflict'> {
  const next = await linkNext(folder, drafts, name, parseVersion(expected), text);
  if (next === 'conflict') return 'conflict';
  await flushFolder(folder);
  for (const older of versionsIn(folder)) {
    if (compare(older, next) < 0) rmSync(fileOf(folder, older), { force: true });
  }
  return `${next.life}.${next.serial}`;
}

/** Deletes the folder, if `expected` still is the newest file. */
export async function removeNewest(folder: string, drafts: string, name: string, expected: string): Promise<'removed' | 'conflict'> {
  const mark = await linkNext(folder, drafts, name, parseVersion(expected), REMOVED);
  if (mark === 'conflict') return 'conflict';
  deleteUpTo(folder, mark);
  await flushFolder(dirname(folder));
  return 'removed';
}

async function linkNext(folder: string, drafts: string, name: string, expected: Version, text: string): Promise<Version | 'conflict'> {
  const next: Version = { life: expected.life, serial: expected.serial + 1 };
  const draft = join(drafts, `${name}.json`);
  makeFolder(drafts);
  await writeDurably(draft, text);
  try {
    if (linkUnlessTaken(draft, fileOf(folder, next)) !== 'linked') return 'conflict';
    // Files are deleted only by who won a later serial. So with `expected` gone, this serial was won, and its file deleted, before.
    if (existsSync(fileOf(folder, expected))) return next;
    rmSync(fileOf(folder, next), { force: true });
    return 'conflict';
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Deletes a removed life, its mark last: until then every reader sees the mark, and every writer of that life fails. */
function deleteUpTo(folder: string, mark: Version): void {
  for (const version of versionsIn(folder)) {
    if (compare(version, mark) <= 0) rmSync(fileOf(folder, version), { force: true });
  }
  try {
    rmdirSync(folder);
  } catch (thrown) {
    // Somebody else finished the removal, or has begun a new life.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(systemCode(thrown) ?? '')) throw thrown;
  }
}

function renamedInto(draft: string, folder: string): boolean {
  try {
    renameSync(draft, folder);
    return true;
  } catch (thrown) {
    if (['ENOTEMPTY', 'EEXIST'].includes(systemCode(thrown) ?? '')) return false;
    throw thrown;
  }
}

function refuseForeign(folder: string): void {
  const foreign = namesIn(folder)[0];
  if (foreign === undefined || FILE.test(foreign)) return;
  throw new SpinError('record-damaged', `${folder} has no record but holds ${JSON.stringify(foreign)}`, {
    hint: `move ${join(folder, foreign)} away`,
    data: { folder },
  });
}

/** Oldest first. */
function versionsIn(folder: string): readonly Version[] {
  const versions: Version[] = [];
  for (const name of namesIn(folder)) {
    const [, life, serial] = FILE.exec(name) ?? [];
    if (life !== undefined) versions.push({ life, serial: Number(serial) });
  }
  return versions.length > 1 ? versions.toSorted(compare) : versions;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}

function compare(a: Version, b: Version): number {
  return a.life === b.life ? a.serial - b.serial : a.life < b.life ? -1 : 1;
}

function parseVersion(version: string): Version {
  const [, life, serial] = VERSION.exec(version) ?? [];
  // A version of no form that was ever given out matches nothing.
  return life === undefined ? { life: 'none', serial: 0 } : { life, serial: Number(serial) };
}

function fileOf(folder: string, version: Version): string {
  return join(folder, `record.${version.life}.${version.serial}.json`);
}
