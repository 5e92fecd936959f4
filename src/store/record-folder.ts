/**
 * The folder of one spin: `life.<life>`, and its record as `record.<life>.<serial>.json`, of which the highest serial counts.
 *
 * - Create: a folder that is complete, with a life never used before, is renamed into place. That fails where the place is taken.
 * - Replace: the finished file is linked as the next serial. A link fails where the name is taken.
 * - Remove: a removal mark is linked as the next serial, so that it wins or loses like any write; then the files go.
 *
 * A reader therefore sees a whole record at every moment, and a crash at any point leaves the old or the new one.
 *
 * Names of deleted files are free again, so who was slow may still link one. Two rules make that harmless. Files go in the order of
 * their serials: while a file is there, the serial after it has never been won. So a writer that finds, after its link, the very file
 * that it replaces (by the stamp inside) has won, and any other takes its link back. And files of another life than the folder's are
 * no records; nobody deletes them by any but their exact name.
 */
import { readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SpinError, systemCode } from '../core/errors.ts';
import { flushFolder, linkUnlessTaken, makeFolder, readIfThere, removeFile, writeDurably } from './disk.ts';
import { REMOVED, stampOf } from './record-file.ts';

interface Place {
  readonly life: string;
  readonly serial: number;
}

/** The newest file of a folder. */
export interface NewestFile {
  readonly version: string;
  readonly file: string;
  readonly text: string;
}

/** Text of a new file; it must hold `stamp` where stampOf finds it. */
export type Compose = (stamp: string) => string;

const LIFE = /^life\.([0-9a-z]+)$/;
const RECORD = /^record\.([0-9a-z]+)\.(\d{1,15})\.json$/;
const VERSION = /^([0-9a-z]+)\.(\d{1,15})\.([0-9a-z]*)$/;
/** What is found otherwise than it was a moment ago was changed meanwhile; this often in a row, something else is wrong. */
const TRIES = 100;

/** Reads the newest file; undefined where the folder is missing or has none. @throws system errors */
export function readNewest(folder: string): NewestFile | undefined {
  for (let tries = 1; ; tries++) {
    const newest = placesIn(folder).at(-1);
    if (newest === undefined) return undefined;
    const file = fileOf(folder, newest);
    try {
      const text = readFileSync(file, 'utf8');
      return { version: `${newest.life}.${newest.serial}.${stampOf(text)}`, file, text };
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOENT' || tries === TRIES) throw thrown;
    }
  }
}

/**
 * Makes the folder with its first file.
 * @param drafts where unfinished files are made, on the same file system
 * @param name a name that was never used before
 * @param pause waits for a removal under way, for some milliseconds
 */
export async function createFirst(
  folder: string,
  drafts: string,
  name: string,
  compose: Compose,
  pause: () => Promise<void>,
): Promise<string | 'conflict'> {
  const draft = join(drafts, name);
  const first: Place = { life: name, serial: 1 };
  makeFolder(draft);
  let placed = false;
  try {
    await writeDurably(fileOf(draft, first), compose(name));
    writeFileSync(join(draft, `life.${name}`), '', { mode: 0o600 });
    await flushFolder(draft);
    makeFolder(dirname(folder));
    for (let tries = 1; !renamedInto(draft, folder); tries++) {
      const room = makeRoom(folder, tries >= TRIES);
      if (room === 'taken') return 'conflict';
      if (room === 'being-removed') await pause();
    }
    placed = true;
    await flushFolder(dirname(folder));
    return `${first.life}.${first.serial}.${name}`;
  } finally {
    if (!placed) rmSync(draft, { recursive: true, force: true });
  }
}

/** Makes a new file the newest, if `expected` still is. */
export async function replaceNewest(
  folder: string,
  drafts: string,
  name: string,
  expected: string,
  compose: Compose,
): Promise<string | 'conflict'> {
  const won = await linkNext(folder, drafts, name, expected, compose(name));
  if (won === 'conflict') return 'conflict';
  await flushFolder(folder);
  deleteBelow(folder, won);
  return `${won.life}.${won.serial}.${name}`;
}

/** Deletes the folder, if `expected` still is the newest file. */
export async function removeNewest(folder: string, drafts: string, name: string, expected: string): Promise<'removed' | 'conflict'> {
  const mark = await linkNext(folder, drafts, name, expected, REMOVED);
  if (mark === 'conflict') return 'conflict';
  finishRemoval(folder, mark);
  await flushFolder(dirname(folder));
  return 'removed';
}

