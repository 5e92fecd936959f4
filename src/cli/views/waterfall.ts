import type { Timings } from '../../telemetry/timings.ts';
import type { Page } from '../page.ts';
import { took } from '../text/time.ts';
import { pad } from '../text/width.ts';

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;
const WIDEST = 40;

/** One bar per phase, where it lay and how long it took. Phases overlap, since resources move at the same time. */
export function waterfall({ phases }: Timings, page: Page): string {
  const total = Math.max(1, ...phases.map((span) => span.startMs + span.ms));
  const names = Math.max(...phases.map((span) => span.phase.length));
  const room = Math.max(8, Math.min(WIDEST, page.width - names - 14));
  return phases
    .map((span) => {
      const cells = (ms: number): number => (ms / total) * room;
      const bar = barOf(cells(span.startMs), cells(span.ms), room);
      return `  ${page.style.dim(pad(span.phase, names))}  ${page.style.cyan(pad(bar, room))}  ${took(span.ms)}`;
    })
    .join('\n');
}

/** A bar of eighths of a cell, at least one eighth wide, that never passes the last cell. */
function barOf(start: number, length: number, room: number): string {
  const from = Math.min(Math.floor(start), room - 1);
  const eighths = Math.max(1, Math.min(Math.round(length * 8), (room - from) * 8));
  return ' '.repeat(from) + '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}
