import { isoTime } from '../core/clock.ts';
import { SpinError } from '../core/errors.ts';
import { addBills, type BilledReport, compareBilled } from '../cost/billed.ts';
import { type CostQuery, reportCost } from '../cost/report.ts';
import { Fault } from '../providers/fault.ts';
import type { BilledCost, Provider } from '../providers/provider.ts';
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
  const billers = await billersOf(app);
  const days = `${dayOf(from)} to ${dayOf(to)}`;
  const agreed = await app.confirm({ text: `Ask for the bill of ${days}? Each request to Cost Explorer costs 0.01 USD.`, items: [] });
  if (!agreed) throw new SpinError('declined', 'nothing was asked, and nothing was charged');
  const bill = await askAll(app, billers, from, to);
  const estimates = reportCost(records, ledger, { ...query, by: 'spin', from: Date.parse(bill.from), to: Date.parse(bill.to) }, now);
  const narrowed = query.id !== undefined || query.owner !== undefined || query.tags !== undefined;
  return compareBilled(estimates.rows, bill, !narrowed);
}

/** Those that send a bill, found before anybody is asked to pay. @throws SpinError `provider-failed` where there are none */
async function billersOf(app: App): Promise<readonly [Provider, ...Provider[]]> {
  const names = [...new Set([...app.providers, ...app.reachable])];
  const [first, ...others] = (await Promise.all(names.map((name) => app.provider(name)))).filter(({ bills }) => bills === true);
  if (first === undefined) throw new SpinError('provider-failed', `nobody sends a bill for ${names.join(' and ')}`, { hint: 'spin cost' });
  return [first, ...others];
}

async function askAll(app: App, [first, ...others]: readonly [Provider, ...Provider[]], from: number, to: number): Promise<BilledCost> {
  const call = { clock: app.clock, signal: app.signal, emit: silent };
  const ask = async (provider: Provider): Promise<BilledCost> => {
    try {
      return await provider.billed(from, to, call);
    } catch (thrown) {
      throw thrown instanceof Fault ? failed(provider.name, thrown) : thrown;
    }
  };
  const bills: [BilledCost, ...BilledCost[]] = [await ask(first)];
  for (const provider of others) bills.push(await ask(provider));
  return addBills(bills);
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
