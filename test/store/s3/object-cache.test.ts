import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { ObjectCache } from '../../../src/store/s3/object-cache.ts';
import { stateFolder } from '../state-folder.ts';

const filled = (file: string | undefined, objects: number): { cache: ObjectCache; keys: Set<string> } => {
  const cache = new ObjectCache(file);
  const keys = new Set(Array.from({ length: objects }, (_, n) => `records/${n}.json`));
  for (const key of keys) cache.keep(key, `"${key}"`, `{"of":"${key}\\t"}\n`);
  return { cache, keys };
};

it('knows a text by key and ETag, and no other', () => {
  const { cache } = filled(undefined, 1);
  expect(cache.get('records/0.json', '"records/0.json"')).toBe('{"of":"records/0.json\\t"}\n');
  expect(cache.get('records/0.json', '"newer"')).toBeUndefined();
  cache.keep('records/0.json', '', 'of a service that gives no ETag');
  expect(cache.get('records/0.json', '')).toBeUndefined();
});

it('knows after a run what the run before it kept', () => {
  const file = stateFolder('cache');
  const { cache, keys } = filled(file, 40);
  keys.delete('records/7.json');
  cache.save(keys);
  const next = new ObjectCache(file);
  expect(next.get('records/39.json', '"records/39.json"')).toBe('{"of":"records/39.json\\t"}\n');
  expect(next.get('records/7.json', '"records/7.json"')).toBeUndefined();
  expect(readdirSync(dirname(file))).toEqual(['cache']);
});

it('writes no file for a few, and none of a text that is more than a line', () => {
  const file = stateFolder('cache');
  const few = filled(file, 3);
  few.cache.save(few.keys);
  expect(new ObjectCache(file).get('records/0.json', '"records/0.json"')).toBeUndefined();
  const { cache, keys } = filled(file, 40);
  cache.keep('records/0.json', '"etag"', 'one\ntwo\n');
  cache.save(keys);
  const next = new ObjectCache(file);
  expect(next.get('records/0.json', '"etag"')).toBeUndefined();
  expect(next.get('records/1.json', '"records/1.json"')).toBeDefined();
});

it('does without a file that cannot be read or written', () => {
  const file = stateFolder('cache');
  mkdirSync(file, { recursive: true });
  const { cache, keys } = filled(file, 40);
  expect(() => cache.save(keys)).not.toThrow();
  expect(cache.get('records/0.json', '"records/0.json"')).toBeDefined();
  const torn = stateFolder('torn');
  writeFileSync(torn, 'half a li');
  expect(new ObjectCache(torn).get('half a li', '')).toBeUndefined();
});
