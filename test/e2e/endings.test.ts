import { expect, test } from 'vitest';
import type { GcOutcome, LsOutcome, UpOutcome } from '../../src/app/outcomes.ts';
import { fixture, kill, project, until } from './project.ts';

const SLEEPER = '{ run: "exec sleep 1000", health: { alive: 20ms }, drain: { timeout: 1s } }';
const spec = (more: string, services = `web: ${SLEEPER}`) => `name: shop\n${more}\nservices: { ${services} }\n`;

test('at its deadline the keeper ends the spin by itself, and its cost is in the ledger', async () => {
  const here = project('a place with späce');
  here.write('spin.config.yaml', 'prices: { local: { process: 3600 } }\n');
  here.spec(spec('ttl: 3s'));
  const began = performance.now();
  await here.ok(['up']);
  await until(() => here.leftovers().length === 0, 'everything is gone', 20_000, 50);
  expect(performance.now() - began).toBeGreaterThan(2_900);
  expect(here.journal('shop').map(({ type }) => type)).toContain('spin.released');
  expect((await here.json<LsOutcome>(['ls'])).result.spins).toEqual([]);
  expect((await here.run(['cost'])).stdout).toMatch(/shop.*\$[1-9]/);
});

test('extend before the deadline: the keeper waits for the new one', async () => {
  const here = project();
  here.spec(spec('ttl: 3s'));
  await here.run(['up']);
  await here.ok(['extend', 'shop', '--by', '1h']);
  const deadline = (here.record('shop')?.deadline ?? 0) - 3_600_000;
  await until(() => Date.now() > deadline + 1_500, 'the old deadline is over', 10_000, 100);
  expect(here.services()).toHaveLength(1);
  expect(await here.run(['status', '-q', 'shop'])).toMatchObject({ stdout: 'up\n' });
});

test('gc takes an expired spin whose keeper was killed, and leaves the others alone', async () => {
  const here = project();
  here.spec(spec('ttl: 5s'));
  await here.run(['up']);
  kill(here.keeper('shop'));
  await here.run(['up', '--id', 'other', '--ttl', '1h']);
  const deadline = here.record('shop')?.deadline ?? 0;
  await until(() => Date.now() > deadline, 'the deadline is over', 10_000, 50);
  expect(new Set(here.services().map(({ spin }) => spin))).toEqual(new Set(['other', 'shop']));
  expect((await here.json<LsOutcome>(['ls', '--only', 'expired'])).result.spins).toMatchObject([{ id: 'shop' }]);

  const dry = await here.json<GcOutcome>(['gc', '--dry-run']);
  expect(dry.result.verdicts).toMatchObject([
    { id: 'other', verdict: 'keep' },
    { id: 'shop', verdict: 'release', reason: expect.stringContaining('expired') },
  ]);
  const swept = await Promise.all([here.json<GcOutcome>(['gc', '--yes']), here.json<GcOutcome>(['gc', '--yes'])]);
  expect(swept.map(({ ok }) => ok)).toEqual([true, true]);
  expect(here.services().map(({ spin }) => spin)).toEqual(['other']);
  expect(here.record('shop')).toBeUndefined();
  expect(await here.run(['gc', '--yes', '--quiet'])).toMatchObject({ code: 0, stdout: '' });
});

test('down takes an expired spin whose keeper was killed, and no enforcer gets in its way', async () => {
  const here = project();
  here.spec(spec('ttl: 4s', `web: ${SLEEPER.replace('exec sleep 1000', 'trap : TERM; while :; do sleep 0.1; done')}`));
  await here.run(['up']);
  kill(here.keeper('shop'));
  const deadline = here.record('shop')?.deadline ?? 0;
  await until(() => Date.now() > deadline, 'the deadline is over', 10_000, 50);
  expect(await here.json(['down', 'shop', '--yes'])).toMatchObject({ ok: true, result: { spins: [{ result: 'released' }] } });
  await until(() => here.leftovers().length === 0, 'nothing is left', 3_000);
});

test('an up of an expired spin is a new life: what is left of the old one goes first', async () => {
  const here = project();
  here.spec(spec('ttl: 4s'));
  await here.run(['up']);
  const before = here.record('shop');
  kill(here.keeper('shop'));
  await until(() => Date.now() > (before?.deadline ?? 0), 'the deadline is over', 10_000, 50);
  expect((await here.json<UpOutcome>(['up', '--ttl', '1h'])).result).toMatchObject({ result: 'created', state: 'up' });
  expect(here.record('shop')?.incarnation).not.toBe(before?.incarnation);
  expect(here.services()).toHaveLength(1);
});

test('a keep tag holds every enforcer off until its day is over', async () => {
  const here = project();
  here.spec(spec('ttl: 1s\ntags: { keep: "2100-01-01" }'));
  await here.run(['up']);
  const started = here.record('shop')?.createdAt ?? 0;
  await until(() => Date.now() > started + 2_500, 'the TTL is over', 10_000, 100);
  expect((await here.json<GcOutcome>(['gc', '--yes', '--force'])).result.verdicts).toMatchObject([
    { verdict: 'keep', reason: expect.stringContaining('kept until') },
  ]);
  expect(here.services()).toHaveLength(1);
  expect(await here.run(['status', '-q', 'shop'])).toMatchObject({ stdout: 'up\n' });
});

