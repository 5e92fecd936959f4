import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { EventsOutcome, LsOutcome, StatusOutcome, UpOutcome } from '../../src/app/outcomes.ts';
import type { LogLine } from '../../src/providers/provider.ts';
import { fixture, kill, project, until } from './project.ts';

const SPEC = `
name: shop
ttl: 1h
tags: { team: red }
services:
  web:
    run: [node, ${JSON.stringify(fixture('e2e-server.cjs'))}]
    replicas: 2
    expose: auto
    env: { LEVEL: info }
    health: { http: /healthz, interval: 100ms }
  talker:
    run: 'i=0; while [ $i -lt 5 ]; do i=$((i+1)); echo "line $i"; done; echo "to stderr" >&2; exec sleep 1000'
    health: { alive: 20ms }
`;

test('logs by service, by tail, by age, and as they come', async () => {
  const here = project('lögs and more');
  here.spec(SPEC);
  const { result } = await here.json<UpOutcome>(['up']);
  const lines = async (...args: string[]) => (await here.json<{ lines: readonly LogLine[] }>(['logs', 'shop', ...args])).result.lines;
  await until(async () => (await lines('talker')).length === 6, 'all of talker is in the log');
  expect((await lines('talker')).map(({ text }) => text)).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'to stderr']);
  expect((await lines('talker', '--tail', '2')).map(({ text }) => text)).toEqual(['line 5', 'to stderr']);
  expect((await lines()).map(({ instance }) => instance)).toEqual(expect.arrayContaining(['web@1.1', 'web@1.2', 'talker@1.1']));
  expect(await lines('talker', '--since', '1h')).toHaveLength(6);
  expect((await lines('web', '--tail', '1')).map(({ text }) => text)).toEqual([
    expect.stringContaining('listening'),
    expect.stringContaining('listening'),
  ]);
  expect(await here.run(['logs', 'shop', 'wep'])).toMatchObject({ code: 2, stderr: expect.stringContaining('web') });

  const follower = here.start(['logs', 'shop', 'web', '--follow', '--tail', '0', '--output', 'json']);
  const url = result.endpoints.find(({ via }) => via === 'route')?.url ?? '';
  let asked = 0;
  await until(async () => {
    await fetch(new URL(`/follow-${++asked}`, url));
    return follower.output().includes('/follow-');
  }, 'a followed line');
  const [first = ''] = follower.output().split('\n');
  expect(JSON.parse(first)).toMatchObject({
    schema: 'spin.logs.item/1',
    item: { service: 'web', text: expect.stringContaining('GET /follow-') },
  });
  follower.kill('SIGINT');
  await follower.ended;
  // A line gets its time when it is read: all must have been, before any of them can be too old.
  await until(async () => (await lines('web')).some(({ text }) => text.includes(`/follow-${asked}`)), 'the last line is in the log');
  // What was said a moment ago is younger than a minute, and older than nothing.
  expect((await lines('web', '--since', '1ms')).filter(({ text }) => text.includes('/follow-'))).toEqual([]);
  expect((await lines('web', '--since', '1m')).filter(({ text }) => text.includes('/follow-')).length).toBeGreaterThan(0);
});

test('exec passes on the exit code, and has the environment of the instance that was named', async () => {
  const here = project();
  here.spec(SPEC);
  await here.run(['up']);
  expect(await here.run(['exec', 'shop', 'web', '--', 'sh', '-c', 'exit 37'])).toMatchObject({ code: 37, stdout: '' });
  const said = await here.run(['exec', 'shop', 'web/2', '--', 'sh', '-c', 'echo $LEVEL $SPIN_INSTANCE $SPIN_ID; echo oops >&2']);
  expect(said).toMatchObject({ code: 0, stdout: 'info web@1.2 shop\n', stderr: expect.stringContaining('oops') });
  const { stdout: port } = await here.run(['exec', 'shop', 'web/1', '--', 'sh', '-c', 'echo $PORT']);
  const status = await here.json<StatusOutcome>(['status', 'shop']);
  expect(status.result.resources.flatMap(({ instances }) => instances).find(({ name }) => name === 'web@1.1')?.address).toBe(
    `127.0.0.1:${port.trim()}`,
  );
  expect((await here.json(['exec', 'shop', 'web', '--', 'sh', '-c', 'echo out; exit 3'])).result).toMatchObject({
    exitCode: 3,
    stdout: 'out\n',
  });
  expect(await here.run(['exec', 'shop', 'web', '--', 'no-such-command-at-all'])).not.toMatchObject({ code: 0 });
  expect(await here.run(['exec', 'shop', 'web/9', '--', 'true'])).toMatchObject({ code: 2 });
});

