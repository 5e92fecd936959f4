import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import type { EventsOutcome, GcOutcome, LsOutcome } from '../../src/app/outcomes.ts';
import { type Project, project } from '../e2e/project.ts';
import { expectGone, expectWhole, isAt, shop } from './shop.ts';

test('a full disk stops an up with a clear error at whatever write, and with room again it goes on', async (context) => {
  const here = project();
  mountState(here, context, '1m');
  here.spec(shop());
  const ballast = join(here.state, 'ballast');
  for (const room of [0, 8, 16, 24, 32, 48, 64]) {
    writeFileSync(ballast, '');
    fill(ballast);
    if (room > 0) execFileSync('truncate', ['-s', `-${room}K`, ballast]);
    const { exit, error } = await here.json(['up', '--on-failure', 'keep']);
    if (exit !== 0) {
      expect({ room, exit, text: `${error.code} ${error.message}` }).toEqual({
        room,
        exit: 1,
        text: expect.stringMatching(/state-unwritable|no space|disk|ENOSPC/i),
      });
      // What it says it cannot do it has not half done: every process belongs to a record.
      if (here.record('shop') === undefined) expect(here.processes()).toEqual([]);
    }
    rmSync(ballast);
    await here.ok(['up']);
    await expectWhole(here);
    await expectGone(here);
  }
}, 120_000);

test('a disk that fills up in service stops nothing that runs, and down works when there is room again', async (context) => {
  const here = project();
  mountState(here, context, '1m');
  here.spec(shop());
  await here.run(['up']);
  const before = here.services();
  const ballast = join(here.state, 'ballast');
  fill(ballast);
  expect(await here.json<LsOutcome>(['ls'])).toMatchObject({ ok: true, result: { spins: [{ state: 'up' }] } });
  const { exit, error } = await here.json(['down', 'shop', '--yes']);
  if (exit !== 0) expect(error).toMatchObject({ code: expect.stringMatching(/state-unwritable|release-failed/) });
  if (exit !== 0) expect(here.services()).toEqual(before);
  rmSync(ballast);
  await expectGone(here);
}, 60_000);

test('a state folder that is read-only is told before anything is made, and can still be read', async (context) => {
  const here = project();
  mountState(here, context, '2m');
  here.spec(shop());
  await here.run(['up']);
  const seen = here.services();
  // On top of what it is, as the first mount cannot turn read-only while logs are being written.
  execFileSync('mount', ['--bind', here.state, here.state]);
  execFileSync('mount', ['-o', 'remount,ro,bind', here.state]);
  expect(await here.json(['up'])).toMatchObject({ exit: 1, error: { code: 'state-unwritable' } });
  expect(await here.json(['down', 'shop', '--yes'])).toMatchObject({ exit: 1, error: { code: 'state-unwritable' } });
  expect((await here.json<LsOutcome>(['ls'])).result.spins).toMatchObject([{ id: 'shop', state: 'up' }]);
  expect((await here.json(['doctor'])).exit).toBe(1);
  expect(here.services()).toEqual(seen);
  execFileSync('umount', [here.state]);
  await expectGone(here);
});

test('a file where the state folder should be is an error that names it', async () => {
  const here = project();
  here.spec(shop());
  writeFileSync(here.state, '');
  for (const args of [['up'], ['ls'], ['down', 'shop', '--yes'], ['gc', '--yes']]) {
    const { exit, error } = await here.json(args);
    expect({ args, exit, code: error?.code }).toEqual({ args, exit: 1, code: 'state-unwritable' });
    expect(error.message).toContain('.state');
  }
  rmSync(here.state);
});

test('a torn line in the journal costs that line alone', async () => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  const journal = join(here.state, 'journals/shop', readdirSync(join(here.state, 'journals/shop'))[0] ?? '');
  const whole = readFileSync(journal, 'utf8').trim().split('\n').length;
  appendFileSync(journal, '{"v":1,"time":"2026-11-23T16:0');
  expect((await here.json<EventsOutcome>(['events', 'shop'])).result.events).toHaveLength(whole);
  await here.ok(['extend', 'shop', '--by', '1h']);
  const { events } = (await here.json<EventsOutcome>(['events', 'shop'])).result;
  expect(events.some(isAt('spin.extended'))).toBe(true);
  expect(events.length).toBeGreaterThan(whole);
  await expectGone(here);
});

