import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogTail, type LogTail } from '../../../src/providers/local/log-file.ts';
import { readLogs } from '../../../src/providers/local/log-reader.ts';
import { createRedactor } from '../../../src/providers/local/redact.ts';
import type { LogLine, LogQuery } from '../../../src/providers/provider.ts';
import { ManualClock } from '../../fakes/clock.ts';

let dir: string;
let clock: ManualClock;
const tails = new Map<string, LogTail>();
const stop = new AbortController().signal;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spin-reader-'));
  clock = new ManualClock(1_000_000);
});
afterEach(async () => {
  for (const tail of tails.values()) tail.close();
  tails.clear();
  await rm(dir, { recursive: true, force: true });
});

/** An instance prints, and its keeper sees it 100 ms later. */
async function print(instance: string, text: string | Buffer, maxBytes = 10_000_000): Promise<void> {
  const file = join(dir, `${instance}.log`);
  await appendFile(file, text);
  const tail = tails.get(instance) ?? createLogTail({ file, redactor: createRedactor([]), maxBytes, keepFiles: 3, clock });
  tails.set(instance, tail);
  await clock.advance(100);
  tail.poll();
}

async function all(query: Partial<LogQuery> = {}): Promise<readonly LogLine[]> {
  return Array.fromAsync(readLogs(dir, { follow: false, ...query }, clock, stop));
}

const texts = (lines: readonly LogLine[]): readonly string[] => lines.map(({ text }) => text);

/** Collects while it follows; `until` turns the clock until so many lines came. */
function follow(query: Partial<LogQuery> = {}, redactor = undefined as ReturnType<typeof createRedactor> | undefined) {
  const lines: LogLine[] = [];
  const end = new AbortController();
  const done = (async () => {
    for await (const line of readLogs(dir, { follow: true, ...query }, clock, end.signal, redactor)) lines.push(line);
  })();
  let ended = false;
  done.catch(() => undefined).finally(() => (ended = true));
  // It may end without another sleep, where what ends it happens while it looks.
  const turn = async (): Promise<void> => {
    await expect.poll(() => ended || clock.sleeping > 0, { interval: 2 }).toBe(true);
    await clock.advance(100);
  };
  const until = async (count: number): Promise<readonly string[]> => {
    for (let turns = 0; lines.length < count && turns < 100; turns++) await turn();
    return texts(lines);
  };
  return { lines, until, turn, done, end };
}

