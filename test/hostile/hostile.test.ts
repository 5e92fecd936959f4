import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from './kinds/index.ts';
import { casesOf, feed, type Report } from './lanes.ts';

/** A sample of `npm run fuzz`, another one with every run: about one case in a hundred. */
const SHARE = 0.01;
const seed = Math.floor(Math.random() * 1_000_000);
const reports: Report[] = [];

beforeAll(async () => {
  const orders = KINDS.map((kind) => ({ kind, seed, indices: casesOf(kind, SHARE, seed) }));
  reports.push(...(await feed(orders, 1, () => undefined)));
}, 120_000);
afterAll(() => void reports.splice(0));

describe('hostile input is accepted rightly or refused with a code, in time, and leaves nothing behind:', () => {
  it.each(KINDS.map(({ name }) => name))('%s', (name) => {
    const report = reports.find(({ kind }) => kind === name);
    const failed = (report?.failures ?? []).map(
      ({ kind, index, why }) => `${why}\nnpm run fuzz -- --only ${kind} --seed ${seed} --case ${index}`,
    );
    expect(failed).toEqual([]);
    expect((report?.accepted ?? 0) + (report?.refused ?? 0)).toBe(report?.cases);
  });

  it('in a hundred thousand cases, where all are fed', () => {
    expect(KINDS.reduce((sum, { cases }) => sum + cases, 0)).toBeGreaterThanOrEqual(100_000);
  });
});
