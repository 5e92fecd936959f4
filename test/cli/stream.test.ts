import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runIn } from '../../src/cli/shell.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createFileStore } from '../../src/store/file-store.ts';
import { sampleEvent, sampleRecord } from '../store/samples.ts';
import { testWorld } from './world.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spin-stream-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function keepSpin(): Promise<void> {
  const store = createFileStore({ dir: join(dir, 'state'), clock: systemClock });
  const record = sampleRecord();
  await store.write(undefined, { record, lease: undefined, fence: 0 });
  store.append(sampleEvent(record, 'first'));
  store.append(sampleEvent(record, 'second'));
}

/** Follows until both events were told, then interrupts as the user would. */
async function follow(...flags: string[]) {
  const world = testWorld(['events', 'web', '--follow', ...flags], dir);
  const ended = runIn(world);
  await expect.poll(() => world.out()).toContain('second');
  process.emit('SIGINT');
  return { exit: await ended, out: world.out(), err: world.err() };
}

describe('following', () => {
  it('ends with 130 when it is interrupted, and needs no explanation', async () => {
    await keepSpin();
    const { exit, out, err } = await follow();
    expect([exit, err]).toEqual([130, '']);
    expect(out.trimEnd().split('\n')).toHaveLength(2);
  });

  it('with JSON prints one document per line', async () => {
    await keepSpin();
    const { exit, out } = await follow('-o', 'json');
    expect(exit).toBe(130);
    const documents = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { schema: string; item?: { message?: string } });
    expect(documents.slice(0, 2)).toMatchObject([
      { schema: 'spin.events.item/1', item: { message: 'first' } },
      { schema: 'spin.events.item/1', item: { message: 'second' } },
    ]);
  });

  it('what is not there fails on one line', async () => {
    const world = testWorld(['events', 'nope', '--follow', '-o', 'json'], dir);
    expect(await runIn(world)).toBe(1);
    expect(world.out().trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(world.out())).toMatchObject({ schema: 'spin.events/1', ok: false, error: { code: 'spin-not-found' } });
  });
});
