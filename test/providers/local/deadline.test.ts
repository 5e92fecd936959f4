import { expect, test } from 'vitest';
import { enforceDeadline } from '../../../src/providers/local/keeper/deadline.ts';
import { ManualClock } from '../../fakes/clock.ts';

test('nothing happens before the deadline, also when it was moved', async () => {
  const { clock, kept, downs, end } = begin(10_000, () => 0);
  await clock.advance(9_000);
  kept.deadline += 60_000;
  await clock.advance(59_000);
  expect(downs).toEqual([]);
  await clock.advance(2_000);
  expect(downs).toHaveLength(1);
  end();
});

test('a machine that slept past the deadline finds out within a second', async () => {
  const { clock, kept, downs, end } = begin(3_600_000, () => 0);
  kept.deadline = clock.now() - 1;
  await clock.advance(1_000);
  expect(downs).toHaveLength(1);
  end();
});

test('a down that fails is tried again for a minute, then the keeper has to do it', async () => {
  const { clock, downs, done } = begin(1_000, () => 1);
  await clock.advance(55_000);
  expect(done()).toBe(false);
  expect(downs.length).toBeGreaterThan(4);
  await clock.advance(10_000);
  expect(done()).toBe(true);
});

test('a deadline that moves while down fails is waited for anew', async () => {
  const { clock, kept, downs, done, end } = begin(1_000, () => 1);
  await clock.advance(5_000);
  kept.deadline = clock.now() + 600_000;
  const before = downs.length;
  await clock.advance(500_000);
  expect(downs).toHaveLength(before);
  expect(done()).toBe(false);
  end();
});

function begin(inMs: number, exitCode: () => number) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const downs: number[] = [];
  const kept = { deadline: clock.now() + inMs };
  let over = false;
  const down = (): Promise<number> => {
    downs.push(clock.now());
    return Promise.resolve(exitCode());
  };
  void enforceDeadline({ kept, clock, down }, stop.signal).then(
    () => (over = true),
    () => undefined,
  );
  return { clock, kept, downs, done: () => over, end: () => stop.abort() };
}
