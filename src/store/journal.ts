import { closeSync, type FSWatcher, openSync, readdirSync, readSync, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { type Clock, parseTime } from '../core/clock.ts';
import { systemCode } from '../core/errors.ts';
import { EVENTS, type SpinEvent } from '../core/events.ts';
import type { Incarnation, SpinId } from '../core/ids.ts';
import { PHASES } from '../core/phases.ts';
import { appendText, parseLines, readLines } from './lines.ts';
import { faultNote, type Fields, fits, isMembers, maybe, number, oneOf, text } from './shape.ts';

/** Takes the events of one incarnation. */
export interface Journal {
  /**
   * Appends one event. Best effort: never throws, and is never waited for. What is appended in one turn of the event loop is one write at
   * the end of the next; before that, whoever reads in this process finds it nevertheless.
   */
  append(event: SpinEvent): void;
}

/** How long a follower waits at most before it looks, where the system does not tell of changes. */
const POLL_MS = 250;
const ENDING = '.ndjson';

/** The journal of one incarnation: `<dir>/journals/<id>/<incarnation>.ndjson`, where it stays after the release. */
export function journalFile(dir: string, id: SpinId, incarnation: Incarnation): string {
  return `${journalFolder(dir, id)}/${incarnation}${ENDING}`;
}

/** The folder of all journals of a spin ID. */
export function journalFolder(dir: string, id: SpinId): string {
  return `${dir}/journals/${id}`;
}

/** The incarnations that have a journal, oldest first. @throws system errors */
export function journaled(dir: string, id: SpinId): readonly Incarnation[] {
  flushJournals();
  try {
    return readdirSync(journalFolder(dir, id))
      .filter((name) => name.endsWith(ENDING))
      .map((name) => name.slice(0, -ENDING.length) as Incarnation)
      .toSorted();
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}

/** Opens a journal for appending; several processes may. The file and its folder are made with the first event. */
export function openJournal(file: string): Journal {
  return {
    append: (event) => keep(file, event),
  };
}

/** Events that this process has yet to write, by file. */
const unwritten = new Map<string, SpinEvent[]>();
let endsWatched = false;

function keep(file: string, event: SpinEvent): void {
  const events = unwritten.get(file);
  if (events !== undefined) return void events.push(event);
  // A turn later, so that the request that an event foretells has left by then.
  if (unwritten.size === 0) setImmediate(() => setImmediate(flushJournals));
  unwritten.set(file, [event]);
  // Whatever ends this process, but a kill.
  if (!endsWatched) process.once('exit', flushJournals);
  endsWatched = true;
}

/** Writes what was appended to the journals in this process. Never throws. */
export function flushJournals(): void {
  for (const [file, events] of unwritten) {
    unwritten.delete(file);
    try {
      const lines = events.flatMap(lineOf);
      if (lines.length > 0) appendText(file, lines.join('\n'));
    } catch {
      // The journal is derived: a full disk must stop the record's next write, not the work under way.
    }
  }
}

/** An event that is no JSON tells nothing. */
function lineOf(event: SpinEvent): readonly string[] {
  try {
    return [JSON.stringify(event)];
  } catch {
    return [];
  }
}

/** The events of a journal, without lines that are torn or of a type that this spin does not know. @throws system errors */
export function readJournal(file: string): readonly SpinEvent[] {
  flushJournals();
  return readLines(file).filter(isEvent);
}

/**
 * Yields events as they are appended, until the signal aborts; then it ends without throwing. The place to start from is
 * fixed by the call, not by the first read: `start` gives what is there already, too, with no gap and nothing twice.
 */
export function followJournal(
  file: string,
  from: 'start' | 'end',
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<SpinEvent, void, void> {
  flushJournals();
  return follow(file, from === 'start' ? 0 : sizeOf(file), clock, signal);
}

async function* follow(file: string, start: number, clock: Clock, signal: AbortSignal): AsyncGenerator<SpinEvent, void, void> {
  const changes = new Changes(dirname(file));
  try {
    for (let offset = start; !signal.aborted; await changes.next(clock, signal)) {
      changes.forget();
      const { text, end } = wholeLinesFrom(file, offset);
      offset = end;
      for (const event of parseLines(text).filter(isEvent)) {
        if (signal.aborted) return;
        yield event;
      }
    }
  } finally {
    changes.close();
  }
}

/** Tells that something changed in a folder, by the system's word or by time. */
class Changes {
  readonly #folder: string;
  #watcher: FSWatcher | undefined;
  #seen = false;
  #wake: () => void = () => {};

  constructor(folder: string) {
    this.#folder = folder;
  }

  forget(): void {
    this.#seen = false;
    this.#watcher ??= this.#watch();
  }

  async next(clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.#seen || signal.aborted) return;
    const timer = new AbortController();
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    await Promise.race([woken, clock.sleep(POLL_MS, AbortSignal.any([signal, timer.signal])).catch(() => {})]);
    timer.abort();
  }

  close(): void {
    this.#watcher?.close();
  }

  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(this.#folder, { persistent: false }, () => {
        this.#seen = true;
        this.#wake();
      });
      return watcher.on('error', () => watcher.close());
    } catch {
      // No folder yet, or no watches left: time tells.
      return undefined;
    }
  }
}

/** The text from `offset` up to the last newline, and where that is. */
function wholeLinesFrom(file: string, offset: number): { readonly text: string; readonly end: number } {
  const size = sizeOf(file);
  if (size <= offset) return { text: '', end: offset };
  const bytes = Buffer.alloc(size - offset);
  const fd = openSync(file, 'r');
  try {
    const read = readSync(fd, bytes, 0, bytes.length, offset);
    const whole = bytes.subarray(0, read).lastIndexOf('\n') + 1;
    return { text: bytes.toString('utf8', 0, whole), end: offset + whole };
  } finally {
    closeSync(fd);
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

const EVENT: Fields<keyof SpinEvent> = {
  v: oneOf([1]),
  time: (value) => typeof value === 'string' && !Number.isNaN(parseTime(value)),
  id: text,
  incarnation: text,
  trace: text,
  type: (value) => typeof value === 'string' && Object.hasOwn(EVENTS, value),
  phase: oneOf(PHASES),
  resource: maybe(text),
  instance: maybe(text),
  fault: maybe(faultNote),
  ms: maybe(number),
  message: maybe(text),
  data: maybe(isMembers),
};

/** True for a line that is an event of a type that this spin knows. */
export function isEvent(line: unknown): line is SpinEvent {
  return fits(line, EVENT);
}
