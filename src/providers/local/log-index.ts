import { readSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/**
 * The index of a log file, beside it (`<log>.idx`): when its bytes were seen, and how far they are known to hold no
 * secret. Entries of two 48-bit numbers: first the head (position of the file's first byte in the whole log, counted
 * over all rotations; time), then for each stamp the end (offset in this file) and the time.
 */
export interface Stamp {
  /** Offset in the file after the last byte seen. */
  readonly end: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface LogIndex {
  /** Position of the file's first byte in the whole log; a file's base never changes, so it tells files apart. */
  readonly base: number;
  readonly stamps: readonly Stamp[];
}

const ENTRY = 12;
const FIELD = 6;

export function indexFile(log: string): string {
  return `${log}.idx`;
}

/** The name of an older part of a log: 1 is the youngest. */
export function rotatedFile(log: string, age: number): string {
  return `${log}.${age}`;
}

export function entryBytes(end: number, time: number): Buffer {
  const bytes = Buffer.alloc(ENTRY);
  bytes.writeUIntBE(end, 0, FIELD);
  bytes.writeUIntBE(time, FIELD, FIELD);
  return bytes;
}

export function writeIndex(file: string, index: LogIndex, now: number): void {
  const head = entryBytes(index.base, now);
  writeFileSync(file, Buffer.concat([head, ...index.stamps.map(({ end, time }) => entryBytes(end, time))]), { mode: 0o600 });
}

/** Undefined where `bytes` have no head; a torn last entry is left out. */
export function parseIndex(bytes: Buffer): LogIndex | undefined {
  return bytes.length < ENTRY ? undefined : { base: bytes.readUIntBE(0, FIELD), stamps: stampsIn(bytes.subarray(ENTRY)) };
}

function stampsIn(bytes: Buffer): readonly Stamp[] {
  const stamps: Stamp[] = [];
  for (let at = 0; at + ENTRY <= bytes.length; at += ENTRY)
    stamps.push({ end: bytes.readUIntBE(at, FIELD), time: bytes.readUIntBE(at + FIELD, FIELD) });
  return stamps;
}

/** The base in an index's head; undefined without an index, or before its head is written. */
export async function readBase(index: FileHandle | undefined): Promise<number | undefined> {
  const head = Buffer.alloc(ENTRY);
  const read = await index?.read(head, 0, ENTRY, 0);
  return read?.bytesRead === ENTRY ? head.readUIntBE(0, FIELD) : undefined;
}

/** The stamps of an open index, from number `from` on. */
export async function readStamps(index: FileHandle, from: number): Promise<readonly Stamp[]> {
  const start = ENTRY * (1 + from);
  const { size } = await index.stat();
  if (size < start + ENTRY) return [];
  const bytes = Buffer.alloc(size - start);
  const { bytesRead } = await index.read(bytes, 0, bytes.length, start);
  return stampsIn(bytes.subarray(0, bytesRead));
}

/** Fills as much of `into` as the file has from `position` on. */
export function readAt(fd: number, into: Buffer, position: number): Buffer {
  let length = 0;
  while (length < into.length) {
    const read = readSync(fd, into, length, into.length - length, position + length);
    if (read === 0) break;
    length += read;
  }
  return into.subarray(0, length);
}
