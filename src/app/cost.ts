import { isoTime } from '../core/clock.ts';
import { SpinError } from '../core/errors.ts';
import { parseSpinId } from '../core/ids.ts';
import { type CostKey, reportCost } from '../cost/report.ts';
import type { App } from './context.ts';
import { momentOf } from './durations.ts';
import type { CostOutcome } from './outcomes.ts';
import { notFound } from './work-on.ts';

export interface CostRequest {
  readonly by?: string;
  /** A date, or a duration back from now. */
  readonly from?: string;
  readonly to?: string;
  /** A duration back from now; the same as `from`. */
  readonly since?: string;
  readonly id?: string;
  readonly owner?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** What live and released spins cost, by a key. @throws SpinError `usage`, `spin-not-found` */
export async function cost(app: App, request: CostRequest): Promise<CostOutcome> {
  const now = app.clock.now();
  const start = request.from ?? request.since;
  const from = start === undefined ? undefined : momentOf(request.from === undefined ? '--since' : '--from', start, now);
  const to = request.to === undefined ? now : momentOf('--to', request.to, now);
  if (from !== undefined && from >= to)
    throw new SpinError('usage', `the period ends (${isoTime(to)}) before it begins (${isoTime(from)})`);
  const { records } = await app.store.list();
  const ledger = await app.store.ledger();
  const { id } = request;
  if (id !== undefined && !records.some(({ record }) => record.id === id) && !ledger.some((entry) => entry.id === id)) {
    return notFound(app, parseSpinId(id));
  }
  const report = reportCost(
    records.map(({ record }) => record),
    ledger,
    {
      by: keyOf(request.by ?? 'spin'),
      to,
      ...(from === undefined ? {} : { from }),
      ...(id === undefined ? {} : { id }),
      ...(request.owner === undefined ? {} : { owner: request.owner }),
      ...(request.tags === undefined ? {} : { tags: request.tags }),
    },
    now,
  );
  return { ...report, ...(from === undefined ? {} : { from: isoTime(from) }), to: isoTime(to) };
}

function keyOf(by: string): CostKey {
  if (by === 'spin' || by === 'owner' || by === 'service' || by === 'provider') return by;
  if (by.startsWith('tag:') && by.length > 4) return `tag:${by.slice(4)}`;
  throw new SpinError('usage', `--by ${JSON.stringify(by)} is not known`, { hint: 'spin, owner, service, provider or tag:NAME' });
}
