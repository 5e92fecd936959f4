import type { SpinEvent } from '../../core/events.ts';

/** Tells the story of a command on stderr while it happens. */
export interface Reporter {
  event(event: SpinEvent): void;
  /** One line about the command itself: that it is stopping, or a warning. */
  note(line: string): void;
  /** Gives the terminal up, so that something else can be asked on it; the next event takes it back. */
  pause(): void;
  /** The command has ended; may be called twice. */
  done(): void;
  /** The process ends now: leave the terminal as it was. */
  abandon(): void;
}
