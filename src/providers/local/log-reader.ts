import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { systemCode } from '../../core/errors.ts';
import type { LogLine, LogQuery } from '../provider.ts';
import { createLogCursor, type LogCursor } from './log-cursor.ts';
import type { Redactor } from './redact.ts';

const POLL_MS = 100;
const LOG = '.log';

/**
 * The lines of the instances whose logs (`<instance>.log`) are in `dir`, merged in order of time. Following, it ends when the
 * folder is gone, as it is after a `down`; otherwise with the last line. A folder that is not there has no lines.
 *
 * Only what a log tail has looked at is read: nobody sees a secret before it is overwritten. With a `redactor` the lines
 * that no tail has seen yet, because the keeper is dead, are read too; their time is when the file was last written.
 * A line longer than 64 KiB comes in pieces, never split within a character. A line that is not ended is shown when
 * nothing was added to it for a second.
 */
export async function* readLogs(
  dir: string,
  query: LogQuery,
  clock: Clock,
  signal: AbortSignal,
  redactor?: Redactor,
): AsyncIterable<LogLine> {
  const since = query.since ?? -Infinity;
  const cursors = new Map<string, LogCursor>();
  signal.throwIfAborted();
  if ((await openCursors(dir, query, clock, redactor, cursors)) === 'gone') return;
  if (query.tail !== undefined) await Promise.all([...cursors.values()].map((cursor) => cursor.seekTail(query.tail ?? 0)));
  for await (const line of merged([...cursors.values()], query.follow)) {
    signal.throwIfAborted();
    if (line.time >= since) yield line;
  }
  while (query.follow) {
    const gone = (await openCursors(dir, query, clock, redactor, cursors)) === 'gone';
    const lines = (await Promise.all([...cursors.values()].map((cursor) => cursor.next()))).flat();
    const quiet = lines.length === 0;
    if (quiet) lines.push(...[...cursors.values()].flatMap((cursor) => cursor.unfinished(gone ? 0 : 1_000)));
    for (const line of lines.toSorted((a, b) => a.time - b.time)) {
      signal.throwIfAborted();
      if (line.time >= since) yield line;
    }
    if (gone && quiet) return;
    signal.throwIfAborted();
    if (quiet) await clock.sleep(POLL_MS, signal);
  }
}

/** Adds a cursor for each log that has none yet. */
async function openCursors(
  dir: string,
  query: LogQuery,
  clock: Clock,
  redactor: Redactor | undefined,
  cursors: Map<string, LogCursor>,
): Promise<'there' | 'gone'> {
  let names: readonly string[];
  try {
    names = await readdir(dir);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return 'gone';
    throw thrown;
  }
  for (const name of names.toSorted()) {
    if (!name.endsWith(LOG)) continue;
    const instance = name.slice(0, -LOG.length);
    const service = instance.split('@', 1)[0] ?? instance;
    if (cursors.has(instance) || (query.service !== undefined && query.service !== service)) continue;
    cursors.set(
      instance,
      createLogCursor({ file: join(dir, name), service, instance, clock, ...(redactor === undefined ? {} : { redactor }) }),
    );
  }
  return 'there';
}

/** What is there now, in order of time. Each log is in order by itself, so a batch of each is enough at a time. */
async function* merged(cursors: readonly LogCursor[], follow: boolean): AsyncIterable<LogLine> {
  const queues = cursors.map((cursor) => ({ cursor, lines: [] as readonly LogLine[], at: 0, ended: false }));
  for (;;) {
    let first: (typeof queues)[number] | undefined;
    for (const queue of queues) {
      if (queue.at >= queue.lines.length && !queue.ended) {
        queue.lines = await queue.cursor.next();
        queue.at = 0;
        if (queue.lines.length === 0) {
          queue.ended = true;
          queue.lines = follow ? [] : queue.cursor.unfinished(0);
        }
      }
      const time = queue.lines[queue.at]?.time;
      if (time !== undefined && time < (first?.lines[first.at]?.time ?? Infinity)) first = queue;
    }
    const line = first?.lines[first.at];
    if (first === undefined || line === undefined) return;
    first.at += 1;
    yield line;
  }
}
