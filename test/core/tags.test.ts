import { describe, expect, it } from 'vitest';
import { OWNED, keepUntil, ownershipTags } from '../../src/core/tags.ts';
import { incarnation, spinId } from '../cost/records.ts';

it('says whose a thing is in four tags', () => {
  const owner = { id: spinId('demo'), incarnation: incarnation(0), resource: 'service.web@1', state: 'abc' };
  expect(ownershipTags(owner)).toEqual({
    [OWNED.id]: 'demo',
    [OWNED.incarnation]: incarnation(0),
    [OWNED.resource]: 'service.web@1',
    [OWNED.state]: 'abc',
  });
});

describe('a keep date', () => {
  it('lasts until the end of its day in UTC', () => {
    expect(keepUntil('2026-11-30')).toBe(Date.UTC(2026, 11, 1));
    expect(keepUntil('2028-02-29')).toBe(Date.UTC(2028, 2, 1));
  });

  it('that no calendar has is no date', () => {
    for (const text of [
      '',
      'true',
      '2026-02-30',
      '2026-02-29',
      '2026-13-01',
      '2026-00-10',
      '2026-1-1',
      '2026-11-30T00:00:00Z',
      ' 2026-11-30',
    ]) {
      expect([text, keepUntil(text)]).toEqual([text, undefined]);
    }
  });
});
