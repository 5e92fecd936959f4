import { expect, it } from 'vitest';
import { InternalError } from '../../src/core/errors.ts';
import { migrate } from '../../src/store/migrate.ts';

it('leaves a document of the current schema as it is', () => {
  const document = { schema: 1, record: {} };
  expect(migrate(document, 1)).toBe(document);
});

it('goes step by step, each from what the one before made', () => {
  const steps = {
    1: (document: object) => ({ ...document, trail: [1] }),
    2: (document: { readonly trail?: unknown }) => ({ ...document, trail: [...(document.trail as number[]), 2] }),
  };
  expect(migrate({ kept: true }, 1, steps, 3)).toEqual({ kept: true, trail: [1, 2] });
  expect(migrate({ kept: true, trail: [] }, 2, steps, 3)).toEqual({ kept: true, trail: [2] });
});

it('calls a missing step a bug', () => {
  expect(() => migrate({}, 1, {}, 2)).toThrow(InternalError);
});
