import { fstatSync, writeSync } from 'node:fs';
import { systemCode } from '../core/errors.ts';
import type { Outgoing } from './world.ts';

/** What text is shown on; nothing is known of what is no terminal. */
export type Screen = Pick<Outgoing, 'isTTY' | 'columns'>;

/** A stream that can be written to until its reader is gone (`spin ls | head -1`), and then swallows what comes. */
export interface Writer {
  /** Resolves when the text has left the process. */
  write(text: string): Promise<void>;
  /** Resolves when all that was written has left the process. */
  settled(): Promise<void>;
  /** Aborts when the reader is gone. */
  readonly closed: AbortSignal;
  screen(): Screen;
}

/**
 * Writes to a stream, which is made only where it is needed: Node's takes longer to load than it takes to print a list.
 * @param fd where the stream leads to, if that is known: a file and a pipe are written to as they are, and wait for their reader where they may
 */
export function writerOn(stream: () => Outgoing, fd?: number): Writer {
  const closed = new AbortController();
  let direct = fd !== undefined && isPlain(fd) ? fd : undefined;
  let opened: Outgoing | undefined;
  let last = Promise.resolve();
  const open = (): Outgoing => {
    // A reader that left is no failure of the command.
    opened ??= stream().on('error', () => closed.abort());
    return opened;
  };
  /** Gives back what is left to the stream. */
  const writeAtOnce = (text: string): Uint8Array | string => {
    if (direct === undefined) return text;
    let rest: Uint8Array = Buffer.from(text);
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(direct, rest));
    } catch (thrown) {
      // A pipe that somebody set to non-blocking, and that is full: the stream knows how to wait.
      if (systemCode(thrown) === 'EAGAIN') direct = undefined;
      else closed.abort();
    }
    return rest;
  };
  return {
    closed: closed.signal,
    screen: () => (direct === undefined ? open() : {}),
    write: (text) => {
      if (text === '' || closed.signal.aborted) return Promise.resolve();
      const rest = writeAtOnce(text);
      if (rest.length === 0 || closed.signal.aborted) return Promise.resolve();
      last = new Promise((resolve) => {
        open().write(rest, () => resolve());
      });
      return last;
    },
    settled: () => last,
  };
}

/** What a descriptor of this number leads to is written to at once: a file, a pipe, or the socket that some programs give for one. */
function isPlain(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isFile() || stat.isFIFO() || stat.isSocket();
  } catch {
    return false;
  }
}

/** A text as lines: one newline at its end, nothing for no text. */
export function asLines(text: string): string {
  return text === '' ? '' : `${text.replace(/\n+$/, '')}\n`;
}
