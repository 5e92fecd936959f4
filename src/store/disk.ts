import { closeSync, fsync, linkSync, mkdirSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { getSystemErrorMessage, promisify } from 'node:util';
import { isSpinError, SpinError, systemCode } from '../core/errors.ts';

const flush = promisify(fsync);

/** Errors of a file system that has no room, as opposed to one that refuses. */
const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * What to throw for something that went wrong in or near `path`: system errors become SpinError `state-unwritable` naming the path,
 * everything else stays what it is.
 */
export function stateProblem(thrown: unknown, path: string, doing: 'read' | 'write' = 'write'): unknown {
  const code = systemCode(thrown);
  if (isSpinError(thrown) || code === undefined || !(thrown instanceof Error && 'errno' in thrown)) return thrown;
  const at = 'path' in thrown && typeof thrown.path === 'string' ? thrown.path : path;
  const reason = typeof thrown.errno === 'number' ? getSystemErrorMessage(thrown.errno) : thrown.message;
  return new SpinError('state-unwritable', `cannot ${doing} ${at}: ${reason} (${code})`, {
    ...(NO_ROOM.has(code) ? { hint: 'free some space, then run the command again' } : {}),
    data: { path: at, code },
    cause: thrown,
  });
}

/** Makes a folder and what is missing above it. What spin makes is for its user alone: records tell commands and addresses. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw thrown;
    // One by one: Node's own way never ends where a file system has a folder and lets nothing be made in it, as /proc.
    makeFolder(dirname(path));
    makeIn(path);
  }
}

/** Another may make it at the same time. */
function makeIn(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (thrown) {
    if (systemCode(thrown) !== 'EEXIST') throw thrown;
  }
}

/** Deletes a file that may be gone already. Node's rmSync, which deletes folders too, takes a while to load. @throws system errors */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    if (systemCode(thrown) !== 'ENOENT') throw thrown;
  }
}

/** Writes a new file and waits until the disk has it. A failure leaves no file. @throws system errors, `EEXIST` where it exists */
export async function writeDurably(path: string, text: string): Promise<void> {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeAll(fd, Buffer.from(text));
    await flush(fd);
  } catch (thrown) {
    removeFile(path);
    throw thrown;
  } finally {
    closeSync(fd);
  }
}

/** Waits until the disk has what was made, renamed or deleted in a folder. */
export async function flushFolder(path: string): Promise<void> {
  await flushFile(path);
}

/** Waits until the disk has a file's content. */
export async function flushFile(path: string): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    await flush(fd);
  } finally {
    closeSync(fd);
  }
}

/** Gives a file a second name unless that name is taken; the one atomic compare-and-swap of POSIX file systems. */
export function linkUnlessTaken(from: string, to: string): 'linked' | 'taken' | 'no-folder' {
  try {
    linkSync(from, to);
    return 'linked';
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === 'EEXIST') return 'taken';
    if (code === 'ENOENT') return 'no-folder';
    throw thrown;
  }
}

/** The text of a file, or undefined where there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** write(2) may take less than it was given, just before the disk is full. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}