test.each([
  ['damaged', 'record-damaged', (text: string) => text.slice(0, text.length / 2)],
  ['of a newer spin', 'record-newer', (text: string) => text.replaceAll('"schema":1', '"schema":99')],
] as const)('a record that is %s is refused, left as it is, and keeps no other spin from being worked with', async (_what, code, spoil) => {
  const here = project();
  here.spec(shop());
  await here.run(['up']);
  await here.run(['up', '--id', 'other']);
  const [file, good] = recordFile(here, 'shop');
  const bad = spoil(good);
  writeFileSync(file, bad);
  const seen = here.services();
  for (const args of [['status', 'shop'], ['up'], ['down', 'shop', '--yes'], ['extend', 'shop', '--by', '1h'], ['logs', 'shop']]) {
    const { exit, error } = await here.json(args);
    expect({ args, exit, code: error?.code }).toEqual({ args, exit: 1, code });
  }
  const { result } = await here.json<LsOutcome>(['ls']);
  expect(result).toMatchObject({ spins: [{ id: 'other', state: 'up' }], unreadable: [{ id: 'shop' }] });
  expect((await here.json<GcOutcome>(['gc', '--yes', '--grace', '0s', '--force'])).result.verdicts).toContainEqual(
    expect.objectContaining({ id: 'shop', verdict: 'keep' }),
  );
  await here.ok(['down', 'other', '--yes']);
  expect(readFileSync(file, 'utf8')).toBe(bad);
  expect(here.services()).toEqual(seen.filter(({ spin }) => spin === 'shop'));
  writeFileSync(file, good);
  await expectGone(here);
});

test('thousands of spins are listed, and one of them is found', async () => {
  const here = project();
  here.spec('name: shop\nttl: 1h\nservices: { web: { run: "exec sleep 1000", health: { alive: 10ms } } }\n');
  await here.run(['up']);
  const [file, text] = recordFile(here, 'shop');
  const [, life = ''] = file.split('/').at(-1)?.split('.') ?? [];
  for (let index = 0; index < 3_000; index++) {
    const folder = join(here.state, 'spins', `copy-${index}`);
    mkdirSync(folder);
    writeFileSync(join(folder, `life.${life}`), '');
    writeFileSync(join(folder, `record.${life}.1.json`), text.replaceAll('"id":"shop"', `"id":"copy-${index}"`));
  }
  const began = performance.now();
  const { result } = await here.json<LsOutcome>(['ls']);
  expect(result.spins).toHaveLength(3_001);
  // Some seconds are for a busy machine; reading them one after the other with a wait would take minutes.
  expect(performance.now() - began).toBeLessThan(10_000);
  expect((await here.json<LsOutcome>(['ls', '--tag', 'team=none'])).result.spins).toEqual([]);
  expect(await here.run(['status', '-q', 'shop'])).toMatchObject({ code: 0, stdout: 'up\n' });
  for (let index = 0; index < 3_000; index++) rmSync(join(here.state, 'spins', `copy-${index}`), { recursive: true });
});

/** A file system of its own for the state folder. Without the right to mount, the test is skipped and says so. */
function mountState(here: Project, context: TestContext, size: string): void {
  mkdirSync(here.state);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'spin-test', here.state], { stdio: 'ignore' });
  } catch {
    context.skip('needs the right to mount a file system');
  }
  // Hooks run last first: this one after the test, before the project's own would find a mount in its way.
  onTestFinished(async () => {
    try {
      await here.run(['down', '--all', '--yes']);
    } finally {
      execFileSync('umount', ['-l', here.state], { stdio: 'ignore' });
    }
  });
}

function fill(file: string): void {
  for (const size of [65_536, 4_096, 512]) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(size));
    } catch {
      // No room for another piece of this size.
    }
  }
}

function recordFile(here: Project, id: string): readonly [file: string, text: string] {
  const folder = join(here.state, 'spins', id);
  const name = readdirSync(folder).find((entry) => entry.startsWith('record.')) ?? '';
  return [join(folder, name), readFileSync(join(folder, name), 'utf8')];
}
