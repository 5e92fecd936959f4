import { expect, test } from 'vitest';
import { project } from '../e2e/project.ts';
import { expectGone, expectWhole, isAt, killAt, pidOf, shop } from './shop.ts';

const KINDS = ['keeper', 'secret', 'volume', 'service', 'route', 'registration'];
const POINTS = [
  'spin.requested',
  'plan.made',
  ...KINDS.flatMap((kind) => ['creating', 'created', 'ready'].map((status) => `resource.${status} ${kind}`)),
];

test('the points at which up is killed are all that its journal has', async () => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  const steps = here.journal('shop').filter(({ type }) => type.startsWith('resource.') && type !== 'resource.waiting');
  const found = new Set(steps.map(({ type, resource }) => `${type} ${resource?.split('.')[0]}`));
  expect(new Set(POINTS.slice(2))).toEqual(found);
  await expectWhole(here);
});

test.each(POINTS)('up killed at %s: another up makes exactly one environment of it, and down leaves nothing', async (point) => {
  const here = project('killed while ünfinished');
  here.spec(shop());
  await killAt(here, ['up'], isAt(point));
  await here.ok(['up']);
  await expectWhole(here);
  await expectGone(here);
});

test.each(POINTS)('up killed at %s: down leaves nothing', async (point) => {
  const here = project();
  here.spec(shop());
  await killAt(here, ['up'], isAt(point));
  await expectGone(here);
  // What it cost is settled once, if there was anything.
  const { result } = await here.json<{ rows: readonly unknown[] }>(['cost']);
  expect(JSON.stringify(result).match(/"shop"/g)?.length ?? 0).toBeLessThanOrEqual(1);
});

const CHANGES = [
  'resource.creating service',
  'resource.ready service',
  'resource.ready registration',
  'resource.releasing registration',
  'resource.releasing service',
  'resource.released service',
];

test.each(CHANGES)('an up that replaces a service, killed at %s: it goes on serving, and another up ends what was begun', async (point) => {
  const here = project();
  here.spec(shop('one'));
  const up = await here.json<{ endpoints: readonly { url?: string }[] }>(['up']);
  const url = up.result.endpoints.find((endpoint) => endpoint.url !== undefined)?.url ?? '';
  const db = pidOf(here, 'db@1.1');
  here.spec(shop('two'));
  await killAt(here, ['up'], isAt(point));
  for (let asked = 0; asked < 20; asked++) expect((await fetch(url)).status).toBe(200);
  await here.ok(['up']);
  await expectWhole(here, ['db@1.1', 'web@2.1']);
  expect(pidOf(here, 'db@1.1')).toBe(db);
  expect(await (await fetch(url)).json()).toMatchObject({ level: 'two' });
});
