import type { Style } from './text/style.ts';

/** What a view is written on. */
export interface Page {
  /** Columns; Infinity where the output is no terminal, so that nothing is cut in a pipe. */
  readonly width: number;
  readonly style: Style;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly verbose: boolean;
  /** What to type to run this program here: `spin`, or `npm run spin --` from a clone. */
  readonly self: string;
}
