import type { EventsOutcome } from '../../app/outcomes.ts';
import { EVENTS, type SpinEvent } from '../../core/events.ts';
import type { Timings } from '../../telemetry/timings.ts';
import type { Page } from '../page.ts';
import { cleanAll } from '../text/clean.ts';
import { pairs } from '../text/columns.ts';
import { tell } from '../text/tell.ts';
import { took } from '../text/time.ts';
import { cut, pad } from '../text/width.ts';
import { paragraphs } from './parts.ts';
import { waterfall } from './waterfall.ts';

/** The journal, then the timings of the last command. */
export function viewEvents({ events, timings }: EventsOutcome, page: Page): string {
  if (events.length === 0) return 'The journal is empty.';
  return paragraphs([
    events.map((event) => viewEvent(event, page)).join('\n'),
    timings.phases.length === 0 ? '' : waterfall(timings, page),
    figures(timings, page),
  ]);
}

/** One event: time of day, phase, what happened to what. */
export function viewEvent(event: SpinEvent, page: Page): string {
  const { style } = page;
  const { time, phase, type } = event;
  const day = time.slice(11, 23);
  const paint = EVENTS[type].level === 'warning' ? style.yellow : EVENTS[type].level === 'detail' ? style.dim : (text: string) => text;
  const text = tell(cleanAll(event)).replaceAll('\n', ' ');
  return `${style.dim(day)}  ${style.cyan(pad(phase, 9))}  ${paint(page.verbose ? text : cut(text, page.width - 25))}`;
}

function figures(timings: Timings, page: Page): string {
  const { bootstrap } = timings;
  const times: readonly (readonly [string, number | undefined])[] = [
    ['time to serve', timings.timeToServeMs],
    ['time to healthy', timings.provisionMs],
    ['convergence', timings.convergenceMs],
    ['slowest secret', timings.secretIssuanceMs],
  ];
  const rows = times.flatMap(([name, ms]) => (ms === undefined ? [] : [[name, took(ms)] as const]));
  const asked = bootstrap.healthy + bootstrap.failed;
  const classes = Object.entries(bootstrap.byClass).map(([name, count]) => `${count} ${name}`);
  if (asked > 0)
    rows.push(['bootstrap', `${bootstrap.healthy} of ${asked} healthy${classes.length === 0 ? '' : ` (${classes.join(', ')})`}`]);
  return rows.length === 0 ? '' : pairs(rows, page.style);
}
