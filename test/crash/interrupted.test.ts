import { expect, test } from 'vitest';
import type { StatusOutcome, UpOutcome } from '../../src/app/outcomes.ts';
import { project, until } from '../e2e/project.ts';
import { expectGone, expectWhole, isAt, pidOf, shop } from './shop.ts';

const slow = shop().replace('health: { http: /healthz', 'bootstrap: ["sleep 1"]\n    health: { http: /healthz');

test.each(['SIGINT', 'SIGTERM'] as const)('%s once: exit code 130, the record is true, and up goes on from there', async (signal) => {
  const here = project();
  here.spec(slow);
  const up = here.start(['up']);
  await until(() => here.journal('shop').some(isAt('resource.created service')), 'the up is at work');
  await until(() => pidOf(here, 'db@1.1') !== undefined, 'the first service runs');
  up.kill(signal);
  const { code, stdout, stderr } = await up.ended;
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  expect(stderr).toContain(signal);
  const db = pidOf(here, 'db@1.1');
  const { result } = await here.json<StatusOutcome>(['status', 'shop']);
  expect(result.state).toBe('starting');
  expect(result.leaseHolder).toBeUndefined();
  expect(result.resources.map(({ key }) => key)).toContain('service.db@1');
  expect((await here.json<UpOutcome>(['up'])).result).toMatchObject({ result: 'resumed', state: 'up' });
  expect(pidOf(here, 'db@1.1')).toBe(db);
  await expectWhole(here);
});

test('SIGINT twice: it ends at once, and that is no worse than a crash', async () => {
  const here = project();
  here.spec(slow);
  const up = here.start(['up', '--output', 'json']);
  await until(() => here.journal('shop').some(isAt('resource.created service')), 'the up is at work');
  up.kill('SIGINT');
  up.kill('SIGINT');
  const began = performance.now();
  expect((await up.ended).code).toBe(130);
  expect(performance.now() - began).toBeLessThan(3_000);
  await here.ok(['up']);
  await expectWhole(here);
});

test('SIGINT in a down that drains: exit code 130, and another down ends it', async () => {
  const here = project();
  here.spec(
    'name: shop\nttl: 1h\nservices: { web: { run: "trap : TERM; while :; do sleep 0.1; done", health: { alive: 20ms }, drain: { timeout: 1500ms } } }\n',
  );
  await here.run(['up']);
  const down = here.start(['down', '--yes', '--output', 'json']);
  await until(() => here.journal('shop').some(isAt('resource.releasing service')), 'the down is at work');
  down.kill('SIGINT');
  const { code, stdout } = await down.ended;
  expect(code).toBe(130);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'interrupted' } });
  expect((await here.json<StatusOutcome>(['status', 'shop'])).result.state).toBe('stopping');
  await expectGone(here);
});

test('SIGINT in what follows ends it without a word, and not as a failure of the spin', async () => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  const follower = here.start(['logs', 'shop', '--follow']);
  await until(() => follower.output().includes('listening'), 'a line');
  follower.kill('SIGINT');
  const { code, stdout } = await follower.ended;
  expect([0, 130]).toContain(code);
  expect(stdout).not.toContain('error');
  await expectWhole(here);
});

test('a reader that leaves early ends a command quietly', async () => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  const cut = await here.run(['events', 'shop', '--output', 'json'], {
    through: ['bash', '-c', '"$@" | head -c 20 > /dev/null; exit "${PIPESTATUS[0]}"', 'bash'],
  });
  expect(cut).toMatchObject({ code: 0, stderr: '' });
});
