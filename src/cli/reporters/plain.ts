import { parseTime } from '../../core/clock.ts';
import { beganAt, EVENTS, type SpinEvent } from '../../core/events.ts';
import { clean } from '../text/clean.ts';
import { storyteller, withSubject } from '../text/tell.ts';
import type { Reporter } from './reporter.ts';

/** No reader notices so little, and what a line tells of, such as twenty services that are asked to end, goes first. */
const SOON_MS = 100;

/**
 * One line per change, with the seconds since the command was asked for: `   0.34s  web  service.web@1: ready after 310ms`. Lines that come close together
 * are one write.
 */
export function plainReporter(write: (text: string) => unknown, verbose: boolean): Reporter {
  const story = storyteller(verbose);
  let began: number | undefined;
  let untold: (() => string)[] = [];
  let soon: NodeJS.Timeout | undefined;
  const tell = (): void => {
    clearTimeout(soon);
    soon = undefined;
    const lines = untold.map((lineOf) => `${lineOf()}\n`);
    untold = [];
    if (lines.length > 0) write(lines.join(''));
  };
  const keep = (lineOf: () => string): void => {
    untold.push(lineOf);
    soon ??= setTimeout(tell, SOON_MS);
  };
  return {
    event(event) {
      const from = (began ??= beganAt(event));
      if (shown(event, verbose))
        keep(() => `${seconds(parseTime(event.time) - from)}  ${event.id}  ${clean(withSubject(event, story(event)))}`);
    },
    note(line) {
      keep(() => clean(line));
      // It is about what comes next, such as a program that has the terminal to itself.
      tell();
    },
    pause: tell,
    done: tell,
    abandon: tell,
  };
}

/** Steps and warnings; details only when asked for. */
export function shown(event: SpinEvent, verbose: boolean): boolean {
  return verbose || EVENTS[event.type].level !== 'detail';
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)}s`.padStart(8);
}
