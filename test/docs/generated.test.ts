import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PAGES } from './generate.ts';

const DOCS = new URL('../../docs/', import.meta.url);

it.each(Object.entries(PAGES))('docs/%s says what the source says', (name, render) => {
  const file = new URL(name, DOCS);
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, render());
  expect(readFileSync(file, 'utf8'), 'stale: UPDATE_DOCS=1 npx vitest run test/docs').toBe(render());
});
