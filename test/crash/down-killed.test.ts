import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { project } from '../e2e/project.ts';
import { expectGone, expectWhole, isAt, killAt, shop } from './shop.ts';

const KINDS = ['registration', 'service', 'route', 'volume', 'secret', 'keeper'];
const POINTS = ['spin.requested', ...KINDS.flatMap((kind) => [`resource.releasing ${kind}`, `resource.released ${kind}`]), 'spin.released'];

test('the points at which down is killed are all that its journal has', async () => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  const seen = here.journal('shop').length;
  await expectGone(here);
  const steps = here
    .journal('shop')
    .slice(seen)
    .filter(({ type }) => type === 'resource.releasing' || type === 'resource.released');
  expect(new Set(POINTS.slice(1, -1))).toEqual(new Set(steps.map(({ type, resource }) => `${type} ${resource?.split('.')[0]}`)));
});

test.each(POINTS)('down killed at %s: another down leaves nothing', async (point) => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  await killAt(here, ['down', 'shop', '--yes'], isAt(point));
  await expectGone(here);
  const { stdout } = await here.run(['cost', '--output', 'json']);
  expect(stdout.match(/"shop"/g)).toHaveLength(1);
});

test.each(POINTS)('down killed at %s: an up makes exactly one new environment', async (point) => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  const [before = ''] = here.folders('shop');
  await killAt(here, ['down', 'shop', '--yes'], isAt(point));
  const begun = here.record('shop')?.desired !== 'up';
  await here.ok(['up']);
  await expectWhole(here);
  // What a down has begun to take down never comes to life again.
  if (begun) expect(existsSync(join(before, 'keeper.json'))).toBe(false);
  await expectGone(here);
});

test.each(['spin.requested', 'resource.releasing service', 'resource.released service'])(
  'down killed at %s: gc ends it after its grace',
  async (point) => {
    const here = project();
    here.spec(shop());
    await here.run(['up']);
    const killed = await killAt(here, ['down', 'shop', '--yes'], isAt(point));
    if (killed && here.record('shop')?.desired === 'down') await here.ok(['gc', '--yes', '--grace', '0s']);
    else await expectGone(here);
    expect(here.leftovers()).toEqual([]);
  },
);
