import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { localWorld } from './world.ts';

test('a service comes up healthy and goes away without a trace', async () => {
  const world = localWorld();
  const keeper = world.keeper();
  const web = world.service({ name: 'web', replicas: 2 });
  await world.provider.create(keeper, world.call);
  await world.provider.create(web, world.call);
  const up = await world.until(web, ({ state }) => state === 'running');
  expect(up.endpoints).toHaveLength(2);
  const answers = await Promise.all(up.endpoints.map(async ({ url }) => (await fetch(url ?? '')).text()));
  expect(new Set(answers.map((text) => text.split(' ')[0]))).toEqual(new Set(['web@1.1', 'web@1.2']));
  // What ends before the keeper has answered is proven absent at once.
  expect(['requested', 'absent']).toContain(await world.provider.release(web, 1, world.call));
  await world.until(web, ({ state }) => state === 'absent');
  expect(world.pids()).toEqual([]);
  expect(await world.provider.release(keeper, 1, world.call)).toBe('absent');
  expect(existsSync(world.folder.parent)).toBe(false);
  expect(await world.provider.inventory({}, world.call)).toEqual([]);
});

test('a release that was killed between the folder of a life and the folder of its ID is finished by the next', async () => {
  const world = localWorld();
  const keeper = world.keeper();
  await world.provider.create(keeper, world.call);
  await world.provider.release(keeper, 1, world.call);
  mkdirSync(world.folder.parent);
  expect(await world.provider.release(keeper, 2, world.call)).toBe('absent');
  expect(existsSync(world.folder.parent)).toBe(false);
});

test('a folder of an ID in which another life is stays', async () => {
  const world = localWorld();
  const other = join(world.folder.parent, 'another');
  mkdirSync(other, { recursive: true });
  expect(await world.provider.release(world.keeper(), 1, world.call)).toBe('absent');
  expect(existsSync(other)).toBe(true);
});
