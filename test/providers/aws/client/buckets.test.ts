import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import type { Call } from '../../../../src/providers/provider.ts';
import type { Slot } from '../../../../src/providers/aws/client/bucket.ts';
import { BucketLog } from '../../../../src/providers/aws/client/bucket-log.ts';
import { createBuckets } from '../../../../src/providers/aws/client/buckets.ts';
import { ManualClock } from '../../../fakes/clock.ts';

const RATE = { size: 4, perSecond: 2 };
const TOLL = { bucket: 'run', rate: RATE, tokens: 1 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spin-buckets-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('buckets in a folder', () => {
  test('let requests through in the order in which they came, each as soon as the bucket allows', async () => {
    const clock = new ManualClock();
    const buckets = createBuckets(folder);
    const start = clock.now();
    const passed: string[] = [];
    const all = Array.from({ length: 8 }, (_, i) =>
      buckets.pass('a/b', [TOLL], callWith(clock)).then(() => passed.push(`${i} after ${clock.now() - start}`)),
    );
    await clock.advance(2_000);
    await Promise.all(all);
    expect(passed).toEqual([
      '0 after 0',
      '1 after 0',
      '2 after 0',
      '3 after 0',
      '4 after 500',
      '5 after 1000',
      '6 after 1500',
      '7 after 2000',
    ]);
  });

  test('are one for all who name the same folder, and apart by account and region', async () => {
    const clock = new ManualClock();
    const [one, other] = [createBuckets(folder), createBuckets(folder)];
    for (const buckets of [one, other, one, other]) await buckets.pass('a/b', [TOLL], callWith(clock));
    await other.pass('a/c', [TOLL], callWith(clock));
    const waiting = one.pass('a/b', [TOLL], callWith(clock));
    expect(await settled(waiting)).toBe(false);
    await clock.advance(500);
    expect(await settled(waiting)).toBe(true);
  });

  test('give the turn of a request that was stopped to the next one', async () => {
    const clock = new ManualClock();
    const buckets = createBuckets(folder);
    for (let i = 0; i < 4; i++) await buckets.pass('a/b', [TOLL], callWith(clock));
    const stop = new AbortController();
    const stopped = buckets.pass('a/b', [TOLL], { ...callWith(clock), signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    const next = buckets.pass('a/b', [TOLL], callWith(clock));
    await clock.advance(500);
    expect(await settled(next)).toBe(true);
  });

  test('tell before a wait how long it will be', async () => {
    const clock = new ManualClock();
    const buckets = createBuckets(folder);
    const told: number[] = [];
    const all = Array.from({ length: 5 }, () => buckets.pass('a/b', [TOLL], callWith(clock), (ms) => told.push(ms)));
    await clock.advance(0);
    expect(told).toEqual([500]);
    await clock.advance(500);
    await Promise.all(all);
  });

  test('wait for the slower of two buckets', async () => {
    const clock = new ManualClock();
    const buckets = createBuckets(folder);
    const instances = { bucket: 'instances', rate: { size: 10, perSecond: 2 }, tokens: 8 };
    await buckets.pass('a/b', [TOLL, instances], callWith(clock));
    const second = buckets.pass('a/b', [TOLL, instances], callWith(clock));
    await clock.advance(2_999);
    expect(await settled(second)).toBe(false);
    await clock.advance(1);
    expect(await settled(second)).toBe(true);
  });

  test('shrink for everybody when one was throttled', async () => {
    const clock = new ManualClock();
    const [one, other] = [createBuckets(folder), createBuckets(folder)];
    one.throttled('a/b', [TOLL], clock.now());
    const waiting = other.pass('a/b', [TOLL], callWith(clock));
    await clock.advance(999);
    expect(await settled(waiting)).toBe(false);
    await clock.advance(1);
    expect(await settled(waiting)).toBe(true);
  });

  test('hold for this process alone where the folder cannot be used', async () => {
    const clock = new ManualClock();
    await writeFile(join(folder, 'file'), '');
    const buckets = createBuckets(join(folder, 'file'));
    for (let i = 0; i < 4; i++) await buckets.pass('a/b', [TOLL], callWith(clock));
    const fifth = buckets.pass('a/b', [TOLL], callWith(clock));
    expect(await settled(fifth)).toBe(false);
    await clock.advance(500);
    expect(await settled(fifth)).toBe(true);
  });

  test('do not wait for what was promised to a process that has died', async () => {
    const child = await taker(join(folder, 'a/b/run'), 200);
    await slotsOf(child);
    // 400 tokens at two per second would be more than three minutes.
    const began = Date.now();
    await createBuckets(folder).pass('a/b', [TOLL], callWith(systemClock));
    expect(Date.now() - began).toBeLessThan(5_000);
  });
});

describe('a bucket log', () => {
  test('goes on in a new log when the old one has grown, and clears the older ones away', async () => {
    const log = new BucketLog(folder, RATE);
    const start = Date.UTC(2026, 0, 1);
    const slots = Array.from({ length: 3_000 }, (_, i) => log.take(`${process.pid}.${i}`, 1, start));
    log.close();
    expect(slots.at(-1)?.at).toBe(start + (3_000 - 4) * 500);
    expect((await readdir(folder)).length).toBeLessThanOrEqual(2);
  });

  test('takes a line that was cut short for nothing, and goes on behind it', async () => {
    const log = new BucketLog(folder, RATE);
    log.take(`${process.pid}.0`, 1, 1_000);
    await writeFile(join(folder, '0000000001'), 't 99.1 1', { flag: 'a' });
    expect(log.take(`${process.pid}.1`, 1, 1_000)).toBeUndefined();
    expect(log.take(`${process.pid}.2`, 1, 1_000)?.at).toBe(1_000);
    log.close();
  });

  test('begins anew where its folder was deleted while it was open', async () => {
    const log = new BucketLog(join(folder, 'deep/er'), RATE);
    log.take(`${process.pid}.0`, 1, 1_000);
    await rm(join(folder, 'deep'), { recursive: true });
    log.take(`${process.pid}.1`, 1, 1_000);
    log.close();
    expect(await readFile(join(folder, 'deep/er/0000000001'), 'utf8')).toBe(`t ${process.pid}.1 1 1000\n`);
  });

  test('gives several processes together no more than the bucket allows, also when some are killed', async () => {
    const children = await Promise.all(Array.from({ length: 6 }, () => taker(folder, 400)));
    const doomed = children.slice(4);
    const results = children.slice(0, 4).map((child) => slotsOf(child));
    for (const child of doomed) {
      child.stdin.write('go\n');
      setTimeout(() => child.kill('SIGKILL'), 5);
    }
    const slots = (await Promise.all(results)).flat();
    for (const child of doomed) if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(slots).toHaveLength(1_600);
    expect(excess(slots)).toBeLessThanOrEqual(0.01);
  });
});

function callWith(clock: Call['clock']): Call {
  return { clock, signal: new AbortController().signal, emit() {} };
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const turn = new Promise((resolve) => setImmediate(() => resolve(pending)));
  return (await Promise.race([promise, turn])) !== pending;
}

async function taker(bucket: string, takes: number): Promise<ChildProcessWithoutNullStreams> {
  const script = join(import.meta.dirname, 'taker.ts');
  const child = spawn(process.execPath, [script, bucket, String(RATE.size), String(RATE.perSecond), String(takes)]);
  child.stderr.pipe(process.stderr);
  await once(child.stdout, 'data');
  return child;
}

async function slotsOf(child: ChildProcessWithoutNullStreams): Promise<readonly Slot[]> {
  let text = '';
  child.stdout.on('data', (chunk) => (text += String(chunk)));
  child.stdin.write('go\n');
  await once(child, 'close');
  return JSON.parse(text);
}

/** By how many tokens the slots go beyond the rate, in the worst stretch of time. */
function excess(slots: readonly Slot[]): number {
  const byTime = slots.toSorted((a, b) => a.at - b.at);
  let worst = 0;
  for (const [i, first] of byTime.entries()) {
    let given = 0;
    for (const { at, tokens } of byTime.slice(i)) {
      given += tokens;
      worst = Math.max(worst, given - RATE.size - ((at - first.at) * RATE.perSecond) / 1_000);
    }
  }
  return worst;
}
