import { describe, expect, it } from 'vitest';
import { usd } from '../../src/core/money.ts';
import { costOfIntervals } from '../../src/cost/intervals.ts';
import { intervalsUntil, mergeRuns } from '../../src/store/interval.ts';
import { HOUR, resource, T0 } from '../cost/records.ts';

const web = (over: Parameters<typeof resource>[0] = {}) => resource({ hourly: usd(2), count: 2, ...over });
const begun = web().requestedAt;

describe('what a resource was paid for', () => {
  it('counts from its request where the provider does not tell when its machines ran', () => {
    expect(intervalsUntil(web(), begun + HOUR)).toMatchObject([{ instances: 2, from: begun, to: begun + HOUR, hourly: usd(2) }]);
  });

  it('counts each machine by the times of its provider, at its share of the price', () => {
    const runs = [
      { machine: 'i-1', from: begun + 1_000, to: begun + HOUR },
      { machine: 'i-2', from: begun + 2_000 },
    ];
    const intervals = intervalsUntil({ ...web(), runs }, begun + 2 * HOUR);
    expect(intervals).toMatchObject([
      { service: 'web', instances: 1, from: begun + 1_000, to: begun + HOUR, hourly: usd(1) },
      { service: 'web', instances: 1, from: begun + 2_000, to: begun + 2 * HOUR, hourly: usd(1) },
    ]);
    // Ended from outside after an hour: not paid for until that was noticed.
    expect(Number(costOfIntervals(intervals)) / 1e9).toBeCloseTo(3, 2);
  });

  it('does not count twice what was closed when the price or the count changed', () => {
    const runs = [{ machine: 'i-1', from: begun - HOUR }];
    expect(intervalsUntil({ ...web(), runs }, begun + HOUR)).toMatchObject([{ from: begun, to: begun + HOUR }]);
    const ended = [{ machine: 'i-1', from: begun - 2 * HOUR, to: begun - HOUR }];
    expect(intervalsUntil({ ...web(), runs: ended }, begun + HOUR)).toMatchObject([{ from: begun, to: begun }]);
  });

  it('keeps an unknown price unknown', () => {
    const [interval] = intervalsUntil({ ...web({ hourly: 'unknown' }), runs: [{ machine: 'i-1', from: T0 }] }, begun + HOUR);
    expect(interval?.hourly).toBe('unknown');
  });
});

describe('runs', () => {
  it('are kept when the provider has forgotten them, and end when they first were seen to', () => {
    const known = [
      { machine: 'i-1', from: 1, to: 50 },
      { machine: 'i-2', from: 2 },
    ];
    expect(mergeRuns(known, undefined)).toBe(known);
    expect(
      mergeRuns(known, [
        { machine: 'i-2', from: 2, to: 60 },
        { machine: 'i-3', from: 3 },
      ]),
    ).toEqual([
      { machine: 'i-1', from: 1, to: 50 },
      { machine: 'i-2', from: 2, to: 60 },
      { machine: 'i-3', from: 3 },
    ]);
    expect(mergeRuns([{ machine: 'i-1', from: 1, to: 50 }], [{ machine: 'i-1', from: 1, to: 70 }])).toEqual([
      { machine: 'i-1', from: 1, to: 50 },
    ]);
  });
});
