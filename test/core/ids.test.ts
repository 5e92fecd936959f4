import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Incarnation,
  canonicalJson,
  clientToken,
  digest,
  incarnationTime,
  isSpinId,
  makeIncarnation,
  makeTraceId,
  parseSpinId,
  slug,
} from '../../src/core/ids.ts';
import { incarnation, spinId } from '../cost/records.ts';

describe('a spin ID', () => {
  it('is 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends', () => {
    for (const text of ['a', '7', 'web', 'pr-12', 'a--b', 'x'.repeat(63)]) expect(isSpinId(text)).toBe(true);
    for (const text of ['', '-', '-a', 'a-', 'A', 'a_b', 'a.b', '.', '..', 'a/b', 'a\n', 'é', 'x'.repeat(64)])
      expect(isSpinId(text)).toBe(false);
  });

  it('that is wrong is refused by its value, with the nearest right one', () => {
    expect(() => parseSpinId('Feature/Äpfel_42')).toThrow(
      expect.objectContaining({ code: 'id-invalid', hint: 'try feature-apfel-42', data: { id: 'Feature/Äpfel_42' } }),
    );
    expect(() => parseSpinId('../../etc')).toThrow('spin ID "../../etc" is not valid');
    expect(() => parseSpinId('///')).toThrow(expect.objectContaining({ hint: undefined }));
  });

  it('can never leave a folder', () => {
    const risky = fc.string({ unit: fc.constantFrom('.', '/', '\\', '-', 'a', '\0'), maxLength: 4 });
    fc.assert(
      fc.property(risky, (text) => {
        expect(isSpinId(text)).toBe(/^a[a-]*$/.test(text) && !text.endsWith('-'));
      }),
    );
  });
});

describe('a slug', () => {
  it('of any text is a valid spin ID or nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(slug(text) === '' || isSpinId(slug(text))).toBe(true);
      }),
    );
  });

  it('of a spin ID is itself, and of a slug too', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([a-z0-9]|-[a-z0-9]){0,30}$/), (id) => {
        expect(slug(id)).toBe(id);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(slug(slug(text))).toBe(slug(text));
      }),
    );
  });
});

describe('an incarnation', () => {
  it('is a ULID: the time first, then randomness', () => {
    // The time part of the example in the ULID specification.
    expect(makeIncarnation(1_469_918_176_385, new Uint8Array(10))).toBe('01aryz6s410000000000000000');
    expect(makeIncarnation(0, new Uint8Array(10).fill(255))).toBe(`${'0'.repeat(10)}${'z'.repeat(16)}`);
  });

  it('sorts by time, whatever the randomness', () => {
    const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
    const random = fc.uint8Array({ minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(time, time, random, random, (a, b, x, y) => {
        const [first, second] = [makeIncarnation(a, x), makeIncarnation(b, y)];
        expect(first).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
        expect(a === b || first < second === a < b).toBe(true);
      }),
    );
  });

  it('gives its time back, and none where it is something else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (time) => {
        expect(incarnationTime(makeIncarnation(time))).toBe(time);
      }),
    );
    expect(['', 'x', 'u'.repeat(26), '0'.repeat(25)].map((text) => incarnationTime(text as Incarnation))).toEqual([NaN, NaN, NaN, NaN]);
  });

  it('is another one each time', () => {
    expect(new Set(Array.from({ length: 1_000 }, () => makeIncarnation(0))).size).toBe(1_000);
  });
});

it('makes trace IDs of 32 hexadecimal digits', () => {
  expect(makeTraceId()).toMatch(/^[0-9a-f]{32}$/);
  expect(makeTraceId()).not.toBe(makeTraceId());
});

describe('a client token', () => {
  it('never changes from one version to the next: what is in flight would be made twice', () => {
    expect(clientToken(spinId('demo'), incarnation(0), 'service.web', 1)).toMatchInlineSnapshot(
      `"6xhrqs8sm4r483hka1ebs18rtzp0q4dja2jbkkx0"`,
    );
  });

  it('is 40 characters that a cloud accepts', () => {
    expect(clientToken(spinId('demo'), incarnation(0), 'service.web', 1)).toMatch(/^[0-9a-z]{40}$/);
  });

  it('differs as soon as one fact does, and no fact can pass for another', () => {
    const facts = [
      ['demo', incarnation(0), 'service.web', 1],
      ['demo2', incarnation(0), 'service.web', 1],
      ['demo', incarnation(1), 'service.web', 1],
      ['demo', incarnation(0), 'service.web1', 1],
      ['demo', incarnation(0), 'service.web', 11],
      ['demo', incarnation(0), 'service.web', 2],
    ] as const;
    expect(new Set(facts.map(([id, life, address, generation]) => clientToken(spinId(id), life, address, generation))).size).toBe(
      facts.length,
    );
  });
});

describe('a digest', () => {
  it('is the same for equal values in whatever order their members stand', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).toReversed());
        expect(digest(reversed)).toBe(digest(value));
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
      }),
    );
  });

  it('differs for lists in another order, and leaves undefined members out', () => {
    expect(digest(['a', 'b'])).not.toBe(digest(['b', 'a']));
    expect(digest({ a: 1, b: undefined })).toBe(digest({ a: 1 }));
    expect(digest({})).toMatch(/^[0-9a-z]{51}$/);
  });
});
