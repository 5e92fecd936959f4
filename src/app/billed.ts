import { isoTime } from '../core/clock.ts';
import { SpinError } from '../core/errors.ts';
import { addBills, type BilledReport, compareBilled } from '../cost/billed.ts';
import { type CostQuery, reportCost } from '../cost/report.ts';
import { Fault } from '../providers/fault.ts';
import type { BilledCost } from '../providers/provider.ts';
import type { SpinRecord } from '../store/record.ts';
import type { LedgerEntry } from '../store/store.ts';
import type { App } from './context.ts';
import { silent } from './emitter.ts';

const DAY_MS = 86_400_000;
/** How far back is asked where nobody says. */
const BACK_MS = 30 * DAY_MS;

/**
 * What the providers billed, beside what spin reckons for the same days. Asks first: each question to a provider costs money.
 * @throws SpinError `declined`, `confirmation-needed`; `provider-failed` where no provider has a bill
 */
export async function billedCost(
  app: App,
  records: readonly SpinRecord[],
  ledger: readonly LedgerEntry[],
  query: Omit<CostQuery, 'by'>,
): Promise<BilledReport> {
  const now = app.clock.now();
  const to = Math.min(query.to ?? now, now);
  const from = Math.min(query.from ?? to - BACK_MS, to);
  const days = `${dayOf(from)} to ${dayOf(to)}`;
  const agreed = await app.confirm({ text: `Ask for the bill of ${days}? Each request to Cost Explorer costs 0.01 USD.`, items: [] });
  if (!agreed) throw new SpinError('declined', 'nothing was asked, and nothing was charged');
  const bill = await askAll(app, from, to);
  const estimates = reportCost(records, ledger, { ...query, by: 'spin', from: Date.parse(bill.from), to: Date.parse(bill.to) }, now);
  const narrowed = query.id !== undefined || query.owner !== undefined || query.tags !== undefined;
  return compareBilled(estimates.rows, bill, !narrowed);
}

async function askAll(app: App, from: number, to: number): Promise<BilledCost> {
  const call = { clock: app.clock, signal: app.signal, emit: silent };
  const refusals: Fault[] = [];
  const bills: BilledCost[] = [];
  const names = [...new Set([...app.providers, ...app.reachable])];
  for (const name of names) {
    try {
      bills.push(await (await app.provider(name)).billed(from, to, call));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      // Where nothing is ever billed there is nothing to add.
      if (thrown.kind !== 'invalid') throw failed(name, thrown);
      refusals.push(thrown);
    }
  }
  const [first, ...others] = bills;
  if (first !== undefined) return addBills([first, ...others]);
  throw failed(names.join(' and '), refusals.at(-1) ?? new Fault('invalid', 'never-billed', 'there is no provider to ask'));
}

function failed(provider: string, fault: Fault): SpinError {
  return new SpinError('provider-failed', `the bill of ${provider} cannot be had: ${fault.message}`, {
    cause: fault,
    data: { fault: fault.note() },
  });
}

function dayOf(time: number): string {
  return isoTime(time).slice(0, 10);
}
