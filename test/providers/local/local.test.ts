import { existsSync } from 'node:fs';
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
