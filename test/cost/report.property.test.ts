import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addMoney, type Known, type NanoUsd } from '../../src/core/money.ts';
import { type CostKey, reportCost } from '../../src/cost/report.ts';
import type { LedgerEntry } from '../../src/store/store.ts';
import { HOUR, incarnation, interval, ledgerEntry, record, resource, T0 } from './records.ts';

const NOW = T0 + 100 * HOUR;
const KEYS: readonly CostKey[] = ['spin', 'owner', 'service', 'provider', 'tag:team', 'tag:constructor'];

const time = fc.integer({ min: T0, max: NOW });
const price = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 10_000_000_000 }) },
  { weight: 1, arbitrary: fc.constant('unknown' as const) },
);
const span = fc.tuple(time, time).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));

const entries = fc
  .array(
    fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      owner: fc.constantFrom('ada', '', 'constructor'),
      tags: fc.constantFrom({}, { team: 'x' }, { team: 'y' }),
      spans: fc.array(fc.record({ span, hourly: price, service: fc.constantFrom('web', 'db') }), { maxLength: 3 }),
    }),
    { maxLength: 5 },
  )
  .map((drafts) =>
    drafts.map(({ spans, ...entry }, n): LedgerEntry => {
      const intervals = spans.map(({ span: lasted, hourly, service }) =>
        interval({ ...lasted, hourly, service, resource: `service.${service}@1` }),
      );
      const ends = intervals.map(({ to }) => to);
      return ledgerEntry({ ...entry, incarnation: incarnation(n), createdAt: T0, releasedAt: Math.max(T0, ...ends), intervals });
    }),
  );

const records = fc
  .array(fc.record({ from: time, hourly: price, owner: fc.constantFrom('ada', 'bob'), team: fc.constantFrom('x', 'y') }), { maxLength: 3 })
  .map((drafts) =>
    drafts.map(({ from, hourly, owner, team }, n) =>
      record({
        id: `live-${n}`,
        incarnation: incarnation(50 + n),
        owner,
        tags: { team },
        createdAt: from,
        deadline: NOW + HOUR,
        resources: [resource({ from, hourly })],
      }),
    ),
  );

const spentBy = (by: CostKey, live: Parameters<typeof reportCost>[0], ledger: readonly LedgerEntry[], from: number, to: number) =>
  reportCost(live, ledger, { by, from, to }, NOW);

it('adds up to the same total by whatever it is grouped', () => {
  fc.assert(
    fc.property(records, entries, span, (live, ledger, { from, to }) => {
      for (const by of KEYS) {
        const { rows, total } = spentBy(by, live, ledger, from, to);
        expect(addMoney(rows.map((row) => row.spent))).toBe(total.spent);
        expect(addMoney(rows.map((row) => row.projected))).toBe(total.projected);
        expect(rows.reduce((sum, row) => sum + row.hours, 0)).toBeCloseTo(total.hours, 6);
      }
    }),
  );
});

it('spends in the parts of a period what it spends in the whole, never less than nothing, and never less the longer it is', () => {
  fc.assert(
    fc.property(records, entries, fc.array(time, { minLength: 3, maxLength: 5 }), (live, ledger, times) => {
      const cuts = [...new Set(times)].toSorted((a, b) => a - b);
      const [first = 0, last = 0] = [cuts.at(0), cuts.at(-1)];
      const whole = spentBy('spin', live, ledger, first, last).total.spent;
      const parts = cuts.slice(1).map((to, n): Known<NanoUsd> => spentBy('spin', live, ledger, cuts[n] ?? 0, to).total.spent);
      expect(addMoney(parts)).toBe(whole);
      let before = 0;
      for (const to of cuts) {
        const { spent, projected } = spentBy('spin', live, ledger, first, to).total;
        if (spent === 'unknown' || projected === 'unknown') return;
        expect(spent).toBeGreaterThanOrEqual(before);
        expect(projected).toBeGreaterThanOrEqual(spent);
        before = spent;
      }
    }),
  );
});
