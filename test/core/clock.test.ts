import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';

it.each([2 ** 31, 30 * 86_400_000, Infinity])('sleeps for %d ms, though no timer can be set for so long', async (ms) => {
  const stop = new AbortController();
  const slept = systemClock.sleep(ms, stop.signal).then(
    () => 'woke',
    (reason: unknown) => reason,
  );
  expect(await Promise.race([slept, systemClock.sleep(30).then(() => 'sleeps')])).toBe('sleeps');
  stop.abort('stopped');
  expect(await slept).toBe('stopped');
});

it('wakes at once where there is nothing to wait for', async () => {
  for (const ms of [0, -1, -Infinity])
    expect(await Promise.race([systemClock.sleep(ms).then(() => 'woke'), systemClock.sleep(1_000).then(() => 'sleeps')])).toBe('woke');
});
