import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clean, cleanAll, tameLine } from '../../../src/cli/text/clean.ts';

// oxlint-disable-next-line no-control-regex -- what must not be there
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/;

describe('clean text', () => {
  it('shows control characters as what they are', () => {
    expect(clean('a\u001B[31mred\u0007')).toBe('a\\x1b[31mred\\x07');
    expect(clean('user\u202Etxt.exe')).toBe('user\\u202etxt.exe');
    expect(clean('line\n\ttab é 日本')).toBe('line\n\ttab é 日本');
  });

  it('never has a control character left', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !CONTROL.test(clean(text))));
  });

  it('is made of every text in an outcome, keys included', () => {
    expect(cleanAll({ 'k\u0007': ['\u001B', { deep: '\u009B' }], n: 1, none: null })).toEqual({
      'k\\x07': ['\\x1b', { deep: '\\x9b' }],
      n: 1,
      none: null,
    });
  });
});

describe('a log line on a terminal', () => {
  it('keeps its colours, which end with it', () => {
    expect(tameLine('\u001B[32mok\u001B[0m')).toBe('\u001B[32mok\u001B[0m');
    expect(tameLine('plain')).toBe('plain');
  });

  it.each([
    ['a title', '\u001B]0;owned\u0007text'],
    ['a clipboard', '\u001B]52;c;aGk=\u001B\\text'],
    ['a cleared screen', '\u001B[2J\u001B[Htext'],
    ['a device report', '\u001BP$q"p\u001B\\text'],
    ['an alternate screen', '\u001B[?1049htext'],
    ['a reset', '\u001Bctext'],
    ['an 8-bit sequence', '\u009B2Jtext'],
    ['a sequence cut short', 'text\u001B]0;'],
  ])('cannot command %s', (_what, line) => {
    const tamed = tameLine(line).replace('\u001B[0m', '');
    expect(tamed).not.toMatch(CONTROL);
    expect(tamed).toContain('text');
  });
});
