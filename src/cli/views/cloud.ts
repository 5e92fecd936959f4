import type { CloudLsOutcome, CloudSpin } from '../../app/outcomes.ts';
import type { Page } from '../page.ts';
import { type Column, columns } from '../text/columns.ts';
import { span } from '../text/time.ts';
import { lines } from './parts.ts';

/** What the providers have, by tags alone. */
export function viewCloud({ spins, unlisted }: CloudLsOutcome, page: Page): string {
  const blind = unlisted.map(({ provider, problem }) => `${page.style.red('not asked:')} ${provider}: ${problem}`);
  const none = blind.length === 0 ? 'No provider has anything of a spin.' : 'Nothing of a spin was seen.';
  if (spins.length === 0) return lines([none, ...blind]);
  return lines([columns(spins, columnsOf(page), page), ...blind]);
}

function columnsOf({ now }: Page): readonly Column<CloudSpin>[] {
  const until = (time: string | undefined): string => (time === undefined ? '?' : left(Date.parse(time) - now));
  return [
    { title: 'ID', text: ({ id }) => id, style: (_spin, style) => style.bold, shrink: { order: 3, min: 8 }, cut: 'middle' },
    {
      title: 'PROVIDER',
      text: ({ provider, region }) => (region === undefined ? provider : `${provider} ${region}`),
      shrink: { order: 2, min: 4 },
    },
    { title: 'OWNER', text: ({ owner }) => owner ?? '?', shrink: { order: 1, min: 4 } },
    { title: 'AGE', text: ({ createdAt }) => (createdAt === undefined ? '?' : span(now - Date.parse(createdAt))) },
    { title: 'LEFT', text: ({ deadline }) => until(deadline) },
    { title: 'THINGS', text: ({ things }) => String(things.length), align: 'right' },
    {
      title: 'RECORD',
      text: recordOf,
      style: (spin, style) => (spin.recorded ? style.green : spin.ours ? style.red : style.dim),
      shrink: { order: 0, min: 6 },
    },
  ];
}

function recordOf({ recorded, ours, orphanSince }: CloudSpin): string {
  if (!ours) return "another state location's";
  if (recorded) return 'here';
  return orphanSince === undefined ? 'none' : 'none, marked as an orphan';
}

function left(ms: number): string {
  return ms < 0 ? `-${span(ms)}` : span(ms);
}