test('extend moves the deadline in the record and in the keeper; events has the timings, and follows', async () => {
  const here = project();
  here.spec(SPEC);
  await here.run(['up']);
  const before = here.record('shop')?.deadline ?? 0;
  const follower = here.start(['events', 'shop', '--follow', '--output', 'json']);
  await until(() => follower.output().includes('spin.ready'), 'the events so far');
  const { deadline } = (await here.json<{ deadline: string }>(['extend', 'shop', '--by', '2h'])).result;
  expect(Date.parse(deadline)).toBe(before + 7_200_000);
  expect(here.record('shop')?.deadline).toBe(before + 7_200_000);
  const [folder = ''] = here.folders('shop');
  expect(JSON.parse(readFileSync(join(folder, 'desired.json'), 'utf8'))).toMatchObject({ deadline: before + 7_200_000 });
  await until(() => follower.output().includes('spin.extended'), 'the event of the extension');
  follower.kill('SIGINT');
  await follower.ended;

  const { events, timings } = (await here.json<EventsOutcome>(['events', 'shop'])).result;
  expect(timings).toMatchObject({
    timeToServeMs: expect.any(Number),
    provisionMs: expect.any(Number),
    bootstrap: { healthy: 3, failed: 0 },
  });
  expect(new Set(events.map(({ trace }) => trace)).size).toBe(1);
  expect((await here.json(['extend', 'shop', '--ttl', '5m'])).result).toMatchObject({ msLeft: expect.closeTo(300_000, -4) });
});

test('what a spin costs by configured prices, while it lives and in the ledger after', async () => {
  const here = project();
  here.write('spin.config.yaml', 'prices: { local: { process: 3600 } }\n');
  here.spec(SPEC);
  const { result } = await here.json<UpOutcome>(['up']);
  // 3 instances at 3600 dollars an hour: one dollar a second each.
  expect(result.hourly).toBe(3 * 3_600e9);
  expect(result.untilTtl).toBeGreaterThan(3 * 3_500e9);
  expect(await here.run(['cost', 'shop'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/shop.*\$\d/) });
  const ls = await here.json<LsOutcome>(['ls']);
  expect(ls.result.spins).toMatchObject([{ id: 'shop', state: 'up', services: 2, instances: 3, hourly: 3 * 3_600e9 }]);
  const down = await here.json<{ spins: readonly [{ cost: number }] }>(['down', '--yes']);
  const paid = down.result.spins[0].cost;
  expect(paid).toBeGreaterThan(0.1e9);
  const after = await here.run(['cost', '--by', 'tag:team', '--output', 'json']);
  expect(after.stdout).toContain('red');
  const { result: total } = await here.json<Record<string, unknown>>(['cost']);
  expect(JSON.stringify(total)).toContain(String(paid));
  expect((await here.json<LsOutcome>(['ls'])).result.spins).toEqual([]);
});

test('what runs otherwise than it was written down is told by status, and by a code that a script can read', async () => {
  const here = project();
  here.spec(SPEC);
  await here.run(['up']);
  const victim = here.services().find(({ instance }) => instance === 'web@1.1');
  kill(victim);
  const restarted = await until(async () => {
    const { result } = await here.json<StatusOutcome>(['status', 'shop']);
    return result.resources
      .flatMap(({ instances }) => instances)
      .find(({ name, restarts, state }) => name === 'web@1.1' && restarts === 1 && state === 'healthy');
  }, 'the instance is there again');
  expect(restarted.runsAs).not.toBe(String(victim?.pid));
  expect(here.journal('shop').map(({ type }) => type)).toEqual(expect.arrayContaining(['instance.exited', 'instance.restarted']));
  expect((await here.json<UpOutcome>(['up'])).result.result).toBe('unchanged');
});