describe('reading logs', () => {
  test('merges instances in order of time', async () => {
    await print('web@1.1', 'a1\n');
    await print('db@1.1', 'b1\n');
    await print('web@1.2', 'c1\n');
    await print('web@1.1', 'a2\na3\n');
    await print('db@1.1', 'b2\r\n');
    const lines = await all();
    expect(texts(lines)).toEqual(['a1', 'b1', 'c1', 'a2', 'a3', 'b2']);
    expect(lines[3]).toEqual({ service: 'web', instance: 'web@1.1', time: 1_000_400, text: 'a2' });
  });

  test('takes one service, since a time, or the last lines of each instance', async () => {
    await print('web@1.1', 'a1\na2\na3\n');
    await print('web@1.2', 'c1\n');
    await print('db@1.1', 'b1\nb2\n');
    await print('webs@1.1', 'd1\n');
    expect(texts(await all({ service: 'web' }))).toEqual(['a1', 'a2', 'a3', 'c1']);
    expect(texts(await all({ since: 1_000_300 }))).toEqual(['b1', 'b2', 'd1']);
    expect(texts(await all({ tail: 2 }))).toEqual(['a2', 'a3', 'c1', 'b1', 'b2', 'd1']);
    expect(texts(await all({ tail: 0 }))).toEqual([]);
  });

  test('reads over rotations, oldest first, and finds the last lines there', async () => {
    for (let i = 0; i < 12; i++) await print('web@1.1', `line ${i}\n`, 20);
    expect(texts(await all())).toEqual(Array.from({ length: 12 }, (_, i) => `line ${i}`).slice(-texts(await all()).length));
    expect((await all()).length).toBeGreaterThan(8);
    expect(texts(await all({ tail: 5 }))).toEqual(['line 7', 'line 8', 'line 9', 'line 10', 'line 11']);
  });

  test('shows the line that is not ended last', async () => {
    await print('web@1.1', 'whole\nhalf');
    expect(texts(await all())).toEqual(['whole', 'half']);
    expect(texts(await all({ tail: 1 }))).toEqual(['half']);
  });

  test('of a folder that is not there gives nothing', async () => {
    await rm(dir, { recursive: true });
    expect(await all()).toEqual([]);
    expect(await all({ follow: true })).toEqual([]);
  });

  test('cuts a very long line without splitting a character', async () => {
    const long = `a${'\u{1f600}'.repeat(262_144)}`;
    await print('web@1.1', `${long}\nnext\n`);
    const lines = texts(await all());
    expect(lines.at(-1)).toBe('next');
    expect(lines.slice(0, -1).join('')).toBe(long);
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(65_536);
  });

  test('shows nothing that no tail has looked at, unless it can redact it', async () => {
    await print('web@1.1', 'seen\n');
    await appendFile(join(dir, 'web@1.1.log'), 'password hunter22\n');
    await writeFile(join(dir, 'new@1.1.log'), 'also hunter22\n');
    expect(texts(await all())).toEqual(['seen']);
    const lines = await Array.fromAsync(readLogs(dir, { follow: false }, clock, stop, createRedactor(['hunter22'])));
    expect(texts(lines).toSorted()).toEqual(['also ***', 'password ***', 'seen']);
  });
});

describe('following logs', () => {
  test('goes on with new lines, new instances and over rotations, each line once', async () => {
    await print('web@1.1', 'line 0\n', 50);
    const following = follow();
    expect(await following.until(1)).toEqual(['line 0']);
    for (let i = 1; i <= 40; i++) {
      await print('web@1.1', `line ${i}\n`, 50);
      expect(await following.until(i + 1)).toHaveLength(i + 1);
    }
    await print('db@1.1', 'hello\n');
    const lines = await following.until(42);
    expect(lines).toEqual([...Array.from({ length: 41 }, (_, i) => `line ${i}`), 'hello']);
    following.end.abort(new TypeError('enough'));
    await expect(following.done).rejects.toThrow('enough');
  });

  test('catches up with rotations that happened meanwhile', async () => {
    await print('web@1.1', 'line 0\n', 30);
    const following = follow();
    await following.until(1);
    for (let i = 1; i <= 12; i++) await print('web@1.1', `line ${i}\n`, 30);
    expect(await following.until(13)).toEqual(Array.from({ length: 13 }, (_, i) => `line ${i}`));
    following.end.abort();
  });

  test('waits for the end of a line, and for a second at most', async () => {
    await print('web@1.1', 'name');
    const following = follow();
    await following.turn();
    expect(following.lines).toEqual([]);
    await print('web@1.1', ': x\nprompt> ');
    expect(await following.until(1)).toEqual(['name: x']);
    expect(await following.until(2)).toEqual(['name: x', 'prompt> ']);
    following.end.abort();
  });

  test('begins with the last lines only of what was there', async () => {
    await print('web@1.1', 'a1\na2\n');
    const following = follow({ tail: 1 });
    await following.until(1);
    await print('web@1.2', 'b1\nb2\n');
    expect(await following.until(3)).toEqual(['a2', 'b1', 'b2']);
    following.end.abort();
  });

  test('ends when the folder is gone', async () => {
    await print('web@1.1', 'bye\n');
    const following = follow();
    await following.until(1);
    await rm(dir, { recursive: true });
    await following.turn();
    await following.done;
    expect(texts(following.lines)).toEqual(['bye']);
  });
});
