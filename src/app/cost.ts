import { isoTime } from '../core/clock.ts';
import { SpinError } from '../core/errors.ts';
import { parseSpinId } from '../core/ids.ts';
import type { BilledReport } from '../cost/billed.ts';
import { type CostKey, reportCost } from '../cost/report.ts';
import type { billedCost } from './billed.ts';
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
  /** Also asks the providers what they billed, by spin. */
  readonly billed?: boolean;
}

/**
 * What live and released spins cost, by a key; where asked for, with what was billed.
 * @throws SpinError `usage`, `spin-not-found`; with `billed` also `confirmation-needed`, `declined`, `provider-failed`
 */
export async function cost(app: App, request: CostRequest): Promise<CostOutcome> {
  const now = app.clock.now();
  const start = request.from ?? request.since;
  const from = start === undefined ? undefined : momentOf(request.from === undefined ? '--since' : '--from', start, now);
  const to = request.to === undefined ? now : momentOf('--to', request.to, now);
  if (from !== undefined && from >= to)
    throw new SpinError('usage', `the period ends (${isoTime(to)}) before it begins (${isoTime(from)})`, { hint: 'spin cost --help' });
  const { records } = await app.store.list();
  const ledger = await app.store.ledger();
  const { id } = request;
  if (id !== undefined && !records.some(({ record }) => record.id === id) && !ledger.some((entry) => entry.id === id)) {
    return notFound(app, parseSpinId(id));
  }
  const by = keyOf(request.by ?? 'spin');
  if (request.billed === true && by !== 'spin') {
    throw new SpinError('usage', `a bill is told by spin, not by ${by}`, { hint: 'leave out --by, or --billed' });
  }
  const query = {
    to,
    ...(from === undefined ? {} : { from }),
    ...(id === undefined ? {} : { id }),
    ...(request.owner === undefined ? {} : { owner: request.owner }),
    ...(request.tags === undefined ? {} : { tags: request.tags }),
  };
  const all = records.map(({ record }) => record);
  const billed = request.billed === true ? await billedFor(app, all, ledger, query) : undefined;
  const report = reportCost(all, ledger, { ...query, by }, now);
  return {
    ...report,
    ...(from === undefined ? {} : { from: isoTime(from) }),
    to: isoTime(to),
    ...(billed === undefined ? {} : { billed }),
  };
}

async function billedFor(...asked: Parameters<typeof billedCost>): Promise<BilledReport> {
  const { billedCost: ask } = await import('./billed.ts');
  return ask(...asked);
}

function keyOf(by: string): CostKey {
  if (by === 'spin' || by === 'owner' || by === 'service' || by === 'provider') return by;
  if (by.startsWith('tag:') && by.length > 4) return `tag:${by.slice(4)}`;
  throw new SpinError('usage', `--by ${JSON.stringify(by)} is not known`, { hint: 'spin, owner, service, provider or tag:NAME' });
}
