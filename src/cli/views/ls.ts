import type { LsOutcome, SpinSummary } from '../../app/outcomes.ts';
import { formatMoney } from '../../core/money.ts';
import type { Page } from '../page.ts';
import { type Column, columns } from '../text/columns.ts';
import { clockTime, span } from '../text/time.ts';
import { lines, plural, stateStyle } from './parts.ts';

/** kubectl-like columns, one line per spin. */
export function viewLs({ spins, unreadable }: LsOutcome, page: Page, wide: boolean): string {
  const damaged = unreadable.map(({ id, problem }) => `${page.style.red('unreadable:')} ${id}: ${problem}`);
  if (spins.length === 0) return lines(['No spins. Bring one up with: spin up', ...damaged]);
  return lines([columns(spins, [...columnsOf(wide), ...(wide ? wideColumns(page) : [])], page), ...damaged]);
}

/** Whose a spin is and where stays whole longer where all is asked for: then the line may be cut at its end. */
function columnsOf(wide: boolean): readonly Column<SpinSummary>[] {
  return [
    { title: 'ID', text: ({ id }) => id, style: (_spin, style) => style.bold, shrink: { order: 4, min: 8 }, cut: 'middle' },
    { title: 'STATE', text: ({ state }) => state, style: ({ state }, style) => stateStyle(state, style) },
    { title: 'PROVIDER', text: ({ provider }) => provider, shrink: { order: 3, min: wide ? 8 : 4 } },
    { title: 'OWNER', text: ({ owner }) => owner, shrink: { order: 2, min: wide ? 12 : 4 } },
    { title: 'AGE', text: ({ ageMs }) => span(ageMs) },
    {
      title: 'LEFT',
      text: ({ msLeft }) => (msLeft < 0 ? `-${span(msLeft)}` : span(msLeft)),
      style: ({ msLeft }, style) => (msLeft < 0 ? style.red : (text) => text),
    },
    { title: 'COST', text: ({ costSoFar }) => formatMoney(costSoFar), align: 'right' },
  ];
}

function wideColumns({ now }: Page): readonly Column<SpinSummary>[] {
  return [
    { title: 'PER HOUR', text: ({ hourly }) => formatMoney(hourly), align: 'right' },
    { title: 'DEADLINE', text: ({ deadline }) => clockTime(Date.parse(deadline), now) },
    {
      title: 'RUNS',
      text: ({ services, instances }) => `${plural(instances, 'instance')}, ${plural(services, 'service')}`,
      shrink: { order: 1, min: 12 },
    },
    {
      title: 'TAGS',
      text: ({ tags }) =>
        Object.entries(tags)
          .map(([name, value]) => `${name}=${value}`)
          .join(','),
      style: (_spin, style) => style.dim,
      shrink: { order: 0, min: 4 },
    },
  ];
}
