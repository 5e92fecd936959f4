import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addMoney, usd } from '../../src/core/money.ts';
import { type CostKey, reportCost } from '../../src/cost/report.ts';
import { HOUR, T0, incarnation, interval, ledgerEntry, record, resource } from './records.ts';

const now = T0 + 2 * HOUR;
const web = (over = {}) => resource({ hourly: usd(1), ...over });
const rows = (report: ReturnType<typeof reportCost>) => Object.fromEntries(report.rows.map(({ key, ...row }) => [key, row]));

describe('a cost report', () => {
  it('adds the live life of a spin to its past ones, and counts it as one spin', () => {
    const report = reportCost(
      [record({ resources: [web()] })],
      [ledgerEntry({ intervals: [interval({ hourly: usd(3) })] })],
      { by: 'spin' },
      now,
    );
    expect(report.rows).toEqual([{ key: 'demo', spins: 1, live: 1, spent: usd(5), projected: usd(7), hourly: usd(1), hours: 3 }]);
    expect(report.total).toEqual({ ...report.rows[0], key: 'total' });
  });

  it('counts a life once that is in the ledger while its record is still there', () => {
    const leftover = record({ incarnation: incarnation(1), resources: [web()] });
    const tombstone = record({ incarnation: incarnation(1), resources: [], spent: [interval({ hourly: usd(3) })], releasedAt: T0 + HOUR });
    for (const one of [leftover, tombstone]) {
      const report = reportCost([one], [ledgerEntry({ intervals: [interval({ hourly: usd(3) })] })], { by: 'spin' }, now);
      expect(report.total).toMatchObject({ spins: 1, live: 0, spent: usd(3), projected: usd(3), hourly: 0 });
    }
  });

  it('counts a tombstone that never reached the ledger', () => {
    const tombstone = record({ resources: [], spent: [interval({ hourly: usd(3) })], releasedAt: T0 + HOUR });
    expect(reportCost([tombstone], [], { by: 'spin' }, now).total).toMatchObject({ live: 0, spent: usd(3), projected: usd(3) });
  });

  it('groups by owner, provider and tag, and names what has no tag', () => {
    const records = [
      record({ id: 'a', incarnation: incarnation(2), owner: 'ada', tags: { team: 'web' }, resources: [web()] }),
      record({ id: 'b', incarnation: incarnation(3), owner: 'bob', provider: 'aws', resources: [web({ hourly: usd(2) })] }),
    ];
    const by = (key: CostKey) => rows(reportCost(records, [], { by: key }, now));
    expect(by('owner')).toMatchObject({ ada: { spent: usd(2) }, bob: { spent: usd(4) } });
    expect(by('provider')).toMatchObject({ local: { spent: usd(2) }, aws: { spent: usd(4) } });
    expect(by('tag:team')).toMatchObject({ web: { spent: usd(2), spins: 1 }, '(none)': { spent: usd(4), spins: 1 } });
  });

  it('splits a spin by service, its routes with it, and shows the rest only where it costs', () => {
    const parts = [web(), web({ name: 'db', hourly: usd(0.5), count: 2 }), resource({ kind: 'route', hourly: usd(0.25) })];
    const free = reportCost([record({ resources: [...parts, resource({ kind: 'keeper', name: 'keeper' })] })], [], { by: 'service' }, now);
    expect(rows(free)).toEqual({
      web: { spins: 1, live: 1, spent: usd(2.5), projected: usd(5), hourly: usd(1.25), hours: 2 },
      db: { spins: 1, live: 1, spent: usd(1), projected: usd(2), hourly: usd(0.5), hours: 4 },
    });
    const paid = reportCost(
      [record({ resources: [...parts, resource({ kind: 'volume', name: 'data', hourly: usd(1) })] })],
      [],
      { by: 'service' },
      now,
    );
    expect(rows(paid)['(none)']).toMatchObject({ spent: usd(2), hours: 0 });
  });

  it('shows an unknown price as unknown, in its row and in the total, and first', () => {
    const records = [
      record({ id: 'a', incarnation: incarnation(2), resources: [web()] }),
      record({ id: 'b', resources: [web({ hourly: 'unknown' })] }),
    ];
    const report = reportCost(records, [], { by: 'spin' }, now);
    expect(report.rows.map(({ key, spent }) => [key, spent])).toEqual([
      ['b', 'unknown'],
      ['a', usd(2)],
    ]);
    expect(report.total).toMatchObject({ spent: 'unknown', projected: 'unknown', hourly: 'unknown', hours: 4 });
  });

  it('cuts to a window, leaves out who did not live in it, and still projects to the deadline', () => {
    const past = ledgerEntry({
      id: 'past',
      createdAt: T0 - 9 * HOUR,
      releasedAt: T0 - 8 * HOUR,
      intervals: [interval({ from: T0 - 9 * HOUR, to: T0 - 8 * HOUR })],
    });
    const report = reportCost([record({ resources: [web()] })], [past], { by: 'spin', from: T0 + HOUR }, now);
    expect(report.rows).toEqual([{ key: 'demo', spins: 1, live: 1, spent: usd(1), projected: usd(3), hourly: usd(1), hours: 1 }]);
    expect(reportCost([record({ resources: [web()] })], [past], { by: 'spin', to: T0 - HOUR }, now).rows.map(({ key }) => key)).toEqual([
      'past',
    ]);
  });

  it('filters by ID, owner and every given tag', () => {
    const records = [
      record({ id: 'a', incarnation: incarnation(2), tags: { team: 'web', pr: '7' } }),
      record({ id: 'b', incarnation: incarnation(3), tags: { team: 'web' } }),
      record({ id: 'c', incarnation: incarnation(4), owner: 'bob' }),
    ];
    const keys = (filter: object) => reportCost(records, [], { by: 'spin', ...filter }, now).rows.map(({ key }) => key);
    expect(keys({ id: 'b' })).toEqual(['b']);
    expect(keys({ owner: 'bob' })).toEqual(['c']);
    expect(keys({ tags: { team: 'web' } })).toEqual(['a', 'b']);
    expect(keys({ tags: { team: 'web', pr: '7' } })).toEqual(['a']);
    expect(keys({ tags: { constructor: 'web' } })).toEqual([]);
  });

  it('has rows that add up to its total, however it is grouped', () => {
    const part = fc.record({
      name: fc.constantFrom('web', 'db'),
      hourly: fc.integer({ min: 0, max: usd(9) }),
      from: fc.integer({ min: T0, max: now }),
    });
    const life = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      owner: fc.constantFrom('ada', ''),
      parts: fc.array(part, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(
        fc.array(life, { maxLength: 6 }),
        fc.constantFrom<CostKey>('spin', 'owner', 'service', 'provider', 'tag:team'),
        (lives, by) => {
          const records = lives.map(({ id, owner, parts }, n) =>
            record({
              id,
              owner,
              incarnation: incarnation(n),
              resources: parts.map((each, generation) => resource({ ...each, generation })),
            }),
          );
          const { rows, total } = reportCost(records, [], { by }, now);
          expect(addMoney(rows.map(({ spent }) => spent))).toBe(total.spent);
          expect(addMoney(rows.map(({ projected }) => projected))).toBe(total.projected);
          expect(rows.every(({ spent, projected }) => Number(projected) >= Number(spent) && Number(spent) >= 0)).toBe(true);
        },
      ),
    );
  });
});
