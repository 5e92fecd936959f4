import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { Clock } from '../../core/clock.ts';
import { systemCode } from '../../core/errors.ts';
import { entryBytes, indexFile, type LogIndex, parseIndex, readAt, rotatedFile, writeIndex } from './log-index.ts';
import type { Redactor } from './redact.ts';

export interface LogTailOptions {
  /** `<instance>.log`; absolute. Children append to it (O_APPEND) by themselves. */
  readonly file: string;
  readonly redactor: Redactor;
  /** Size at which the file is rotated. */
  readonly maxBytes: number;
  /** How many older files are kept beside it: `.1` is the youngest. */
  readonly keepFiles: number;
  readonly clock: Clock;
}

/** Looks after a log file that others write: knows when its lines came, keeps secrets out of it, keeps it small. */
export interface LogTail {
  /**
   * Stamps what is new with the clock's time, overwrites secrets in it with as many `*`, rotates it when it is too big.
   * To be called about ten times a second. A full or lost disk makes it do less, never throw.
   */
  poll(): void;
  /** The last lines, oldest first, free of secrets; each cut at 2,000 characters. */
  lastLines(count: number): readonly string[];
  close(): void;
}

const CHUNK = 1_048_576;
const LAST_BYTES = 65_536;
const LONGEST_LINE = 2_000;
/** So long an end that may be the beginning of a secret is held back from readers. */
const HOLD_MS = 1_000;
/** Stamps of a service that prints a byte at a time must not outgrow its log. */
const INDEX_ENTRIES = 100_000;

/**
 * Takes up where an earlier tail of the same file ended.
 *
 * Rotation copies the file and empties it, because the children hold it open. Lines written between the last copied
 * byte and the emptying, some microseconds, are lost; a crash within that time shows lines twice instead.
 */
export function createLogTail(options: LogTailOptions): LogTail {
  const { file, redactor, maxBytes, keepFiles, clock } = options;
  closeSync(openSync(file, 'a', 0o600));
  // Not O_APPEND: Linux would append what is written to a position.
  const log = openSync(file, 'r+');
  let { base, end, entries } = resume(file);
  let stamps = openSync(indexFile(file), 'a', 0o600);
  let lastSize = end;
  let grewAt = clock.now();

  const stamp = (upTo: number): void => {
    if (upTo <= end) return;
    writeSync(stamps, entryBytes(upTo, clock.now()));
    end = upTo;
    entries += 1;
  };

  /** Overwrites secrets in [from, to), looking back far enough to see one that began before. */
  const scrub = (from: number, to: number): void => {
    if (redactor.longest === 0) return;
    const overlap = redactor.longest - 1;
    for (let at = from; at < to; at += CHUNK) {
      const start = Math.max(0, at - overlap);
      const bytes = readAt(log, Buffer.allocUnsafe(Math.min(to, at + CHUNK) - start), start);
      for (const span of redactor.spans(bytes)) writeSync(log, Buffer.alloc(span.end - span.start, '*'), 0, null, start + span.start);
    }
  };

  /** Bytes at the end of the file that may be the beginning of a secret whose rest is yet to come. */
  const heldBack = (size: number): number => {
    if (redactor.longest < 2 || clock.now() - grewAt >= HOLD_MS) return 0;
    const from = Math.max(end, size - redactor.longest + 1);
    return redactor.openEnd(readAt(log, Buffer.allocUnsafe(Math.max(0, size - from)), from));
  };

  const startOver = (newBase: number): void => {
    writeIndex(indexFile(file), { base: newBase, stamps: [] }, clock.now());
    const opened = openSync(indexFile(file), 'a', 0o600);
    closeSync(stamps);
    stamps = opened;
    base = newBase;
    [end, entries, lastSize] = [0, 0, 0];
  };

  const rotate = (size: number): void => {
    const archived = keepFiles === 0 ? undefined : tryArchive(log, file, { base, size, maxBytes, keepFiles }, clock.now());
    // Readers take a missing index as "wait": from here on offsets mean nothing until the new one is there.
    rmSync(indexFile(file), { force: true });
    let total = size;
    for (let rounds = 0; rounds < 100; rounds++) {
      const now = fstatSync(log).size;
      if (now === total) break;
      scrub(total, now);
      if (archived !== undefined) copyRange(log, total, now, archived.fd);
      total = now;
    }
    ftruncateSync(log, 0);
    archived?.finish(total, clock.now());
    startOver(base + total);
  };

  const look = (): void => {
    const { size } = fstatSync(log);
    // Somebody else emptied the file: what came after is new.
    if (size < end) startOver(base + end);
    if (size !== lastSize) {
      // Of more than can be kept, only what will be kept is worth reading.
      scrub(Math.max(Math.min(lastSize, size), size - 4 * maxBytes), size);
      grewAt = clock.now();
    }
    lastSize = size;
    const held = heldBack(size);
    stamp(size - held);
    if ((size > maxBytes && (held === 0 || size > 2 * maxBytes)) || entries > INDEX_ENTRIES) rotate(size);
  };

  const poll = (): void => {
    try {
      look();
    } catch (thrown) {
      // The next poll tries again; a service is not to die of its log.
      if (systemCode(thrown) === undefined) throw thrown;
    }
  };

  return {
    poll,
    lastLines: (count) => {
      poll();
      const lines = endOf(log);
      if (lines.length < count) lines.unshift(...endOfFile(rotatedFile(file, 1)));
      return lines.slice(Math.max(0, lines.length - count)).map((line) => redactor.text(line).slice(0, LONGEST_LINE));
    },
    close: () => {
      closeSync(log);
      closeSync(stamps);
    },
  };
}

