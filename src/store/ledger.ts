import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isSpinId } from '../core/ids.ts';
import { flushFile, flushFolder, readIfThere } from './disk.ts';
import { appendLine, parseLines, readLines } from './lines.ts';
import { interval } from './record-shape.ts';
import { type Fields, fits, listOf, mapOf, oneOf, price, text, time } from './shape.ts';
import type { LedgerEntry } from './store.ts';

/** The ledger of a state folder. */
export function ledgerFile(dir: string): string {
  return join(dir, 'ledger.ndjson');
}

/** Adds an entry unless its incarnation has one; durable when it resolves. @throws system errors */
export async function settle(file: string, entry: LedgerEntry): Promise<void> {
  const text = readIfThere(file) ?? '';
  // The cheap test first: a sweep may settle thousands.
  if (text.includes(entry.incarnation) && parseLines(text).some((line) => isEntry(line) && line.incarnation === entry.incarnation)) return;
  const fresh = !existsSync(file);
  appendLine(file, entry);
  await flushFile(file);
  if (fresh) await flushFolder(dirname(file));
}

/** All entries, the first of each incarnation: two processes that settle at once may both have written. @throws system errors */
export function readLedger(file: string): readonly LedgerEntry[] {
  const entries = new Map<string, LedgerEntry>();
  for (const line of readLines(file)) {
    if (isEntry(line) && !entries.has(line.incarnation)) entries.set(line.incarnation, line);
  }
  return [...entries.values()];
}

const ENTRY: Fields<keyof LedgerEntry> = {
  v: oneOf([1]),
  id: (value) => typeof value === 'string' && isSpinId(value),
  incarnation: text,
  provider: text,
  owner: text,
  tags: mapOf(text),
  createdAt: time,
  releasedAt: time,
  intervals: listOf(interval),
  cost: price,
};

/** True for a line that is an entry of the ledger. */
export function isEntry(line: unknown): line is LedgerEntry {
  return fits(line, ENTRY);
}
