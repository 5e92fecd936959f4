import { type FileHandle, open } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import { systemCode } from '../../core/errors.ts';
import type { LogLine } from '../provider.ts';
import { indexFile, readBase, readStamps, rotatedFile, type Stamp } from './log-index.ts';
import type { Redactor } from './redact.ts';

/** Reads one instance's log from its oldest file on, across rotations. */
export interface LogCursor {
  /** Moves to where the last `count` lines begin. */
  seekTail(count: number): Promise<void>;
  /** The next whole lines, at most about 256 KiB; none where nothing more is there now. */
  next(): Promise<readonly LogLine[]>;
  /** The line that is begun and not ended, once nothing was added to it for `quietMs`; what comes later is a line of its own. */
  unfinished(quietMs: number): readonly LogLine[];
}

const BATCH = 262_144;
const LONGEST_LINE = 65_536;
/** Enough for a rotation to pass by. */
const TRIES = 20;
const TRY_MS = 5;

type SeenStamps = Map<number, Stamp[]>;

/** One file of a log: its bytes stand at `base` and after in the whole log; those up to `limit` may be read. */
interface Part {
  readonly age: number;
  readonly base: number;
  readonly limit: number;
  readonly stamps: readonly Stamp[];
  /** Time of what no stamp covers. */
  readonly writtenAt: number;
}

export function createLogCursor(options: {
  readonly file: string;
  readonly service: string;
  readonly instance: string;
  readonly clock: Clock;
  readonly redactor?: Redactor;
}): LogCursor {
  const { file, service, instance, clock, redactor } = options;
  /** Position in the whole log; undefined before the first read, which begins at the oldest file. */
  let position: number | undefined;
  /** Stamps read so far, by the base of their file. */
  const seen: SeenStamps = new Map();
  const unseenToo = redactor !== undefined;
  let begun: Buffer = Buffer.alloc(0);
  let begunTime = 0;
  let grewAt = 0;

  const line = (bytes: Buffer, time: number): LogLine => {
    const text = bytes.toString('utf8').replace(/\r$/, '');
    return { service, instance, time, text: redactor?.text(text) ?? text };
  };

  /** Cuts into lines what follows `begun`; keeps what is not ended. */
  const lines = (bytes: Buffer, timeAt: (offset: number) => number): readonly LogLine[] => {
    const found: LogLine[] = [];
    let from = 0;
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, from)) {
      begun = begun.length === 0 ? bytes.subarray(from, at) : Buffer.concat([begun, bytes.subarray(from, at)]);
      found.push(...pieces(timeAt(at + 1)), line(begun, timeAt(at + 1)));
      begun = begun.subarray(0, 0);
      from = at + 1;
    }
    if (from < bytes.length) {
      begun = Buffer.concat([begun, bytes.subarray(from)]);
      begunTime = timeAt(bytes.length);
      found.push(...pieces(begunTime));
    }
    return found;
  };

  /** Takes pieces off a beginning that is longer than a line may be. */
  const pieces = (time: number): readonly LogLine[] => {
    const cut: LogLine[] = [];
    while (begun.length > LONGEST_LINE) {
      let end = LONGEST_LINE;
      // Not within a character: its later bytes are 10xxxxxx.
      while (end > LONGEST_LINE - 4 && ((begun[end] ?? 0) & 0xc0) === 0x80) end -= 1;
      cut.push(line(begun.subarray(0, end), time));
      begun = begun.subarray(end);
    }
    return cut;
  };

  /** The part that the position is in, or the next one that has something; `moved` while a rotation is at work. */
  const currentPart = async (): Promise<Part | 'none' | 'moved'> => {
    const newest = position === undefined ? 'none' : await partOf(file, 0, unseenToo, seen);
    if (newest !== 'none' && position !== undefined && newest.base <= position) return newest;
    const parts = await partsOf(file, unseenToo, seen);
    if (parts === undefined) return 'moved';
    const oldestFirst = parts.toReversed();
    // What is not there any more was rotated away before it was read.
    const from = Math.max(position ?? 0, oldestFirst[0]?.base ?? 0);
    const part = oldestFirst.find(({ age, base, limit }) => age === 0 || from < base + limit) ?? 'none';
    if (part !== 'none') position = Math.max(from, part.base);
    return part;
  };

  const read = async (): Promise<readonly LogLine[] | 'moved'> => {
    const part = await currentPart();
    if (part === 'moved') return 'moved';
    if (part === 'none' || position === undefined) return [];
    const offset = position - part.base;
    if (offset >= part.limit) return [];
    const bytes = await readPart(file, part, offset, Math.min(BATCH, part.limit - offset));
    if (bytes === 'moved') return 'moved';
    position += bytes.length;
    if (bytes.length > 0) grewAt = clock.now();
    return lines(bytes, timesOf(part, offset));
  };

  return {
    seekTail: async (count) => {
      for (let tries = 0; tries < TRIES; tries++) {
        const parts = await partsOf(file, unseenToo, seen);
        const start = parts === undefined ? 'moved' : await startOfTail(file, parts, count);
        if (start !== 'moved') {
          position = start;
          return;
        }
        await clock.sleep(TRY_MS);
      }
    },
    next: async () => {
      for (let tries = 0; tries < TRIES; tries++) {
        const before = position;
        const found = await read();
        if (found !== 'moved' && (found.length > 0 || position === before)) return found;
        if (found === 'moved') await clock.sleep(TRY_MS);
      }
      return [];
    },
    unfinished: (quietMs) => {
      if (begun.length === 0 || clock.now() - grewAt < quietMs) return [];
      const last = line(begun, begunTime);
      begun = Buffer.alloc(0);
      return [last];
    },
  };
}

