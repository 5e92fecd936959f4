import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columns } from '../../../src/cli/text/columns.ts';
import { PLAIN } from '../../../src/cli/text/style.ts';
import { cut, cutLine, cutMiddle, fold, widthOf } from '../../../src/cli/text/width.ts';

const SHAPE = [
  { title: 'NAME', text: (row: readonly string[]) => row[0] ?? '', shrink: { order: 2, min: 4 } },
  { title: 'SIZE', text: (row: readonly string[]) => row[1] ?? '', align: 'right' as const },
  { title: 'NOTE', text: (row: readonly string[]) => row[2] ?? '', shrink: { order: 1, min: 4 } },
];

describe('columns', () => {
  it('line up, with numbers to the right and no space at the end', () => {
    expect(
      columns(
        [
          ['a', '1', 'x'],
          ['long', '100', ''],
        ],
        SHAPE,
        { width: Infinity, style: PLAIN },
      ),
    ).toBe('NAME   SIZE   NOTE\na         1   x\nlong    100');
  });

  it('give way in their order where the terminal is narrow', () => {
    expect(columns([['a-long-name', '1', 'a long note']], SHAPE, { width: 27, style: PLAIN })).toBe(
      'NAME          SIZE   NOTE\na-long-name      1   a lon…',
    );
    expect(columns([['a-long-name', '1', 'a long note']], SHAPE, { width: 20, style: PLAIN })).toBe(
      'NAME     SIZE   NOTE\na-lon…      1   a l…',
    );
  });

  it('are nothing without rows', () => {
    expect(columns([], SHAPE, { width: 80, style: PLAIN })).toBe('');
  });

  it('are never wider than the terminal', () => {
    const row = fc.tuple(fc.string(), fc.string(), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(fc.array(row), fc.integer({ min: 4, max: 120 }), (rows, width) =>
        columns(rows, SHAPE, { width, style: PLAIN })
          .split('\n')
          .every((line) => widthOf(line) <= width),
      ),
    );
  });
});

describe('the width of a text', () => {
  it.each([
    ['abc', 3],
    ['日本', 4],
    ['é', 1],
    ['e\u0301', 1],
    ['🚀', 2],
    ['\u001B[31mred\u001B[39m', 3],
  ])('of %j is %i', (text, width) => expect(widthOf(text)).toBe(width));

  it('is what a name is cut to, in its middle', () => {
    expect(cutMiddle('service.web@12', 9)).toBe('serv…b@12');
    expect(cutMiddle('web', 3)).toBe('web');
    expect(cutMiddle('service', 2)).toBe('s…');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, width) => {
        const cutText = cutMiddle(text, width);
        return widthOf(cutText) <= width;
      }),
    );
  });

  it('is what a coloured line is cut to, and its colours end', () => {
    expect(cutLine('\u001B[31mred\u001B[39m line', 5)).toBe('\u001B[31mred\u001B[39m …');
    expect(cutLine('a \u001B[31mlong\u001B[39m line', 5)).toBe('a \u001B[31mlo…\u001B[39m');
    expect(cutLine('\u001B[31mlong\u001B[39m', 3)).toBe('\u001B[31mlo…\u001B[39m');
  });

  it('is what prose is folded to', () => {
    expect(fold('one two three', 7)).toBe('one two\n  three');
    expect(fold('one two three', Infinity)).toBe('one two three');
  });

  it('is what a text is cut to', () => {
    expect(cut('日本語', 4)).toBe('日…');
    expect(cut('abc', 3)).toBe('abc');
    expect(cut('abcd', 3)).toBe('ab…');
    expect(cut('abc', 0)).toBe('');
  });
});
