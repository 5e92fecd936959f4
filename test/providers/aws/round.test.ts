import { expect, test } from 'vitest';
import { turnOf } from '../../../src/providers/aws/round.ts';

const ZONES = ['a', 'b', 'c'];

test.each([
  { attempt: undefined, firstAttempt: undefined, chosen: 'a', next: 'b' },
  { attempt: 2, firstAttempt: 0, chosen: 'c', next: undefined },
  { attempt: 2, firstAttempt: 2, chosen: 'c', next: 'a' },
  { attempt: 3, firstAttempt: 2, chosen: 'a', next: 'b' },
  { attempt: 4, firstAttempt: 2, chosen: 'b', next: undefined },
  { attempt: 4, firstAttempt: 4, chosen: 'b', next: 'c' },
])('attempt $attempt of a round from $firstAttempt on is $chosen, and then $next', ({ attempt, firstAttempt, chosen, next }) => {
  const request = { ...(attempt === undefined ? {} : { attempt }), ...(firstAttempt === undefined ? {} : { firstAttempt }) };
  expect(turnOf(request, ZONES)).toEqual({ chosen, next });
});

test('a single alternative has its turn in every round, and none has none', () => {
  expect(turnOf({ attempt: 7, firstAttempt: 7 }, ['a'])).toEqual({ chosen: 'a', next: undefined });
  expect(turnOf({ attempt: 7 }, [])).toBeUndefined();
});
