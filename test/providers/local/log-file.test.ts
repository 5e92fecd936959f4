import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogTail, type LogTail } from '../../../src/providers/local/log-file.ts';
import { parseIndex } from '../../../src/providers/local/log-index.ts';
import { createRedactor } from '../../../src/providers/local/redact.ts';
import { ManualClock } from '../../fakes/clock.ts';

const SECRET = 'correct-horse-battery';
let dir: string;
let file: string;
let clock: ManualClock;
const tails: LogTail[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spin-logs-'));
  file = join(dir, 'web@1.1.log');
  clock = new ManualClock(1_000_000);
});
afterEach(async () => {
  for (const tail of tails.splice(0)) tail.close();
  await rm(dir, { recursive: true, force: true });
});

function tailOf(options: { maxBytes?: number; keepFiles?: number; secrets?: readonly string[] } = {}): LogTail {
  const { maxBytes = 1_000_000, keepFiles = 2, secrets = [SECRET] } = options;
  const tail = createLogTail({ file, redactor: createRedactor(secrets), maxBytes, keepFiles, clock });
  tails.push(tail);
  return tail;
}

async function indexOf(log: string) {
  return parseIndex(await readFile(`${log}.idx`));
}

describe('a log tail', () => {
  test('notes when bytes came', async () => {
    const tail = tailOf();
    await appendFile(file, 'one\n');
    tail.poll();
    tail.poll();
    await clock.advance(100);
    await appendFile(file, 'three\n');
    tail.poll();
    expect(await indexOf(file)).toEqual({
      base: 0,
      stamps: [
        { end: 4, time: 1_000_000 },
        { end: 10, time: 1_000_100 },
      ],
    });
  });

  test('overwrites a secret in place, with as many bytes', async () => {
    const tail = tailOf();
    await appendFile(file, `password: ${SECRET}\nnext\n`);
    tail.poll();
    expect(await readFile(file, 'utf8')).toBe(`password: ${'*'.repeat(SECRET.length)}\nnext\n`);
  });

  test('finds a secret that came in pieces, and shows no piece of it before', async () => {
    const tail = tailOf();
    await appendFile(file, 'a\ncorrect-horse');
    tail.poll();
    expect((await indexOf(file))?.stamps.at(-1)?.end).toBe(2);
    await appendFile(file, '-battery\n');
    tail.poll();
    expect(await readFile(file, 'utf8')).toBe(`a\n${'*'.repeat(SECRET.length)}\n`);
    expect((await indexOf(file))?.stamps.at(-1)?.end).toBe(24);
  });

  test('holds the beginning of a secret back no longer than a second', async () => {
    const tail = tailOf();
    await appendFile(file, 'corr');
    tail.poll();
    expect((await indexOf(file))?.stamps).toEqual([]);
    await clock.advance(1_000);
    tail.poll();
    expect((await indexOf(file))?.stamps.at(-1)?.end).toBe(4);
  });

  test('finds secrets across the pieces in which it reads a long file', async () => {
    await writeFile(file, `${'x'.repeat(1_048_570)}${SECRET}${'y'.repeat(2_000_000)}${SECRET}`);
    tailOf({ maxBytes: 10_000_000 }).poll();
    expect(await readFile(file, 'utf8')).not.toContain(SECRET);
    expect((await stat(file)).size).toBe(3_048_570 + 2 * SECRET.length);
  });

  test('leaves what a child appends meanwhile where it is', async () => {
    const script = `i=0; while [ $i -lt 3000 ]; do echo "line $i ${SECRET} end"; i=$((i+1)); done`;
    const handle = await open(file, 'a');
    const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', handle.fd, handle.fd] });
    const tail = tailOf();
    const timer = setInterval(() => {
      tail.poll();
    }, 1);
    await once(child, 'exit');
    clearInterval(timer);
    await handle.close();
    tail.poll();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(3_000);
    lines.forEach((line, i) => {
      expect(line).toBe(`line ${i} ${'*'.repeat(SECRET.length)} end`);
    });
  });

  test('rotates at its size, keeps as many files as asked, and says where each begins', async () => {
    const tail = tailOf({ maxBytes: 100, keepFiles: 2 });
    for (let i = 0; i < 5; i++) {
      await appendFile(file, `${String(i).repeat(120)}\n`);
      tail.poll();
    }
    expect((await readdir(dir)).toSorted()).toEqual(
      ['.1', '.1.idx', '.2', '.2.idx', '.idx', ''].map((end) => `web@1.1.log${end}`).toSorted(),
    );
    expect((await stat(file)).size).toBe(0);
    expect((await stat(`${file}.1`)).size).toBe(121);
    expect((await indexOf(file))?.base).toBe(605);
    expect((await indexOf(`${file}.1`))?.base).toBe(484);
    expect((await indexOf(`${file}.2`))?.base).toBe(363);
  });

  test('loses of a child that goes on writing only what comes between two files, and keeps the rest in order', async () => {
    const handle = await open(file, 'a');
    const child = spawn('/bin/sh', ['-c', 'i=0; while [ $i -lt 60000 ]; do echo "line $i"; i=$((i+1)); done'], {
      stdio: ['ignore', handle.fd, handle.fd],
    });
    const tail = tailOf({ maxBytes: 200_000, keepFiles: 50 });
    const timer = setInterval(() => {
      tail.poll();
    }, 1);
    await once(child, 'exit');
    clearInterval(timer);
    await handle.close();
    tail.poll();
    await appendFile(file, 'line 60000\n');
    tail.poll();
    const logs = (await readdir(dir)).filter((name) => !name.endsWith('.idx'));
    expect(logs.length).toBeGreaterThan(1);
    const ages = logs.map((name) => Number(/\.log\.(\d+)$/.exec(name)?.[1] ?? 0)).toSorted((a, b) => b - a);
    let before = -1;
    for (const age of ages) {
      const text = await readFile(age === 0 ? file : `${file}.${age}`, 'utf8');
      if (text === '') continue;
      const numbers = text
        .trimEnd()
        .split('\n')
        .map((line) => Number(/^line (\d+)$/.exec(line)?.[1] ?? Number.NaN));
      const [first = Number.NaN] = numbers;
      // How much is lost between two files is a matter of when the machine lets the tail run; within one nothing may be.
      expect(numbers).toEqual(numbers.map((_, i) => first + i));
      expect(first).toBeGreaterThan(before);
      before = numbers.at(-1) ?? before;
    }
    expect(before).toBe(60_000);
  });

  test('loses nothing of a child that rests while it rotates', async () => {
    const tail = tailOf({ maxBytes: 2_000, keepFiles: 50 });
    for (let batch = 0; batch < 100; batch++) {
      await appendFile(file, Array.from({ length: 50 }, (_, i) => `line ${batch * 50 + i}\n`).join(''));
      tail.poll();
    }
    const logs = (await readdir(dir)).filter((name) => !name.endsWith('.idx'));
    const lines = (await Promise.all(logs.map((name) => readFile(join(dir, name), 'utf8')))).join('').split('\n').filter(Boolean);
    expect(logs.length).toBeGreaterThan(10);
    expect(new Set(lines)).toEqual(new Set(Array.from({ length: 5_000 }, (_, i) => `line ${i}`)));
    expect(lines).toHaveLength(5_000);
  });

  test('of a burst keeps the end, from a whole line on', async () => {
    const tail = tailOf({ maxBytes: 50 });
    await appendFile(file, Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join(''));
    tail.poll();
    const kept = await readFile(`${file}.1`, 'utf8');
    expect(kept).toMatch(/^line 9\d\n/);
    expect(kept.endsWith('line 99\n')).toBe(true);
    expect((await indexOf(`${file}.1`))?.base).toBe(790 - kept.length);
    expect((await indexOf(file))?.base).toBe(790);
  });

  test('goes on where an earlier one ended', async () => {
    const first = tailOf();
    await appendFile(file, 'one\n');
    first.poll();
    await appendFile(file, `two ${SECRET}\n`);
    await clock.advance(5_000);
    tailOf().poll();
    expect((await indexOf(file))?.stamps).toEqual([
      { end: 4, time: 1_000_000 },
      { end: 30, time: 1_005_000 },
    ]);
    expect(await readFile(file, 'utf8')).not.toContain(SECRET);
  });

  test('repairs a rotation that broke off before the log was emptied', async () => {
    const first = tailOf();
    await appendFile(file, 'one\ntwo\n');
    first.poll();
    for (const end of ['', '.idx']) await writeFile(`${file}.1${end}`, await readFile(`${file}${end}`));
    await appendFile(file, 'three\n');
    tailOf({ maxBytes: 10 }).poll();
    expect(await readFile(`${file}.1`, 'utf8')).toBe('one\ntwo\nthree\n');
    await expect(stat(`${file}.2`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('notices that somebody emptied the file', async () => {
    const tail = tailOf();
    await appendFile(file, 'one\ntwo\n');
    tail.poll();
    await truncate(file);
    await appendFile(file, 'x\n');
    tail.poll();
    expect(await indexOf(file)).toEqual({ base: 8, stamps: [{ end: 2, time: 1_000_000 }] });
  });

  test('tells the last lines, also over a rotation, without secrets and cut', async () => {
    const tail = tailOf({ maxBytes: 60 });
    await appendFile(file, `one\ntwo ${SECRET}\n${'l'.repeat(20)}\nfour\nfive five\n`);
    tail.poll();
    await appendFile(file, 'six\nse');
    expect(tail.lastLines(4)).toEqual(['four', 'five five', 'six', 'se']);
    expect(tail.lastLines(1)).toEqual(['se']);
    expect(tail.lastLines(100).join('\n')).not.toContain(SECRET);
    await appendFile(file, 'z'.repeat(5_000));
    expect(tail.lastLines(1)[0]?.length).toBeLessThanOrEqual(2_000);
  });

  test('survives that its folder is gone', async () => {
    const tail = tailOf({ maxBytes: 10 });
    await appendFile(file, 'more than ten bytes\n');
    await rm(dir, { recursive: true });
    tail.poll();
    expect(tail.lastLines(1)).toEqual([]);
  });
});
