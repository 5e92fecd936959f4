import { expect, it } from 'vitest';
import type { CostOutcome } from '../../../src/app/outcomes.ts';
import { viewCost } from '../../../src/cli/views/cost.ts';
import { makeStyle } from '../../../src/cli/text/style.ts';
import { usd } from '../../../src/core/money.ts';
import type { BilledReport } from '../../../src/cost/billed.ts';
import { NOW } from './samples.ts';

const billed: BilledReport = {
  from: '2026-11-16',
  to: '2026-11-24',
  age: 'Cost Explorer is up to 24 hours behind',
  queryCost: usd(0.01),
  rows: [
    { id: 'web', estimate: usd(2), billed: usd(2.5), provisional: true, known: true },
    { id: 'theirs', estimate: 0, billed: usd(1), provisional: false, known: false },
    { id: 'new', estimate: 'unknown', billed: 0, provisional: false, known: true },
  ],
  total: { estimate: 'unknown', billed: usd(3.5) },
  untagged: usd(90),
};
const total = { key: 'total', spins: 0, live: 0, spent: 0, projected: 0, hourly: 0, hours: 0 };
const outcome: CostOutcome = { by: 'spin', rows: [], total, to: '2026-11-23T12:00:00.000Z', billed };

it('shows estimate, bill and what bears no tag side by side, how old it is, and what asking cost', async () => {
  const page = { now: NOW, width: 100, style: await makeStyle(false), verbose: false, self: 'spin' };
  expect(viewCost(outcome, page)).toBe(`SPIN       ESTIMATE         BILLED
web           $2.00   $2.50 so far
theirs            -          $1.00
new         unknown          $0.00
total       unknown          $3.50
untagged          -         $90.00

From 2026-11-16 to 2026-11-23, by whole days in UTC; Cost Explorer is up to 24 hours behind. Asking cost $0.010.`);
  expect(viewCost({ ...outcome, billed: { ...billed, note: 'activate the tag' } }, page)).toContain('note: activate the tag');
});
