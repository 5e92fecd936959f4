import { formatMoney } from '../../core/money.ts';
import type { PlannedChange } from '../../app/outcomes.ts';
import type { Page } from '../page.ts';
import { columns } from '../text/columns.ts';
import type { Style } from '../text/style.ts';

const SIGNS: Readonly<Record<PlannedChange['action'], readonly [sign: string, colour: keyof Style]>> = {
  create: ['+', 'green'],
  keep: [' ', 'dim'],
  resume: ['>', 'yellow'],
  replace: ['~', 'yellow'],
  'scale-up': ['~', 'green'],
  'scale-down': ['~', 'yellow'],
  delete: ['-', 'red'],
  refuse: ['!', 'red'],
};

/** What is done to each resource, and why. */
export function changeTable(changes: readonly PlannedChange[], page: Page): string {
  const priced = changes.some((change) => change.hourly !== 0);
  return columns(
    changes,
    [
      { title: '', text: ({ action }) => SIGNS[action][0], style: ({ action }, style) => style[SIGNS[action][1]] },
      {
        title: 'RESOURCE',
        text: ({ address, count }) => (count === 1 ? address : `${address} ×${count}`),
        shrink: { order: 3, min: 12 },
        cut: 'middle',
      },
      { title: 'ACTION', text: ({ action }) => action, style: ({ action }, style) => style[SIGNS[action][1]] },
      { title: 'WHY', text: ({ reason }) => reason, shrink: { order: 2, min: 8 } },
      { title: 'AFTER', text: ({ needs }) => needs.join(', '), style: (_change, style) => style.dim, shrink: { order: 1, min: 5 } },
      ...(priced ? [{ title: 'PER HOUR', text: ({ hourly }: PlannedChange) => formatMoney(hourly), align: 'right' as const }] : []),
    ],
    page,
  );
}

/** `3 to create, 1 to replace`, or that there is nothing to do. */
export function changeSummary(changes: readonly PlannedChange[]): string {
  const counts = new Map<string, number>();
  for (const { action } of changes) if (action !== 'keep') counts.set(action, (counts.get(action) ?? 0) + 1);
  return counts.size === 0 ? 'nothing to do' : [...counts].map(([action, count]) => `${count} to ${action}`).join(', ');
}
