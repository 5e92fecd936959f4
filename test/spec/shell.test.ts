import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteAfter } from '../../src/spec/shell.ts';

const nasty = fc.stringMatching(/^[ -~\n\té]*$/, { size: 'small' }).map((value) => value.replaceAll('\0', ''));

describe.each(['/bin/sh', '/bin/bash'])('quoting for %s', (shell) => {
  it.each([
    ['plain', "printf '%s' ", ''],
    ['after a word', "printf '%s' ''", ''],
    ['in double quotes', `printf '%s' "`, '"'],
    ['in single quotes', `printf '%s' '`, `'`],
  ])('keeps any value as it is, %s', (_where, before, after) => {
    fc.assert(
      fc.property(nasty, (value) => {
        const quoted = quoteAfter(before, value);
        expect(quoted).toBeDefined();
        expect(execFileSync(shell, ['-c', `${before}${quoted}${after}`], { encoding: 'utf8' })).toBe(value);
      }),
      { numRuns: 60 },
    );
  });
});

describe('quoting', () => {
  it('leaves plain words as they are', () => {
    expect(quoteAfter('x ', 'http://127.0.0.1:8080/a_b-c.d')).toBe('http://127.0.0.1:8080/a_b-c.d');
  });

  it.each(['cat <<EOF\n', 'x $(echo ', 'x "$(echo ', 'x `', "x $'", 'x $((', 'x \\', 'x "\\', 'x $', 'x "$'])(
    'refuses where it is not sure to hold: %j',
    (before) => {
      expect(quoteAfter(before, '; rm -rf "')).toBeUndefined();
      expect(quoteAfter(before, 'plain')).toBe('plain');
    },
  );

  it('is not misled by an apostrophe in a comment', () => {
    expect(quoteAfter("# don't\necho ", 'a b')).toBe("'a b'");
    expect(quoteAfter("# don't ", 'a\nrm')).toBeUndefined();
  });
});
