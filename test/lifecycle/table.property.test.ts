import fc from 'fast-check';
import { expect, it } from 'vitest';
import { InternalError } from '../../src/core/errors.ts';
import { costOfIntervals, intervalsOf } from '../../src/cost/intervals.ts';
import { TABLE, transition } from '../../src/lifecycle/table.ts';
import { STATUSES, type Status } from '../../src/store/record.ts';
import { HOUR, record, resource, T0 } from '../cost/records.ts';

const wishes = fc.array(fc.constantFrom(...STATUSES), { maxLength: 40 });

function isNext(from: Status, to: Status): boolean {
  const next: readonly Status[] = TABLE[from].next;
  return next.includes(to);
}

/** Where a resource gets by wishes, of which only the legal ones come true. */
function walk(wished: readonly Status[]): readonly [Status, ...Status[]] {
  const trail: [Status, ...Status[]] = ['creating'];
  for (const to of wished) {
    const from = trail.at(-1) ?? 'creating';
    const move = () => transition(resource({ status: from }), resource({ status: to }));
    if (isNext(from, to)) trail.push(move().status);
    else expect(move).toThrow(InternalError);
  }
  return trail;
}

it('refuses every step that the table does not have, wherever a walk has led', () => {
  fc.assert(fc.property(wishes, (wished) => void walk(wished)));
});

it('lets nothing that is being released come back, and nothing follow what is released', () => {
  fc.assert(
    fc.property(wishes, (wished) => {
      const trail = walk(wished);
      const leaving = trail.indexOf('releasing');
      if (leaving !== -1) expect(trail.slice(leaving).filter((status) => status !== 'releasing' && status !== 'released')).toEqual([]);
      const gone = trail.indexOf('released');
      if (gone !== -1) expect(gone).toBe(trail.length - 1);
    }),
  );
});

it('calls ready only what was booted, and released only what was asked to go', () => {
  fc.assert(
    fc.property(wishes, (wished) => {
      const trail = walk(wished);
      for (const [n, status] of trail.entries()) {
        if (status === 'ready') expect(trail[n - 1]).toBe('booting');
        if (status === 'released') expect(trail[n - 1]).toBe('releasing');
      }
    }),
  );
});

it('holds and charges whatever it has begun to make, until it is gone, and can then let go of it in two steps', () => {
  fc.assert(
    fc.property(wishes, (wished) => {
      const end = walk(wished).at(-1) ?? 'creating';
      const row = TABLE[end];
      expect([row.held, row.billable]).toEqual(end === 'released' ? [false, false] : [true, true]);
      if (end === 'released') return;
      const leaving =
        end === 'releasing' ? resource({ status: end }) : transition(resource({ status: end }), resource({ status: 'releasing' }));
      expect(transition(leaving, resource({ status: 'released' })).status).toBe('released');
    }),
  );
});

it('never makes a resource cheaper by moving it, but for its release', () => {
  fc.assert(
    fc.property(wishes, (wished) => {
      const costs = walk(wished).map((status) => {
        const one = record({ resources: [resource({ status, hourly: 1_000_000 })] });
        return costOfIntervals(intervalsOf(one, T0 + HOUR));
      });
      expect(new Set(costs.slice(0, -1))).not.toContain(0);
      for (const [n, cost] of costs.entries()) expect(cost).toBe(walk(wished)[n] === 'released' ? 0 : 1_000_000);
    }),
  );
});