/**
 * Finishes a removal that a crash cut short; a folder that has a record, or anything else, stays as it is. Where the removal is only
 * slow, who makes it is told of a conflict, and then finds the record gone.
 * @throws system errors
 */
export function clearRemoved(folder: string): void {
  const newest = readNewest(folder);
  if (newest !== undefined && newest.text !== REMOVED) return;
  const mark = placeOf(basename(newest?.file ?? ''));
  if (mark !== undefined) return finishRemoval(folder, mark);
  const names = namesIn(folder);
  if (names.some((name) => placeOf(name) === undefined)) return;
  for (const name of names) removeFile(join(folder, name));
  deleteIfEmpty(folder);
}

async function linkNext(folder: string, drafts: string, name: string, expected: string, text: string): Promise<Place | 'conflict'> {
  const [, life, serial, stamp] = VERSION.exec(expected) ?? [];
  if (life === undefined) return 'conflict';
  const previous: Place = { life, serial: Number(serial) };
  const next: Place = { life, serial: previous.serial + 1 };
  const draft = join(drafts, `${name}.json`);
  makeFolder(drafts);
  await writeDurably(draft, text);
  try {
    if (linkUnlessTaken(draft, fileOf(folder, next)) !== 'linked') return 'conflict';
    const replaced = readIfThere(fileOf(folder, previous));
    if (replaced !== undefined && stampOf(replaced) === stamp) return next;
    removeFile(fileOf(folder, next));
    return 'conflict';
  } finally {
    removeFile(draft);
  }
}

/** The life goes before the mark: without it, whatever is left is no record. */
function finishRemoval(folder: string, mark: Place): void {
  deleteBelow(folder, mark);
  removeFile(join(folder, `life.${mark.life}`));
  removeFile(fileOf(folder, mark));
  deleteIfEmpty(folder);
}

/** Not empty, a new life has begun in it; not there, somebody else finished the removal. */
function deleteIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (thrown) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(systemCode(thrown) ?? '')) throw thrown;
  }
}

function deleteBelow(folder: string, place: Place): void {
  const older = namesIn(folder).flatMap((name) => placeOf(name) ?? []);
  for (const found of older.toSorted((a, b) => a.serial - b.serial)) {
    if (found.life === place.life && found.serial < place.serial) removeFile(fileOf(folder, found));
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

/**
 * Empties a folder that has no record, or says what keeps it from that. A removal under way is left to who makes it for as long as
 * there is patience: finishing it for a process that is alive would look to that process as if another had won.
 */
function makeRoom(folder: string, impatient: boolean): 'taken' | 'being-removed' | 'emptied' {
  const newest = readNewest(folder);
  if (newest !== undefined && newest.text !== REMOVED) return 'taken';
  const names = namesIn(folder);
  if (names.some((name) => LIFE.test(name))) {
    if (!impatient) return 'being-removed';
    const mark = placeOf(basename(newest?.file ?? ''));
    if (mark === undefined) refuseForeign(folder, names.find((name) => LIFE.test(name)) ?? '');
    finishRemoval(folder, mark);
    return 'emptied';
  }
  for (const name of names) {
    if (placeOf(name) === undefined) refuseForeign(folder, name);
    removeFile(join(folder, name));
  }
  return 'emptied';
}

function refuseForeign(folder: string, name: string): never {
  throw new SpinError('record-damaged', `${folder} has no record but holds ${JSON.stringify(name)}`, {
    hint: `move ${join(folder, name)} away`,
    data: { folder },
  });
}

/** The record files of the folder's life, oldest first. */
function placesIn(folder: string): readonly Place[] {
  const names = namesIn(folder);
  const places: Place[] = [];
  for (const name of names) {
    const place = placeOf(name);
    if (place !== undefined && names.includes(`life.${place.life}`)) places.push(place);
  }
  return places.length > 1 ? places.toSorted((a, b) => a.serial - b.serial) : places;
}

function placeOf(name: string): Place | undefined {
  const [, life, serial] = RECORD.exec(name) ?? [];
  return life === undefined ? undefined : { life, serial: Number(serial) };
}

function fileOf(folder: string, place: Place): string {
  return `${folder}/record.${place.life}.${place.serial}.json`;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}
