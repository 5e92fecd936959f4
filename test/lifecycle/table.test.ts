import { expect, it } from 'vitest';
import { InternalError } from '../../src/core/errors.ts';
import { isHeld, statusesThat, TABLE, transition } from '../../src/lifecycle/table.ts';
import { STATUSES, type Status } from '../../src/store/record.ts';
import { resource } from '../cost/records.ts';

/** A status and every one that can follow, however many steps later. */
function reachable(from: Status, seen = new Set<Status>([from])): ReadonlySet<Status> {
  const next: readonly Status[] = TABLE[from].next;
  for (const status of next.filter((one) => !seen.has(one))) reachable(status, seen.add(status));
  return seen;
}

const PAIRS = STATUSES.flatMap((from) => STATUSES.map((to) => [from, to] as const));

it.each(STATUSES)('%s leads to released', (status) => {
  expect(reachable(status)).toContain('released');
});

it('ends exactly where nothing follows', () => {
  expect(statusesThat('terminal')).toEqual(STATUSES.filter((status) => TABLE[status].next.length === 0));
});

it('holds whatever may be paid for', () => {
  for (const status of statusesThat('billable')) expect(isHeld(status)).toBe(true);
  expect(statusesThat('held')).not.toContain('released');
});

it('can let go of whatever is held, in one step', () => {
  for (const status of statusesThat('held')) expect(TABLE[status].next).toContain(status === 'releasing' ? 'released' : 'releasing');
});

it('gives a time to every status that waits for something', () => {
  for (const status of STATUSES) expect(TABLE[status].timeoutMs > 0).toBe(TABLE[status].effect !== 'none');
});

it.each(PAIRS)('goes from %s to %s only where the table says so', (from, to) => {
  const allowed: readonly Status[] = TABLE[from].next;
  const move = () => transition(resource({ status: from }), resource({ status: to }));
  if (allowed.includes(to)) expect(move().status).toBe(to);
  else expect(move).toThrow(InternalError);
});

it('never turns one resource into another', () => {
  expect(() => transition(resource({ status: 'creating' }), resource({ status: 'booting', generation: 2 }))).toThrow(InternalError);
});
