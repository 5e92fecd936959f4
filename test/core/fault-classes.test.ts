import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/core/error-codes.ts';
import { FAULT_CLASSES } from '../../src/core/fault-classes.ts';

const SRC = new URL('../../src/', import.meta.url).pathname;
const THROWN = /new Fault\(\s*'[a-z-]+',\s*'([a-z-]+)'/g;

it('has a row for every class that is thrown by name, so that docs/errors.md explains it', () => {
  const files = globSync('**/*.ts', { cwd: SRC }).map((file) => readFileSync(`${SRC}${file}`, 'utf8'));
  const thrown = new Set(files.flatMap((text) => [...text.matchAll(THROWN)].map(([, name]) => name ?? '')));
  const known = new Set([...Object.keys(FAULT_CLASSES), ...Object.keys(ERROR_CODES)]);
  expect(thrown.size).toBeGreaterThan(0);
  expect([...thrown].filter((name) => !known.has(name))).toEqual([]);
});

it('says what happened and what to do in sentences', () => {
  for (const { meaning, hint } of Object.values(FAULT_CLASSES)) {
    expect(meaning).toMatch(/^[A-Z`].*\.$/);
    expect(hint).toMatch(/^[A-Z`].*\.$/);
  }
});
