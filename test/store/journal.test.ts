import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { SpinEvent } from '../../src/core/events.ts';
import { flushJournals, journaled, journalFile, followJournal, openJournal, readJournal } from '../../src/store/journal.ts';
import { sampleEvent, sampleRecord } from './samples.ts';
import { stateFolder } from './state-folder.ts';

const record = sampleRecord();
const one = sampleEvent(record, 'one');
const two = sampleEvent(record, 'zwei ✓');

function freshFile(): string {
  return journalFile(stateFolder(), record.id, record.incarnation);
}

function fileWith(text: string): string {
  const file = freshFile();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

describe('a journal', () => {
  it('is one line of JSON per event', () => {
    const file = freshFile();
    const journal = openJournal(file);
    journal.append(one);
    journal.append(two);
    flushJournals();
    expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(one)}\n${JSON.stringify(two)}\n`);
    expect(readJournal(file)).toEqual([one, two]);
  });

  it('is written at the end of the turn after the one in which something was appended, in the order of the appends', async () => {
    const [file, other] = [freshFile(), freshFile()];
    openJournal(file).append(one);
    openJournal(other).append(two);
    openJournal(file).append(two);
    expect(existsSync(file)).toBe(false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(existsSync(file)).toBe(false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(one)}\n${JSON.stringify(two)}\n`);
    expect(readFileSync(other, 'utf8')).toBe(`${JSON.stringify(two)}\n`);
  });

  it.each(['process.exit(3)', 'throw new TypeError("bug")'])('is written before a process ends by %s', (end) => {
    const file = freshFile();
    const code = `import { openJournal } from ${JSON.stringify(fileURLToPath(new URL('../../src/store/journal.ts', import.meta.url)))};
      openJournal(${JSON.stringify(file)}).append(${JSON.stringify(one)}); ${end};`;
    expect(spawnSync(process.execPath, ['--input-type=module', '-e', code]).status).toBeGreaterThan(0);
    expect(readJournal(file)).toEqual([one]);
  });

  it('keeps the events around one that cannot be written', () => {
    const file = freshFile();
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const journal = openJournal(file);
    journal.append(one);
    journal.append({ ...one, data: circular });
    journal.append(two);
    expect(readJournal(file)).toEqual([one, two]);
  });

  it('loses only the torn line, wherever it was torn', () => {
    const whole = Buffer.from(`${JSON.stringify(two)}\n`);
    for (let length = 1; length < whole.length; length++) {
      const file = fileWith(`${JSON.stringify(one)}\n`);
      appendFileSync(file, whole.subarray(0, length));
      const torn = length < whole.length - 1;
      expect(readJournal(file)).toEqual(torn ? [one] : [one, two]);
      openJournal(file).append(two);
      expect(readJournal(file)).toEqual(torn ? [one, two] : [one, two, two]);
    }
  });

  it('is read past lines that are damaged, foreign, or of a type from a newer spin', () => {
    const lines = [
      'garbage',
      'null',
      '[]',
      '{"v":1}',
      JSON.stringify({ ...one, v: 2 }),
      JSON.stringify({ ...one, type: 'spin.teleported' }),
      '\u0000\u0000',
      '',
    ];
    const file = fileWith([JSON.stringify(one), ...lines, JSON.stringify(two), ''].join('\n'));
    expect(readJournal(file)).toEqual([one, two]);
  });

  it('is listed among those of its spin by time', () => {
    const dir = stateFolder();
    expect(journaled(dir, record.id)).toEqual([]);
    for (const incarnation of ['01arz3ndektsv4rrffq69g5fb0', '01arz3ndektsv4rrffq69g5faz'] as (typeof record.incarnation)[]) {
      openJournal(journalFile(dir, record.id, incarnation)).append(one);
    }
    expect(journaled(dir, record.id)).toEqual(['01arz3ndektsv4rrffq69g5faz', '01arz3ndektsv4rrffq69g5fb0']);
  });

  it('never throws at its writer', () => {
    const file = fileWith('');
    expect(() => openJournal(`${file}/below-a-file`).append(one)).not.toThrow();
    expect(() => flushJournals()).not.toThrow();
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(() => openJournal(file).append({ ...one, data: circular })).not.toThrow();
  });
});

describe('following', () => {
  it('waits for the end of a line that is being written', async () => {
    const file = fileWith(`${JSON.stringify(one)}\n`);
    const line = Buffer.from(`${JSON.stringify(two)}\n`);
    const middle = line.indexOf('✓') + 1;
    const stop = new AbortController();
    const seen: SpinEvent[] = [];
    const following = (async () => {
      for await (const event of followJournal(file, 'start', systemClock, stop.signal)) {
        seen.push(event);
        if (seen.length === 1) {
          appendFileSync(file, line.subarray(0, middle));
          setTimeout(() => appendFileSync(file, line.subarray(middle)), 20);
        }
        if (seen.length === 3) stop.abort();
        if (seen.length === 2) openJournal(file).append(one);
      }
    })();
    await following;
    expect(seen).toEqual([one, two, one]);
  });

  it('tells of an event within moments, long before the next poll', async () => {
    const file = fileWith('');
    const stop = new AbortController();
    // A clock whose sleeps never end leaves the system's word as the only one.
    const clock = {
      now: () => 0,
      sleep: (_: number, signal?: AbortSignal) =>
        new Promise<void>((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    };
    const events = followJournal(file, 'end', clock, stop.signal);
    const next = events.next();
    await new Promise((resolve) => setImmediate(resolve));
    openJournal(file).append(one);
    expect(await next).toEqual({ value: one, done: false });
    stop.abort();
    expect(await events.next()).toEqual({ value: undefined, done: true });
  });

  it('can be left by a break', async () => {
    const file = fileWith(`${JSON.stringify(one)}\n`);
    for await (const event of followJournal(file, 'start', systemClock, new AbortController().signal)) {
      expect(event).toEqual(one);
      break;
    }
  });
});
