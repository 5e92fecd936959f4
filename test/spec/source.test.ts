import { describe, expect, it } from 'vitest';
import { parseSource } from '../../src/spec/source.ts';

function refusals(text: string): string[] {
  return parseSource(text, 'f.yaml').problems.map(({ line, column, path, message }) => `${line}:${column} ${path} ${message}`);
}

describe('a YAML source', () => {
  it('knows where its values and keys stand, also through an alias', () => {
    const { source, problems } = parseSource('a: &x [1, {b: two}]\nc: *x\n', 'f.yaml');
    expect(problems).toEqual([]);
    expect(source.tree).toEqual({ a: [1, { b: 'two' }], c: [1, { b: 'two' }] });
    expect(source.place({ path: ['a', 1, 'b'], message: '' })).toMatchObject({ line: 1, column: 15 });
    expect(source.place({ path: ['a', 1, 'b'], part: 'key', message: '' })).toMatchObject({ line: 1, column: 12 });
    expect(source.place({ path: ['c'], part: 'key', message: '' })).toMatchObject({ line: 2, column: 1 });
  });

  it('keeps numbers as they were written', () => {
    const { source } = parseSource('v: 1.10\nw: 0x1F\n', 'f.yaml');
    expect([source.written(['v']), source.written(['w'])]).toEqual(['1.10', '0x1F']);
  });

  it('is YAML 1.2: yes and on are text', () => {
    expect(parseSource('a: yes\non: off\n', 'f.yaml').source.tree).toEqual({ a: 'yes', on: 'off' });
  });

  it.each([
    ['a duplicate key', 'a: 1\na: 2\n', /^2:1 .*unique/],
    ['broken syntax', 'a: [1, 2\nb: 3\n', /^2:1 .*is not valid YAML/],
    ['a second document', 'a: 1\n---\nb: 2\n', /multiple documents/],
    ['a custom tag', 'a: !!js/function "x"\n', /tag/],
    ['a local tag', 'a: !env HOME\n', /tag/],
    ['a merge key', 'x: &x {a: 1}\ny:\n  <<: *x\n', /^3:3 y\.<< is a merge key/],
    ['__proto__', 'a: {__proto__: {polluted: true}}\n', /^1:5 a\.__proto__ is not allowed as a key/],
    ['an unknown alias', 'a: *nope\n', /alias/],
    ['a map as a key', '? {a: 1}\n: 2\n', /key that is not plain text/],
  ])('refuses %s', (_what, text, expected) => {
    expect(refusals(text).join('\n')).toMatch(expected);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('refuses an alias bomb before it goes off', () => {
    const rows = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i++) rows.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`);
    expect(refusals(`${rows.join('\n')}\n`)[0]).toMatch(/more than 50000 values once its aliases are followed/);
  });

  it('refuses depth and size without falling over', () => {
    expect(refusals(`${'['.repeat(100)}${']'.repeat(100)}`)[0]).toMatch(/nested more than 64 levels deep/);
    expect(refusals(`a: 1\nb: ${'['.repeat(50_000)}`)).toEqual(['2:67  is nested more than 64 levels deep']);
    expect(refusals('{a: '.repeat(5_000))).toEqual(['1:257  is nested more than 64 levels deep']);
    expect(refusals('- '.repeat(50_000))).toEqual(['1:129  is nested more than 64 levels deep']);
    expect(refusals('? '.repeat(50_000))).toEqual(['1:129  is nested more than 64 levels deep']);
    expect(refusals(Array.from({ length: 1_400 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'))[0]).toMatch(
      /nested more than 64 levels deep/,
    );
    expect(refusals(`a: "${'x'.repeat(2 ** 20)}"`)[0]).toMatch(/larger than the 1024 KiB/);
  });

  it('does not take brackets and dashes in text for depth', () => {
    const text = `# ${'['.repeat(100)}\na: "${'['.repeat(100)}"\nb: x${' - '.repeat(100)}x\nc: |\n  ${'[ - '.repeat(100)}\nd: [${'[1], '.repeat(100)}]\n`;
    expect(refusals(text)).toEqual([]);
    expect(refusals(Array.from({ length: 100 }, (_, n) => `k${n}: { a: [1], b: { c: 2 } }\n`).join(''))).toEqual([]);
  });

  it('refuses an alias that holds itself', () => {
    expect(refusals('a: &a [*a]\n')).not.toEqual([]);
  });
});