/** Where an earlier tail ended. Without its index the whole file is looked at again. */
function resume(file: string): { base: number; end: number; entries: number } {
  const index = tryIndex(indexFile(file));
  if (index !== undefined) return { base: index.base, end: index.stamps.at(-1)?.end ?? 0, entries: index.stamps.length };
  const older = tryIndex(indexFile(rotatedFile(file, 1)));
  const base = older === undefined ? 0 : older.base + (older.stamps.at(-1)?.end ?? 0);
  writeIndex(indexFile(file), { base, stamps: [] }, 0);
  return { base, end: 0, entries: 0 };
}

function tryIndex(file: string): LogIndex | undefined {
  try {
    return parseIndex(readFileSync(file));
  } catch (thrown) {
    if (systemCode(thrown) === undefined) throw thrown;
    return undefined;
  }
}

interface Archive {
  readonly fd: number;
  /** Stamps what was added since, up to the log's offset `total`. */
  finish(total: number, now: number): void;
}

/**
 * Copies a log to `.1`, of one that outgrew its size twice over the last `maxBytes` only, and shifts the older files. Of each
 * pair the index goes first and comes last, so that an index always belongs to the file beside it. Where there is no room
 * the oldest files make room; where that does not help the log is emptied without a copy.
 */
function tryArchive(
  log: number,
  file: string,
  now: { readonly base: number; readonly size: number; readonly maxBytes: number; readonly keepFiles: number },
  time: number,
): Archive | undefined {
  const from = now.size > 2 * now.maxBytes ? lineStart(log, now.size - now.maxBytes) : 0;
  const youngest = rotatedFile(file, 1);
  const partial = `${file}.partial`;
  let fd: number | undefined;
  try {
    fd = openSync(partial, 'w', 0o600);
    const index = tryIndex(indexFile(file));
    const stamps = (index?.stamps ?? []).filter(({ end }) => end > from).map((stamp) => ({ end: stamp.end - from, time: stamp.time }));
    copyRange(log, from, now.size, fd);
    // A crash before the log was emptied left a copy of what is in it still: it is replaced, not shifted.
    const again = tryIndex(indexFile(youngest))?.base;
    if (again === undefined || again < now.base) shift(file, now.keepFiles);
    rmSync(indexFile(youngest), { force: true });
    renameSync(partial, youngest);
    writeIndex(indexFile(youngest), { base: now.base + from, stamps }, time);
    const copy = fd;
    return {
      fd: copy,
      finish: (total, at) => {
        if (total > now.size)
          writeIndex(indexFile(youngest), { base: now.base + from, stamps: [...stamps, { end: total - from, time: at }] }, at);
        closeSync(copy);
      },
    };
  } catch (thrown) {
    if (systemCode(thrown) === undefined) throw thrown;
    if (fd !== undefined) closeSync(fd);
    rmSync(partial, { force: true });
    return dropOldest(file, now.keepFiles) ? tryArchive(log, file, now, time) : undefined;
  }
}

/** The offset at which the first whole line at or after `offset` begins, where it begins soon. */
function lineStart(log: number, offset: number): number {
  return offset + readAt(log, Buffer.allocUnsafe(LAST_BYTES), offset).indexOf(10) + 1;
}

/** False where there is none to drop. */
function dropOldest(file: string, keepFiles: number): boolean {
  for (let age = keepFiles; age >= 1; age--) {
    const oldest = rotatedFile(file, age);
    if (!existsSync(oldest)) continue;
    rmSync(indexFile(oldest), { force: true });
    rmSync(oldest, { force: true });
    return !existsSync(oldest);
  }
  return false;
}

function shift(file: string, keepFiles: number): void {
  rmSync(indexFile(rotatedFile(file, keepFiles)), { force: true });
  rmSync(rotatedFile(file, keepFiles), { force: true });
  for (let age = keepFiles - 1; age >= 1; age--) {
    for (const name of [indexFile, (log: string) => log]) {
      try {
        renameSync(name(rotatedFile(file, age)), name(rotatedFile(file, age + 1)));
      } catch (thrown) {
        if (systemCode(thrown) !== 'ENOENT') throw thrown;
      }
    }
  }
}

function copyRange(from: number, start: number, end: number, to: number): void {
  for (let at = start; at < end; at += CHUNK) writeSync(to, readAt(from, Buffer.allocUnsafe(Math.min(CHUNK, end - at)), at));
}

/** The whole lines within the last 64 KiB. */
function endOf(fd: number): string[] {
  const { size } = fstatSync(fd);
  const start = Math.max(0, size - LAST_BYTES);
  const bytes = readAt(fd, Buffer.allocUnsafe(size - start), start);
  const lines = bytes.toString('utf8').replace(/\n$/, '').split(/\r?\n/);
  if (start > 0 && lines.length > 1) lines.shift();
  return bytes.length === 0 ? [] : lines;
}

function endOfFile(file: string): string[] {
  try {
    const fd = openSync(file, 'r');
    try {
      return endOf(fd);
    } finally {
      closeSync(fd);
    }
  } catch (thrown) {
    if (systemCode(thrown) === undefined) throw thrown;
    return [];
  }
}
