/** What hostile input is made of. */
import type { Dice } from './dice.ts';

/** A file that exists only where a text was run as a command. */
export const CANARY = 'spin-was-here';

/** Texts that would run a command if a shell, or a template, got to read them. */
export const INJECTIONS: readonly string[] = [
  `$(touch ${CANARY})`,
  `\`touch ${CANARY}\``,
  `'; touch ${CANARY}; '`,
  `"; touch ${CANARY}; "`,
  `'"; touch ${CANARY}; #`,
  `\ntouch ${CANARY}\n`,
  `\r\ntouch ${CANARY}\r\n`,
  `; touch ${CANARY} #`,
  `| touch ${CANARY}`,
  `&& touch ${CANARY}`,
  `\\'; touch ${CANARY}; \\'`,
  `\${IFS}touch\${IFS}${CANARY}`,
  `$'\\n'touch ${CANARY}`,
  `> ${CANARY}`,
  `<(touch ${CANARY})`,
  `* ? [a-z] ~ {a,b} !! !$ %s %n`,
  `#{system("touch ${CANARY}")}`,
  `{{constructor.constructor("return process")()}}`,
];

/** Names and references that lead out of the place where they stand. */
const ESCAPES: readonly string[] = [
  '..',
  '../../../../etc/passwd',
  '/etc/passwd',
  'a/../../b',
  '.',
  './',
  '~',
  '~root/x',
  '/dev/zero',
  '/proc/self/environ',
  'file:///etc/passwd',
  's3://bucket/prefix',
  's3://../..',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '-rf',
  '--state',
  '--',
  '-',
];

/** Texts that mean something to YAML, to interpolation or to a terminal. */
const MARKS: readonly string[] = [
  '${env.HOSTILE}',
  '${env.NOT_SET}',
  '${env.HOSTILE|slug}',
  '${env.NOT_SET:-${env.HOSTILE}}',
  '${git.branch}',
  '${services.web.address}',
  '${services.nowhere.address}',
  '${services.__proto__.address}',
  '${env.__proto__}',
  '${env.constructor}',
  '${',
  '$${',
  '${}',
  '${|||}',
  '<<',
  '*a',
  '&a b',
  '!!js/function "x"',
  '!!binary aGk=',
  '|',
  '- - - -',
  '{{{{',
  '? ? ?',
  '%YAML 1.1',
  '---',
  '...',
  '\t',
  '\u0000',
  '\u001b[2J\u001b]0;title\u0007',
  '\u009b31m',
  '\u202etxt.exe',
  '\ud800',
  '\ufeff',
  '\u2028',
  'Zoë 🦊',
  'é'.normalize('NFD'),
  'İ',
  '',
  ' ',
  'null',
  'true',
  'yes',
];

/** Texts that stand for numbers, times and amounts beyond what is meant. */
const NUMBERS: readonly string[] = [
  '0',
  '-0',
  '-1',
  '1e999',
  '-1e999',
  'NaN',
  '.inf',
  '.nan',
  '0x7fffffff',
  '0o17',
  '9007199254740993',
  '1e308',
  '99999999999999999999h',
  '0s',
  '1h1h',
  '1.0000000000000001s',
  '999999999w',
  '0.1KiB',
  '1_000',
  '2026-02-30',
  '9999-12-31',
  '0000-00-00',
  '275760-09-13',
];

/** Values that a tree may hold where something else is expected; each is made anew. */
const VALUES: readonly (() => unknown)[] = [
  () => null,
  () => true,
  () => 0,
  () => -1,
  () => 0.5,
  () => 1e300,
  () => -1e300,
  () => 8.64e15 + 1,
  () => Number.MAX_SAFE_INTEGER + 2,
  () => [],
  () => ({}),
  () => [null],
  () => [[[[]]]],
  () => ({ a: { b: { c: {} } } }),
  () => Array.from({ length: 300 }, () => 'x'),
  () => JSON.parse('{"__proto__": {"polluted": true}}') as unknown,
  () => ({ constructor: { prototype: { polluted: true } } }),
  () => ({ toString: 1, valueOf: 2, toJSON: 3 }),
  () => ({ length: -1 }),
];

/** A text of some kind that is nobody's friend. */
export function nastyText(dice: Dice): string {
  const text = dice.pick([INJECTIONS, ESCAPES, MARKS, NUMBERS].map((list) => dice.pick(list)));
  if (dice.chance(0.03)) return text.padEnd(200_000, 'a');
  if (dice.chance(0.05)) return `${text}${dice.pick(MARKS)}${dice.pick(ESCAPES)}`;
  return text;
}

/** A value of some kind that is nobody's friend; JSON can hold all of them. */
export function nastyValue(dice: Dice): unknown {
  return dice.chance(0.5) ? nastyText(dice) : dice.pick(VALUES)();
}
