import { addMoney, type Known, type NanoUsd } from '../core/money.ts';
import type { BilledCost } from '../providers/provider.ts';
import type { CostRow } from './report.ts';

/** One spin ID: what spin reckons that it cost, beside what was billed for it. */
export interface BilledRow {
  readonly id: string;
  /** Spent in the same days, by the price list; 0 for a spin that no record or ledger here knows. */
  readonly estimate: Known<NanoUsd>;
  readonly billed: NanoUsd;
  /** The provider says that its figure may still change. */
  readonly provisional: boolean;
  /** False where only the bill knows the spin: it is of another state location. */
  readonly known: boolean;
}

export interface BilledReport {
  /** Days `YYYY-MM-DD`; the end is exclusive. */
  readonly from: string;
  readonly to: string;
  /** How old the figures may be, for people. */
  readonly age: string;
  /** What asking has cost. */
  readonly queryCost: NanoUsd;
  /** The dearest first. */
  readonly rows: readonly BilledRow[];
  readonly total: { readonly estimate: Known<NanoUsd>; readonly billed: NanoUsd };
  /** Billed to the account in the same days and bearing no spin's tag: everything else in it, and of spins what cannot be tagged. */
  readonly untagged: NanoUsd;
  /** What to do about figures that cannot be right; absent where there is nothing to say. */
  readonly note?: string;
}

const NOT_ACTIVATED =
  'nothing in the bill bears the tag spin:id: activate it as a cost allocation tag in the Billing console; costs are tagged from then on, and shown up to a day later';

/**
 * Puts estimate and bill side by side. Pure.
 * @param estimates rows by spin, for the days of the bill
 * @param all also shows what the bill has of spins that are not among the estimates
 */
export function compareBilled(estimates: readonly CostRow[], bill: BilledCost, all: boolean): BilledReport {
  const billed = new Map(bill.rows.map((row) => [row.id, row]));
  const known = estimates.map(({ key, spent }): BilledRow => {
    const row = billed.get(key);
    return { id: key, estimate: spent, billed: row?.cost ?? 0, provisional: row?.estimated ?? false, known: true };
  });
  const ids = new Set(known.map(({ id }) => id));
  const others = bill.rows
    .filter(({ id }) => all && id !== '' && !ids.has(id))
    .map(({ id, cost, estimated }): BilledRow => ({ id, estimate: 0, billed: cost, provisional: estimated, known: false }));
  const rows = [...known, ...others].toSorted((a, b) => b.billed - a.billed || (a.id < b.id ? -1 : 1));
  const untagged = billed.get('')?.cost ?? 0;
  const unseen = untagged > 0 && bill.rows.every(({ id }) => id === '') && known.some(({ estimate }) => estimate !== 0);
  return {
    from: bill.from,
    to: bill.to,
    age: bill.age,
    queryCost: bill.queryCost,
    rows,
    total: { estimate: addMoney(rows.map(({ estimate }) => estimate)), billed: addMoney(rows.map((row) => row.billed)) },
    untagged,
    ...(unseen ? { note: NOT_ACTIVATED } : {}),
  };
}

/** One bill of several, for the same days. */
export function addBills([first, ...others]: readonly [BilledCost, ...BilledCost[]]): BilledCost {
  return others.reduce((sum, bill) => {
    const rows = new Map(sum.rows.map((row) => [row.id, row]));
    for (const row of bill.rows) {
      const before = rows.get(row.id);
      rows.set(row.id, { id: row.id, cost: (before?.cost ?? 0) + row.cost, estimated: (before?.estimated ?? false) || row.estimated });
    }
    const age = sum.age === bill.age ? sum.age : `${sum.age}; ${bill.age}`;
    return { ...sum, rows: [...rows.values()], age, queryCost: sum.queryCost + bill.queryCost };
  }, first);
}
