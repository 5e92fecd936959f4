import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { oneLaunch, readOrdinals, writeOrdinals } from '../../../src/providers/aws/instances/ordinals.ts';

const ordinals = fc.uniqueArray(fc.integer({ min: 1, max: 5_000 }), { maxLength: 300 }).map((list) => list.toSorted((a, b) => a - b));

describe('the ordinals of a launch', () => {
  test('are written as short as they can be', () => {
    expect(writeOrdinals([1, 2, 3, 5, 9, 10])).toBe('1-3 5 9-10');
    expect(writeOrdinals([])).toBe('');
  });

  test('are read as they were written', () => {
    fc.assert(
      fc.property(ordinals, (list) => {
        expect(readOrdinals(writeOrdinals(list))).toEqual(list);
      }),
    );
  });

  test('fit into one tag, and none is lost', () => {
    fc.assert(
      fc.property(ordinals, (list) => {
        const launches: number[] = [];
        for (let rest: readonly number[] = list; rest.length > 0;) {
          const part = oneLaunch(rest);
          expect(part.length).toBeGreaterThan(0);
          expect(writeOrdinals(part).length).toBeLessThanOrEqual(256);
          launches.push(...part);
          rest = rest.slice(part.length);
        }
        expect(launches).toEqual(list);
      }),
    );
  });

  test('that somebody wrote by hand are read as far as they can be', () => {
    expect(readOrdinals('2-1 x 3 4- 99999999-1')).toEqual([3]);
    expect(readOrdinals('1-999999')).toHaveLength(1_000);
  });
});
