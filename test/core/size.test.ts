import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSize, parseSize } from '../../src/core/size.ts';

describe('sizes', () => {
  it.each([
    ['512MiB', 536_870_912],
    ['1.5GiB', 1_610_612_736],
    ['2GB', 2_000_000_000],
    ['100B', 100],
    ['1KB', 1_000],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(['512', '512M', '1 GiB', '1g', '-1MB', '0x10MB', '', 'MiB', '1e3MB', '99999999TiB'])('refuses %j', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  it('writes what it reads back within a twentieth', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (bytes) => {
        const back = parseSize(formatSize(bytes));
        expect(Math.abs((back ?? Number.NaN) - bytes) / bytes).toBeLessThanOrEqual(0.05);
      }),
    );
  });
});
