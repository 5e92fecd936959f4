import { parseTime } from '../../core/clock.ts';
import { EVENTS, type SpinEvent } from '../../core/events.ts';
import { clean } from '../text/clean.ts';
import { storyteller, withSubject } from '../text/tell.ts';
import type { Outgoing } from '../world.ts';
import type { Reporter } from './reporter.ts';

/** One line per change, with the seconds since the first: `   0.34s  web  service.web@1: ready after 310ms`. */
export function plainReporter(stream: () => Outgoing, verbose: boolean): Reporter {
  const story = storyteller(verbose);
  let began: number | undefined;
  const write = (line: string): void => {
    stream().write(`${line}\n`);
  };
  return {
    event(event) {
      began ??= parseTime(event.time);
      if (shown(event, verbose))
        write(`${seconds(parseTime(event.time) - began)}  ${event.id}  ${clean(withSubject(event, story(event)))}`);
    },
    note: (line) => write(clean(line)),
    pause: () => undefined,
    done: () => undefined,
    abandon: () => undefined,
  };
}

/** Steps and warnings; details only when asked for. */
export function shown(event: SpinEvent, verbose: boolean): boolean {
  return verbose || EVENTS[event.type].level !== 'detail';
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)}s`.padStart(8);
}
