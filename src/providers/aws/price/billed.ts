import { CostExplorerClient, GetCostAndUsageCommand, type ResultByTime } from '@aws-sdk/client-cost-explorer';
import { isoTime } from '../../../core/clock.ts';
import { type NanoUsd, usd } from '../../../core/money.ts';
import { OWNED } from '../../../core/tags.ts';
import { Fault } from '../../fault.ts';
import type { BilledCost, Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';

/** Cost Explorer charges this for each request: https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/ */
const REQUEST_COST = usd(0.01);
/** It goes back thirteen months with the present one, by months (GetCostAndUsage, API reference). */
const DAY_MS = 86_400_000;
const METRIC = 'UnblendedCost';
/** Enough for some hundred thousand spins; each page is paid for. */
const MOST_PAGES = 20;

/**
 * What AWS billed for whole days, by spin. The days that two times lie in are both part of it. Months are asked for and not days: fewer
 * groups are fewer pages, and each page costs.
 * @throws Fault `denied`; `invalid` `other-currency` where the bill is not in USD
 */
export async function billed(cloud: Cloud, from: number, to: number, call: Call): Promise<BilledCost> {
  const period = { Start: dayOf(from), End: dayOf(Math.max(from, to) + DAY_MS) };
  const rows = new Map<string, { readonly cost: NanoUsd; readonly estimated: boolean }>();
  let pages = 0;
  let next: string | undefined;
  do {
    const command = new GetCostAndUsageCommand({
      TimePeriod: period,
      Granularity: 'MONTHLY',
      Metrics: [METRIC],
      GroupBy: [{ Type: 'TAG', Key: OWNED.id }],
      NextPageToken: next,
    });
    const page = await cloud.send(CostExplorerClient, command, call);
    pages += 1;
    for (const result of page.ResultsByTime ?? []) addRows(rows, result);
    next = page.NextPageToken;
    if (pages === MOST_PAGES && next !== undefined)
      throw new Fault('quota', 'too-many-pages', `the bill has over ${MOST_PAGES} pages; ask for less time`);
  } while (next !== undefined);
  return {
    rows: [...rows].map(([id, { cost, estimated }]) => ({ id, cost, estimated })),
    from: period.Start,
    to: period.End,
    age: 'Cost Explorer is up to 24 hours behind',
    queryCost: pages * REQUEST_COST,
  };
}

function addRows(rows: Map<string, { readonly cost: NanoUsd; readonly estimated: boolean }>, { Groups, Estimated }: ResultByTime): void {
  for (const { Keys, Metrics } of Groups ?? []) {
    // `spin:id$web`; what bears no such tag, or was billed before the tag was activated, is `spin:id$`.
    const id = (Keys?.[0] ?? '').replace(`${OWNED.id}$`, '');
    const { Amount = '0', Unit = 'USD' } = Metrics?.[METRIC] ?? {};
    if (Unit !== 'USD') throw new Fault('invalid', 'other-currency', `the bill is in ${Unit}, and spin counts in USD`);
    const before = rows.get(id);
    rows.set(id, { cost: (before?.cost ?? 0) + usd(Number(Amount)), estimated: before?.estimated === true || Estimated === true });
  }
}

function dayOf(time: number): string {
  return isoTime(time).slice(0, 10);
}
