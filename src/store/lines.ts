/** Files of one JSON document per line that several processes append to, and that a crash may leave with a torn line. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from '../core/errors.ts';
import { makeFolder, readIfThere, writeAll } from './disk.ts';

const NEWLINE = 0x0a;

/** Appends one document. A torn line before it is closed first, so that it spoils nothing but itself. @throws system errors */
export function appendLine(file: string, document: unknown): void {
  appendText(file, JSON.stringify(document));
}

/** Appends documents that are JSON already, a line each, without a newline at the end. @throws system errors */
export function appendText(file: string, lines: string): void {
  const fd = openToAppend(file);
  try {
    // One write(2): that is what keeps the lines of two processes apart.
    writeAll(fd, Buffer.from(`${endsInsideLine(fd) ? '\n' : ''}${lines}\n`));
  } finally {
    closeSync(fd);
  }
}

/** The documents of a file, without the lines that cannot be read; none where the file is missing. @throws system errors */
export function readLines(file: string): readonly unknown[] {
  return parseLines(readIfThere(file) ?? '');
}

/** The documents of a text, without the lines that cannot be read. */
export function parseLines(text: string): readonly unknown[] {
  const documents: unknown[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      documents.push(JSON.parse(line));
    } catch {
      // A torn line: what it told is lost, and no reason to lose the others.
    }
  }
  return documents;
}

function openToAppend(file: string): number {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
  try {
    return openSync(file, flags, 0o600);
  } catch (thrown) {
    if (systemCode(thrown) !== 'ENOENT') throw thrown;
    makeFolder(dirname(file));
    return openSync(file, flags, 0o600);
  }
}

function endsInsideLine(fd: number): boolean {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
}
