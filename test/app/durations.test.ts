import { expect, it } from 'vitest';
import { cost } from '../../src/app/cost.ts';
import { durationOf, momentOf } from '../../src/app/durations.ts';
import { isoTime } from '../../src/core/clock.ts';
import { appFor, Place } from './world.ts';

const NOW = Date.UTC(2026, 0, 1);

it.each(['3651d', '99999999h', '9007199254740991ms'])('refuses %s, which nobody lives to see', (text) => {
  expect(() => durationOf('--by', text)).toThrow(expect.objectContaining({ code: 'usage', hint: 'write 3650d or less' }));
});

it('takes ten years, and moments a hundred years back', () => {
  expect(durationOf('--by', '3650d')).toBe(3_650 * 86_400_000);
  expect(isoTime(momentOf('--since', '36500d', NOW))).toBe('1926-01-26T00:00:00.000Z');
  expect(() => momentOf('--since', '9007199254740991ms', NOW)).toThrow(expect.objectContaining({ code: 'usage' }));
});

it('refuses a period that began before there was time', async () => {
  const app = appFor(new Place());
  await expect(cost(app, { since: '9007199254740991ms' })).rejects.toMatchObject({ code: 'usage', exit: 2 });
});
