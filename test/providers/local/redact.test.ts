import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRedactor } from '../../../src/providers/local/redact.ts';

describe('a redactor', () => {
  test('replaces every occurrence of a value', () => {
    expect(createRedactor(['hunter22']).text('hunter22 and hunter22!')).toBe('*** and ***!');
  });

  test('finds a value as JSON and URLs escape it', () => {
    const value = 'p"a ss/w\u00f6rd\n+';
    const redactor = createRedactor([value]);
    for (const form of [
      JSON.stringify({ value }),
      encodeURIComponent(value),
      new URLSearchParams({ value }).toString(),
      '"p\\"a ss/w\\u00f6rd\\n+"',
    ]) {
      expect(redactor.text(`<${form}>`)).toContain('***');
      expect(redactor.text(form)).not.toMatch(/ss|rd/);
    }
  });

  test('covers a value within a longer one, and two that overlap', () => {
    expect(createRedactor(['abcd', 'abcdefgh']).text('-abcdefgh-')).toBe('-***-');
    expect(createRedactor(['abcdef', 'defghi']).text('-abcdefghi-')).toBe('-***-');
    expect(createRedactor(['ababab']).text('abababab')).toBe('***');
  });

  test('finds the long lines of a value with several lines, and leaves its short ones', () => {
    const redactor = createRedactor(['-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nab=\n-----END KEY-----']);
    expect(redactor.text('  MIIEpAIBAAKCAQEA')).toBe('  ***');
    expect(redactor.text('ab=')).toBe('ab=');
  });

  test('says where values stand in bytes, counted in bytes', () => {
    const bytes = Buffer.from('\u00fc\u00fc geheim\u00fc .');
    const [span] = createRedactor(['geheim\u00fc']).spans(bytes);
    expect(bytes.subarray(span?.start, span?.end).toString()).toBe('geheim\u00fc');
    expect(createRedactor(['geheim\u00fc']).holds(bytes)).toBe(true);
    expect(createRedactor(['geheim\u00fc']).holds(Buffer.from('geheim'))).toBe(false);
  });

  test('knows how much of the end may be the beginning of a value', () => {
    const redactor = createRedactor(['secret']);
    expect(redactor.openEnd(Buffer.from('a sec'))).toBe(3);
    expect(redactor.openEnd(Buffer.from('a ses'))).toBe(1);
    expect(redactor.openEnd(Buffer.from('secret'))).toBe(0);
    expect(createRedactor([]).openEnd(Buffer.from('x'))).toBe(0);
  });

  test('leaves no value in any text', () => {
    const value = fc.string({ minLength: 4, maxLength: 12, unit: 'binary' });
    const leavesNone = fc.property(
      fc.array(value, { minLength: 1, maxLength: 4 }),
      fc.array(fc.oneof(value, fc.string()), { maxLength: 6 }),
      (values, parts) => {
        const known = values.map((text) => text.toWellFormed());
        const bytes = Buffer.from([...parts, ...values].join('-').toWellFormed());
        for (const { start, end } of createRedactor(known).spans(bytes)) bytes.fill(0, start, end);
        return known.every((text) => text.includes('\0') || !bytes.includes(text));
      },
    );
    expect(fc.check(leavesNone)).toMatchObject({ failed: false });
  });
});