/** The files of a log, youngest first; undefined while a rotation is at work on them. */
async function partsOf(file: string, unseenToo: boolean, seen: SeenStamps): Promise<readonly Part[] | undefined> {
  const newest = await partOf(file, 0, unseenToo, seen);
  const parts: Part[] = newest === 'none' ? [] : [newest];
  for (let age = 1; ; age++) {
    const part = await partOf(file, age, unseenToo, seen);
    if (part === 'none') return newest === 'none' && parts.length > 0 ? undefined : parts;
    // After a rotation that broke off the youngest two hold the same: the log itself counts.
    if (part.base < (parts.at(-1)?.base ?? Infinity)) parts.push(part);
  }
}

async function partOf(file: string, age: number, unseenToo: boolean, seen: SeenStamps): Promise<Part | 'none'> {
  const path = age === 0 ? file : rotatedFile(file, age);
  const log = await tryOpen(path);
  if (log === undefined) return 'none';
  const index = await tryOpen(indexFile(path));
  try {
    const { size, mtimeMs } = await log.stat();
    const writtenAt = Math.floor(mtimeMs);
    const base = await readBase(index);
    if (index !== undefined && base !== undefined) {
      const stamps = seen.get(base) ?? [];
      stamps.push(...(await readStamps(index, stamps.length)));
      seen.set(base, stamps);
      const limit = unseenToo && age === 0 ? size : Math.min(size, stamps.at(-1)?.end ?? 0);
      return { age, base, stamps, limit, writtenAt };
    }
    // No tail has looked at this file yet. Unless it is the log's only one, it may be in the middle of a rotation.
    if (age > 0 || !unseenToo || (await exists(rotatedFile(file, 1)))) return 'none';
    return { age, base: 0, stamps: [], limit: size, writtenAt };
  } finally {
    await log.close();
    await index?.close();
  }
}

/** Bytes of a part; `moved` where a rotation has put another file in its place meanwhile. */
async function readPart(file: string, part: Part, offset: number, length: number): Promise<Buffer | 'moved'> {
  const path = part.age === 0 ? file : rotatedFile(file, part.age);
  const log = await tryOpen(path);
  if (log === undefined) return 'moved';
  try {
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await log.read(bytes, 0, length, offset);
    const index = await tryOpen(indexFile(path));
    const base = await readBase(index);
    await index?.close();
    const same = base === part.base || (index === undefined && part.stamps.length === 0);
    return same ? bytes.subarray(0, bytesRead) : 'moved';
  } finally {
    await log.close();
  }
}

async function exists(path: string): Promise<boolean> {
  const handle = await tryOpen(path);
  await handle?.close();
  return handle !== undefined;
}

async function tryOpen(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Time of the byte before an offset of what was read from `start` on: that of the first stamp that covers it. */
function timesOf(part: Part, start: number): (offset: number) => number {
  let at = 0;
  return (offset) => {
    const end = start + offset;
    while (at < part.stamps.length && (part.stamps[at]?.end ?? Infinity) < end) at += 1;
    return part.stamps[at]?.time ?? Math.max(part.writtenAt, part.stamps.at(-1)?.time ?? 0);
  };
}

/** Position in the whole log at which its last `count` lines begin. */
async function startOfTail(file: string, parts: readonly Part[], count: number): Promise<number | 'moved' | undefined> {
  let left = count;
  let ends = true;
  for (const part of parts) {
    for (let end = part.limit; end > 0;) {
      const start = Math.max(0, end - LONGEST_LINE);
      const bytes = await readPart(file, part, start, end - start);
      if (bytes === 'moved') return 'moved';
      // The newline at the very end belongs to the last line, and begins none.
      let at = ends && bytes.at(-1) === 10 ? bytes.length - 1 : bytes.length;
      if (ends && count === 0) return part.base + end;
      ends = false;
      for (at = bytes.lastIndexOf(10, at - 1); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(10, at - 1)) {
        left -= 1;
        if (left === 0) return part.base + start + at + 1;
      }
      end = start;
    }
  }
  return parts.at(-1)?.base;
}
