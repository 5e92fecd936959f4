import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactDuration, formatDuration, parseDuration } from '../../src/core/duration.ts';

describe('reading a duration', () => {
  it('takes amounts with units, from the largest to the smallest', () => {
    expect(['500ms', '90s', '30m', '1h30m', '2d', '1w', '1.5h', '1d2h3m4s5ms', '0s'].map(parseDuration)).toEqual([
      500, 90_000, 1_800_000, 5_400_000, 172_800_000, 604_800_000, 5_400_000, 93_784_005, 0,
    ]);
  });

  it('refuses what it would have to guess', () => {
    for (const text of [
      '',
      '10',
      's',
      '30m1h',
      '1h1h',
      '-1h',
      '1 h',
      ' 1h',
      '1h ',
      '1H',
      '1y',
      'h1',
      '1e3s',
      '.5h',
      '1.h',
      `${'9'.repeat(20)}w`,
    ]) {
      expect([text, parseDuration(text)]).toEqual([text, undefined]);
    }
  });

  it('reads back every whole number of seconds that it can write in full', () => {
    const units = ['w', 'd', 'h', 'm', 's'] as const;
    const scale = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 };
    fc.assert(
      fc.property(fc.subarray([...units], { minLength: 1 }), fc.array(fc.nat(999), { minLength: 5, maxLength: 5 }), (chosen, amounts) => {
        const parts = chosen.map((unit, n) => ({ unit, amount: amounts[n] ?? 0 }));
        const total = parts.reduce((sum, { unit, amount }) => sum + amount * scale[unit], 0);
        expect(parseDuration(parts.map(({ unit, amount }) => `${amount}${unit}`).join(''))).toBe(total);
      }),
    );
  });
});

describe('writing a duration', () => {
  it('shows the two largest units, and fractions of what is short', () => {
    expect([0, 340, 9_990, 12_300, 60_000, 245_000, 5_400_000, 3_605_000, 183_600_000, -720_000].map(formatDuration)).toEqual([
      '0.00s',
      '0.34s',
      '9.99s',
      '12.3s',
      '1m',
      '4m 5s',
      '1h 30m',
      '1h',
      '2d 3h',
      '-12m',
    ]);
  });

  it('is read back as a time that is shorter by less than its last unit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 60_000, max: 10 ** 11 }), (ms) => {
        const back = parseDuration(formatDuration(ms).replace(' ', '')) ?? Number.NaN;
        expect(back).toBeLessThanOrEqual(ms);
        expect(ms - back).toBeLessThan(ms >= 86_400_000 ? 3_600_000 : ms >= 3_600_000 ? 60_000 : 1_000);
      }),
    );
  });

  it('as a spec does is exact and read back as the same', () => {
    expect([0, 1, 400, 1_000, 90_000, 3_600_000, 86_400_500].map(exactDuration)).toEqual([
      '0s',
      '1ms',
      '400ms',
      '1s',
      '1m30s',
      '1h',
      '1d500ms',
    ]);
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 - 1 }), (ms) => {
        expect(parseDuration(exactDuration(ms))).toBe(ms);
      }),
    );
  });

  it('never rounds a span up into a unit that it does not show', () => {
    expect([9_999, 10_000, 59_999, 60_000, 3_599_999].map(formatDuration)).toEqual(['9.99s', '10.0s', '59.9s', '1m', '59m 59s']);
  });
});
