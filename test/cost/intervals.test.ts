import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addMoney, usd } from '../../src/core/money.ts';
import { costOfIntervals, hourlyOf, instanceMs, intervalsOf, projectedCost } from '../../src/cost/intervals.ts';
import { intervalsUntil } from '../../src/store/interval.ts';
import { TABLE } from '../../src/lifecycle/table.ts';
import { STATUSES, type Interval } from '../../src/store/record.ts';
import { HOUR, T0, interval, record, resource } from './records.ts';

describe('what is running', () => {
  it('costs from its request until now in every status that is billable', () => {
    const costs = STATUSES.map((status) => [
      status,
      costOfIntervals(intervalsOf(record({ resources: [resource({ status, hourly: usd(0.6) })] }), T0 + HOUR / 2)),
    ]);
    expect(costs).toEqual(STATUSES.map((status) => [status, TABLE[status].billable ? usd(0.3) : 0]));
  });

  it('adds to what was released before', () => {
    const one = record({
      resources: [resource({ generation: 2, from: T0 + HOUR, hourly: usd(2) })],
      spent: [interval({ hourly: usd(1) })],
    });
    expect(costOfIntervals(intervalsOf(one, T0 + 2 * HOUR))).toBe(usd(3));
    expect(hourlyOf(one)).toBe(usd(2));
    expect(projectedCost(one, T0 + 2 * HOUR)).toBe(usd(1 + 2 * 3));
  });

  it('is never projected to less than it has cost, also when it is overdue', () => {
    const late = record({ resources: [resource({ hourly: usd(1) })], deadline: T0 + HOUR });
    expect(projectedCost(late, T0 + 3 * HOUR)).toBe(usd(3));
  });

  it('costs nothing while the wall clock stands before its request', () => {
    expect(costOfIntervals(intervalsOf(record({ resources: [resource({ hourly: usd(1) })] }), T0 - HOUR))).toBe(0);
  });

  it('has an unknown price per hour as soon as one part has', () => {
    expect(hourlyOf(record({ resources: [resource({ hourly: usd(1) }), resource({ name: 'db', hourly: 'unknown' })] }))).toBe('unknown');
  });

  it('is charged to the service that it works for, and counts instances of services alone', () => {
    expect(intervalsUntil(resource({ count: 3 }), T0 + HOUR)[0]).toMatchObject({ service: 'web', instances: 3 });
    expect(intervalsUntil(resource({ kind: 'registration' }), T0 + HOUR)[0]).toMatchObject({ service: 'web', instances: 0 });
    expect(intervalsUntil(resource({ kind: 'keeper', name: 'keeper' }), T0 + HOUR)[0]).not.toHaveProperty('service');
    const both = [resource({ count: 3 }), resource({ kind: 'route' })].flatMap((one) => intervalsUntil(one, T0 + HOUR));
    expect(instanceMs(both)).toBe(3 * HOUR);
  });
});

describe('an unknown price', () => {
  const lone = [interval({ hourly: usd(1) }), interval({ hourly: 'unknown', from: T0 + 2 * HOUR, to: T0 + 3 * HOUR })];

  it('makes the sum unknown where it has time in the window', () => {
    expect(costOfIntervals(lone)).toBe('unknown');
    expect(costOfIntervals(lone, { from: T0 + 2.5 * HOUR })).toBe('unknown');
  });

  it('leaves the sum alone where it has none', () => {
    expect(costOfIntervals(lone, { to: T0 + 2 * HOUR })).toBe(usd(1));
    expect(costOfIntervals(lone, { from: T0 + 3 * HOUR })).toBe(0);
    expect(costOfIntervals([interval({ hourly: 'unknown', to: T0 })])).toBe(0);
  });
});

describe('the cost of any intervals', () => {
  const time = fc.integer({ min: T0, max: T0 + 10_000 * HOUR });
  // Eight of them stay within the nine million dollars up to which NanoUsd counts exactly.
  const known = fc.record({ a: time, b: time, hourly: fc.integer({ min: 0, max: usd(100) }) });
  const priced = known.map(({ a, b, hourly }): Interval => interval({ from: Math.min(a, b), to: Math.max(a, b), hourly }));
  const any = fc.oneof(
    { weight: 4, arbitrary: priced },
    { weight: 1, arbitrary: priced.map((each): Interval => ({ ...each, hourly: 'unknown' })) },
  );

  it('is additive over time, to the nano-dollar', () => {
    fc.assert(
      fc.property(fc.array(any, { maxLength: 8 }), fc.array(time, { minLength: 3, maxLength: 6 }), (intervals, times) => {
        const cuts = times.toSorted((a, b) => a - b);
        const whole = costOfIntervals(intervals, { from: cuts.at(0) ?? 0, to: cuts.at(-1) ?? 0 });
        const parts = cuts.slice(1).map((to, n) => costOfIntervals(intervals, { from: cuts[n] ?? 0, to }));
        expect(addMoney(parts)).toBe(whole);
      }),
    );
  });

  it('is never negative, and does not shrink as time passes', () => {
    fc.assert(
      fc.property(fc.array(priced, { maxLength: 8 }), time, time, (intervals, a, b) => {
        const [early, late] = [Math.min(a, b), Math.max(a, b)].map((to) => costOfIntervals(intervals, { to }));
        expect(early).toBeGreaterThanOrEqual(0);
        expect(late).toBeGreaterThanOrEqual(Number(early));
      }),
    );
  });

  it('does not depend on their order', () => {
    fc.assert(
      fc.property(
        fc.array(any, { maxLength: 8 }).chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          expect(costOfIntervals(shuffled)).toBe(costOfIntervals(all));
        },
      ),
    );
  });

  it('is unknown exactly where an unknown price has time in the window', () => {
    fc.assert(
      fc.property(fc.array(any, { maxLength: 8 }), time, time, (intervals, a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const touched = intervals.some((each) => each.hourly === 'unknown' && Math.min(each.to, to) > Math.max(each.from, from));
        expect(costOfIntervals(intervals, { from, to }) === 'unknown').toBe(touched);
      }),
    );
  });
});
