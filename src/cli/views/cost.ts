import type { CostOutcome } from '../../app/outcomes.ts';
import type { BilledReport, BilledRow } from '../../cost/billed.ts';
import type { CostRow } from '../../cost/report.ts';
import { isoTime } from '../../core/clock.ts';
import { formatDuration } from '../../core/duration.ts';
import { formatMoney } from '../../core/money.ts';
import type { Page } from '../page.ts';
import { columns } from '../text/columns.ts';
import { clockTime } from '../text/time.ts';
import { paragraphs } from './parts.ts';

/** One row per key, the total last. */
export function viewCost({ by, rows, total, from, to, billed }: CostOutcome, page: Page): string {
  if (billed !== undefined) return viewBilled(billed, page);
  if (rows.length === 0) return 'No spin has cost anything.';
  const last: CostRow = { ...total, key: 'total' };
  const table = columns(
    [...rows, last],
    [
      {
        title: by.toUpperCase(),
        text: ({ key }) => key,
        style: (row, style) => (row === last ? style.bold : (text) => text),
        shrink: { order: 1, min: 8 },
        cut: 'middle',
      },
      {
        title: 'SPINS',
        text: ({ spins, live }) => (live === 0 || live === spins ? String(spins) : `${spins} (${live} live)`),
        align: 'right',
      },
      { title: 'INSTANCE TIME', text: ({ hours }) => formatDuration(hours * 3_600_000), align: 'right' },
      { title: 'SPENT', text: ({ spent }) => formatMoney(spent), align: 'right' },
      { title: 'PER HOUR', text: ({ hourly }) => formatMoney(hourly), align: 'right' },
      { title: 'AT DEADLINE', text: ({ projected }) => formatMoney(projected), align: 'right' },
    ],
    page,
  );
  const window = from === undefined ? '' : `From ${clockTime(Date.parse(from), page.now)} to ${clockTime(Date.parse(to), page.now)}.`;
  // Zero is a price like another, but on this machine it mostly means that nobody has set one.
  const free = total.spent === 0 && total.hourly === 0 ? 'Local prices are zero until the config sets prices.local (spin config).' : '';
  return paragraphs([table, page.style.dim([window, free].filter((text) => text !== '').join(' '))]);
}

/** Estimate and bill side by side, what bears no tag below, and how far the figures can be trusted. */
function viewBilled({ rows, total, untagged, from, to, age, queryCost, note }: BilledReport, page: Page): string {
  const last: BilledRow = { id: 'total', ...total, provisional: false, known: true };
  const rest: BilledRow = { id: 'untagged', estimate: 0, billed: untagged, provisional: false, known: false };
  const table = columns(
    [...rows, last, rest],
    [
      {
        title: 'SPIN',
        text: ({ id }) => id,
        style: (row, style) => (row === last ? style.bold : row === rest ? style.dim : (text) => text),
        shrink: { order: 1, min: 8 },
        cut: 'middle',
      },
      { title: 'ESTIMATE', text: ({ estimate, known }) => (known ? formatMoney(estimate) : '-'), align: 'right' },
      { title: 'BILLED', text: ({ billed, provisional }) => `${formatMoney(billed)}${provisional ? ' so far' : ''}`, align: 'right' },
    ],
    page,
  );
  // The end of a bill is the day after its last.
  const lastDay = isoTime(Date.parse(to) - 86_400_000).slice(0, 10);
  const days = `From ${from} to ${lastDay}, by whole days in UTC; ${age}. Asking cost ${formatMoney(queryCost)}.`;
  return paragraphs([table, page.style.dim(days), note === undefined ? '' : `${page.style.yellow('note:')} ${note}`]);
}
