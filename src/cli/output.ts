import type { Outgoing } from './world.ts';

/** A stream that can be written to until its reader is gone (`spin ls | head -1`), and then swallows what comes. */
export interface Writer {
  /** Resolves when the text has left the process. */
  write(text: string): Promise<void>;
  /** Aborts when the reader is gone. */
  readonly closed: AbortSignal;
}

export function writerOn(open: () => Outgoing): Writer {
  const closed = new AbortController();
  let stream: Outgoing | undefined;
  const opened = (): Outgoing => {
    // A reader that left is no failure of the command.
    stream ??= open().on('error', () => closed.abort());
    return stream;
  };
  return {
    closed: closed.signal,
    write: (text) =>
      text === '' || closed.signal.aborted
        ? Promise.resolve()
        : new Promise((resolve) => {
            opened().write(text, () => resolve());
          }),
  };
}

/** A text as lines: one newline at its end, nothing for no text. */
export function asLines(text: string): string {
  return text === '' ? '' : `${text.replace(/\n+$/, '')}\n`;
}
