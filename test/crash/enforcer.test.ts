import { expect, test } from 'vitest';
import { project, until } from '../e2e/project.ts';
import { expectGone, expectWhole, isAt, shop } from './shop.ts';

test('a down for an earlier life, such as a keeper sends, does not stop the up of the next one', async () => {
  const here = project();
  here.spec(shop());
  await here.ok(['up']);
  const earlier = here.record('shop')?.incarnation ?? '';
  await expectGone(here);
  here.spec(shop().replace('alive: 20ms', 'alive: 1s'));
  const seen = here.journal('shop').length;
  const up = here.start(['up']);
  await until(() => here.journal('shop').slice(seen).some(isAt('instance.started')), 'the up is at work');
  await here.ok(['down', 'shop', '--incarnation', earlier, '--yes', '--expired']);
  expect((await up.ended).code).toBe(0);
  expect(here.record('shop')?.incarnation).not.toBe(earlier);
  await expectWhole(here);
});
