import { describe, expect, it } from 'vitest';
import { type Known, type NanoUsd, usd } from '../../src/core/money.ts';
import { addBills, compareBilled } from '../../src/cost/billed.ts';
import type { CostRow } from '../../src/cost/report.ts';
import type { BilledCost } from '../../src/providers/provider.ts';

const bill = (rows: Readonly<Record<string, number>>, more: Partial<BilledCost> = {}): BilledCost => ({
  rows: Object.entries(rows).map(([id, cost]) => ({ id, cost: usd(cost), estimated: id === 'web' })),
  from: '2026-11-01',
  to: '2026-11-24',
  age: 'a day old',
  queryCost: usd(0.01),
  ...more,
});

const row = (key: string, spent: Known<NanoUsd>): CostRow => ({ key, spins: 1, live: 0, spent, projected: spent, hourly: 0, hours: 1 });

describe('estimate and bill', () => {
  it('stand side by side, the dearest first, with what bears no tag apart', () => {
    const report = compareBilled([row('web', usd(2)), row('new', usd(1))], bill({ web: 2.5, theirs: 7, '': 90 }), true);
    expect(report.rows).toEqual([
      { id: 'theirs', estimate: 0, billed: usd(7), provisional: false, known: false },
      { id: 'web', estimate: usd(2), billed: usd(2.5), provisional: true, known: true },
      { id: 'new', estimate: usd(1), billed: 0, provisional: false, known: true },
    ]);
    expect(report.total).toEqual({ estimate: usd(3), billed: usd(9.5) });
    expect(report.untagged).toBe(usd(90));
    expect(report.note).toBeUndefined();
  });

  it('leave out what was not asked for, and an unknown estimate stays unknown', () => {
    const report = compareBilled([row('web', 'unknown')], bill({ web: 2.5, theirs: 7, '': 90 }), false);
    expect(report.rows.map(({ id }) => id)).toEqual(['web']);
    expect(report.total).toEqual({ estimate: 'unknown', billed: usd(2.5) });
  });

  it('say that the tag is not activated where the whole bill bears none', () => {
    expect(compareBilled([row('web', usd(2))], bill({ '': 90 }), true).note).toContain('activate it as a cost allocation tag');
    expect(compareBilled([], bill({ '': 90 }), true).note).toBeUndefined();
    expect(compareBilled([row('web', usd(2))], bill({}), true).note).toBeUndefined();
  });

  it('come from several providers as one bill', () => {
    const sum = addBills([bill({ web: 1, '': 2 }), bill({ web: 3, api: 4 }, { age: 'an hour old' })]);
    expect(sum.rows.map(({ id, cost }) => [id, cost])).toEqual([
      ['web', usd(4)],
      ['', usd(2)],
      ['api', usd(4)],
    ]);
    expect(sum).toMatchObject({ age: 'a day old; an hour old', queryCost: usd(0.02) });
  });
});
