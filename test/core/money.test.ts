import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addMoney, costOver, formatMoney, usd } from '../../src/core/money.ts';

const HOUR = 3_600_000;

it('keeps the smallest prices exact', () => {
  expect(usd(0.0000125)).toBe(12_500);
  expect(costOver(usd(0.0000125), HOUR)).toBe(12_500);
  expect(costOver(usd(1), 1)).toBe(278);
});

describe('a sum', () => {
  it('is unknown as soon as one part is', () => {
    expect(addMoney([])).toBe(0);
    expect(addMoney([1, 2])).toBe(3);
    expect(addMoney([1, 'unknown', 2])).toBe('unknown');
  });

  it('does not depend on the order of its parts', () => {
    const parts = fc.array(fc.integer({ min: 0, max: usd(1_000) }), { maxLength: 20 });
    fc.assert(
      fc.property(parts, (amounts) => {
        expect(addMoney(amounts.toReversed())).toBe(addMoney(amounts));
      }),
    );
  });
});

it('costs nothing over no time, more over more, and an unknown price costs an unknown amount', () => {
  const ms = fc.integer({ min: 0, max: 10_000 * HOUR });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: usd(500) }), ms, ms, (price, a, b) => {
      expect(costOver(price, 0)).toBe(0);
      expect(costOver(price, a + b)).toBeGreaterThanOrEqual(costOver(price, a));
      expect(Number.isSafeInteger(costOver(price, a))).toBe(true);
    }),
  );
  expect(costOver('unknown', 0)).toBe('unknown');
});

describe('money for people', () => {
  it('has cents, and two digits of what is less', () => {
    expect([0, usd(1.234), usd(0.1), usd(0.0042), usd(0.00001234), 1, usd(-0.5), usd(1_234_567.891)].map(formatMoney)).toEqual([
      '$0.00',
      '$1.23',
      '$0.10',
      '$0.0042',
      '$0.000012',
      '$0.000000001',
      '-$0.50',
      '$1234567.89',
    ]);
    expect(formatMoney('unknown')).toBe('unknown');
  });

  it('never shows something as nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: usd(10) }), (amount) => {
        expect(Number(formatMoney(amount).slice(1))).toBeGreaterThan(0);
      }),
    );
  });
});