test('a sweep that would delete suspiciously much deletes nothing, and exits with 5', async () => {
  const here = project();
  here.spec(spec('ttl: 1h'));
  for (const id of ['one', 'two']) {
    await here.run(['up', '--id', id, '--ttl', '5s']);
    kill(here.keeper(id));
  }
  const deadline = Math.max(...['one', 'two'].map((id) => here.record(id)?.deadline ?? 0));
  await until(() => Date.now() > deadline, 'the deadlines are over', 10_000, 50);
  expect((await here.json(['gc', '--yes', '--max-spins', '1'])).error).toMatchObject({ code: 'blast-radius' });
  expect(here.services()).toHaveLength(2);
  await here.ok(['gc', '--yes', '--max-spins', '1', '--force']);
  expect(here.record('one') ?? here.record('two')).toBeUndefined();
  // A keeper that was woken to release what it has may have begun to enforce the deadline itself.
  await until(() => here.leftovers().length === 0, 'nothing is left', 3_000);
});

test('an orphan, which is ours by its mark and has no record, is swept when it is older than the grace', async () => {
  const here = project();
  here.spec(spec('ttl: 1h'));
  await here.run(['up']);
  // The state folder's records are lost; what runs is not.
  await here.run([], { through: ['sh', '-c', 'rm -rf "$SPIN_STATE/spins/shop"', 'sh'] });
  expect((await here.json<LsOutcome>(['ls'])).result.spins).toEqual([]);
  expect((await here.json<GcOutcome>(['gc', '--dry-run'])).result.verdicts).toMatchObject([
    { id: 'shop', verdict: 'wait', reason: expect.stringContaining('no record') },
  ]);
  await here.ok(['gc', '--yes']);
  expect(here.services()).toHaveLength(1);
  expect((await here.json<GcOutcome>(['gc', '--yes', '--grace', '0s'])).result.swept).toMatchObject([{ result: 'reclaimed' }]);
  expect(here.leftovers()).toEqual([]);
});

test('down finds what has no record by its tags', async () => {
  const here = project();
  here.spec(spec('ttl: 1h'));
  await here.run(['up']);
  await here.run([], { through: ['sh', '-c', 'rm -rf "$SPIN_STATE/spins/shop"', 'sh'] });
  expect((await here.json(['down', 'shop', '--yes'])).result).toMatchObject({ spins: [{ result: 'released', left: [] }] });
  expect(here.leftovers()).toEqual([]);
});

test('children that a service left behind, in a session of their own or beyond its end, go with the spin', async () => {
  const here = project();
  const daemon = 'setsid sh -c "trap : TERM HUP INT; while :; do sleep 0.2; done" > /dev/null 2>&1 < /dev/null &';
  const services = `web: ${JSON.stringify({ run: `${daemon} sleep 900 & trap '' TERM; while :; do sleep 0.2; done`, health: { alive: '100ms' }, drain: { timeout: '300ms' } })}, tree: ${JSON.stringify({ run: `node -e "require('child_process').spawn('sleep',['800'],{detached:true,stdio:'ignore'}).unref()"; exec node ${fixture('e2e-server.cjs')}`, health: { http: '/healthz', interval: '50ms' } })}`;
  here.spec(spec('ttl: 1h', services));
  await here.ok(['up']);
  await until(
    () => here.services().filter(({ command }) => command.startsWith('sleep 800') || command.startsWith('sleep 900')).length === 2,
    'the children run',
  );
  await here.ok(['down', '--yes']);
  expect(here.leftovers()).toEqual([]);
});

test('down works on a half-made spin, without the spec, twice, and from another folder', async () => {
  const here = project();
  here.spec(spec('ttl: 1h', `web: ${SLEEPER}, bad: { run: "exit 4", job: true }`));
  expect(await here.run(['up', '--on-failure', 'keep'])).toMatchObject({ code: 1 });
  expect(here.services()).toHaveLength(1);
  await here.ok(['down', 'shop', '--yes'], { cwd: '/' });
  expect(here.leftovers()).toEqual([]);
  await here.ok(['down', 'shop', '--yes'], { cwd: '/' });
});

test('a keeper whose folder was deleted under it ends what it runs, and down still proves that nothing is left', async () => {
  const here = project();
  here.write('spin.yaml', 'name: shop\nttl: 1h\nservices: { web: { run: [sleep, "1000"] } }\n');
  await here.ok(['up']);
  expect(here.services()).not.toEqual([]);
  await here.run([], { through: ['sh', '-c', 'rm -rf "$SPIN_STATE/local/shop"', 'sh'] });
  await until(() => here.processes().length === 0, 'the keeper and its service are gone', 20_000);
  await here.ok(['down', 'shop', '--yes']);
});
