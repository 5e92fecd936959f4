import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { flushFile, flushFolder, readIfThere } from './disk.ts';
import { appendLine, parseLines, readLines } from './lines.ts';
import { isMembers } from './record-shape.ts';
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

function isEntry(line: unknown): line is LedgerEntry {
  return (
    isMembers(line) &&
    line['v'] === 1 &&
    typeof line['id'] === 'string' &&
    typeof line['incarnation'] === 'string' &&
    typeof line['createdAt'] === 'number' &&
    typeof line['releasedAt'] === 'number' &&
    isMembers(line['tags']) &&
    Array.isArray(line['intervals'])
  );
}
