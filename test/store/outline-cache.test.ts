import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isoTime, systemClock } from '../../src/core/clock.ts';
import { parseSpinId, type SpinId } from '../../src/core/ids.ts';
import { createFileStore } from '../../src/store/file-store.ts';
import { sampleRecord } from './samples.ts';
import { stateFolder } from './state-folder.ts';
import { startWriter } from './writers.ts';

const COUNT = 20;
const ids = Array.from({ length: COUNT }, (_, index) => parseSpinId(`web-${String(index).padStart(2, '0')}`));
const [first = parseSpinId('web')] = ids;

/** A store that takes what was written a moment ago for settled. */
function open(dir: string) {
  return createFileStore({ dir, clock: { ...systemClock, now: () => systemClock.now() + 60_000 } });
}

async function withRecords(dir = stateFolder()) {
  const store = open(dir);
  for (const id of ids) await write(dir, id, 'someone');
  return { dir, store, cache: join(dir, 'outlines.json') };
}

async function write(dir: string, id: SpinId, owner: string): Promise<void> {
  const store = open(dir);
  const before = await store.read(id);
  const next = { record: sampleRecord({ id, owner }), lease: undefined, fence: 0 };
  expect(await store.write(before?.version, next)).not.toBe('conflict');
}

async function owners(dir: string): Promise<Readonly<Record<string, string>>> {
  const { seen } = await open(dir).scan(({ id, owner }) => [id, owner] as const);
  return Object.fromEntries(seen);
}

const everyone = (owner: string): Readonly<Record<string, string>> => Object.fromEntries(ids.map((id) => [id, owner]));

/** Changes what is kept of a spin, so that it shows where the cache is read. */
function mark(cache: string, id: SpinId): void {
  const document = JSON.parse(readFileSync(cache, 'utf8'));
  document.kept[id][2].owner = 'from the cache';
  writeFileSync(cache, JSON.stringify(document));
}

function recordOf(dir: string, id: SpinId): string {
  const folder = join(dir, 'spins', id);
  return join(folder, readdirSync(folder).find((name) => name.startsWith('record.')) ?? '');
}

describe('what a scan read last', () => {
  it('is used while the record stands as it was', async () => {
    const { dir, cache } = await withRecords();
    expect(await owners(dir)).toEqual(everyone('someone'));
    mark(cache, first);
    expect(await owners(dir)).toEqual({ ...everyone('someone'), [first]: 'from the cache' });
  });

  it('is all that a list needs, the same from the cache as from the records', async () => {
    const dir = stateFolder();
    const record = (id: SpinId) => sampleRecord({ id, readyAt: 1, failure: { class: 'x', message: isoTime(1) }, owner: 'Zoë 🦊' });
    for (const id of ids) await open(dir).write(undefined, { record: record(id), lease: undefined, fence: 0 });
    const scan = async () => (await open(dir).scan((outline) => outline)).seen;
    const [read, cached] = [await scan(), await scan()];
    expect(cached).toHaveLength(COUNT);
    for (const [index, outline] of cached.entries()) expect(read[index]).toMatchObject(outline);
    expect(Object.keys(cached[0] ?? {})).toContain('failure');
  });

  it.each(['replaced', 'removed', 'removed and made again', 'damaged', 'edited', 'replaced by a crash'])(
    'does not count for a record that was %s',
    async (how) => {
      const { dir, store, cache } = await withRecords();
      await owners(dir);
      mark(cache, first);
      const file = recordOf(dir, first);
      const version = (await store.read(first))?.version ?? '';
      const expected: Record<string, string> = { ...everyone('someone') };
      if (how === 'replaced') {
        await write(dir, first, 'another');
        expected[first] = 'another';
      } else if (how === 'removed') {
        await store.remove(first, version);
        delete expected[first];
      } else if (how === 'removed and made again') {
        await store.remove(first, version);
        await write(dir, first, 'another');
        expected[first] = 'another';
      } else if (how === 'damaged') {
        truncateSync(file, 100);
        delete expected[first];
        expect((await store.scan(({ id }) => id)).unreadable).toMatchObject([{ id: first, problem: { code: 'record-damaged' } }]);
      } else if (how === 'edited') {
        writeFileSync(file, readFileSync(file, 'utf8').replace('"someone"', '"another"'));
        expected[first] = 'another';
      } else {
        const before = readFileSync(file);
        await write(dir, first, 'another');
        writeFileSync(file, before);
        expected[first] = 'another';
      }
      expect(await owners(dir)).toEqual(expected);
      expect(await owners(dir)).toEqual(expected);
    },
  );

  it('is not kept of what changed a moment ago', async () => {
    const { dir, cache } = await withRecords();
    await createFileStore({ dir, clock: systemClock }).scan(({ id }) => id);
    expect(existsSync(cache)).toBe(false);
  });

  it('is not kept of a few', async () => {
    const dir = stateFolder();
    for (const id of ids.slice(0, 5)) await write(dir, id, 'someone');
    await owners(dir);
    expect(existsSync(join(dir, 'outlines.json'))).toBe(false);
  });

  it('counts for nothing in another folder', async () => {
    const { dir, cache } = await withRecords();
    await owners(dir);
    for (const id of ids) mark(cache, id);
    const other = stateFolder('other');
    cpSync(dir, other, { recursive: true, preserveTimestamps: true });
    expect(await owners(other)).toEqual(everyone('someone'));
    const moved = `${dir}-moved`;
    renameSync(dir, moved);
    expect(await owners(moved)).toEqual(everyone('someone'));
    mkdirSync(dir);
    cpSync(cache.replace(dir, moved), cache);
    expect(await owners(dir)).toEqual({});
  });

  it('counts for nothing where it is of another form', async () => {
    const { dir, cache } = await withRecords();
    await owners(dir);
    const text = readFileSync(cache, 'utf8').replaceAll('"someone"', '"from the cache"');
    for (const other of [text.replace('"form":2', '"form":1'), text.replace('"schema":1', '"schema":2')]) {
      writeFileSync(cache, other);
      expect(await owners(dir)).toEqual(everyone('someone'));
    }
  });

  it('hurts nobody where it is damaged, at any byte', async () => {
    const { dir, cache } = await withRecords();
    await owners(dir);
    const whole = readFileSync(cache);
    const document = JSON.parse(whole.toString('utf8'));
    for (let length = 0; length < whole.length; length += length < 600 ? 1 : 97) {
      writeFileSync(cache, whole.subarray(0, length));
      expect(await owners(dir)).toEqual(everyone('someone'));
    }
    const [name, marks, outline] = document.kept[first];
    for (const odd of [
      null,
      5,
      [],
      'x',
      {},
      [name],
      [name, marks],
      [name, null, outline],
      [name, [], outline],
      [name, marks, null],
      [name, marks, {}],
    ]) {
      writeFileSync(cache, JSON.stringify({ ...document, kept: { ...document.kept, [first]: odd } }));
      expect(await owners(dir)).toEqual(everyone('someone'));
    }
    for (const odd of [null, 5, [], 'x', { ...document, kept: null }, { ...document, kept: [] }]) {
      writeFileSync(cache, JSON.stringify(odd));
      expect(await owners(dir)).toEqual(everyone('someone'));
    }
  });

  it('is for the user alone, and leaves no draft', async () => {
    const { dir, cache } = await withRecords();
    await owners(dir);
    expect(statSync(cache).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(dir, 'drafts'))).toEqual([]);
  });

  it('is not needed, nor written, in a folder that may only be read', async () => {
    const { dir, cache } = await withRecords();
    const reader = `const { createFileStore } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/store/file-store.ts'))});
      if (process.getuid?.() === 0) process.setuid?.(65534);
      const now = () => Date.now() + 60_000;
      const { seen } = await createFileStore({ dir: ${JSON.stringify(dir)}, clock: { now, sleep: () => Promise.resolve() } }).scan(({ id }) => id);
      console.log(seen.length);`;
    const folders = [join(dir, 'drafts'), ...ids.map((id) => join(dir, 'spins', id)), join(dir, 'spins'), dir];
    chmodSync(join(dir, '..'), 0o755);
    for (const id of ids) chmodSync(recordOf(dir, id), 0o444);
    for (const folder of folders) chmodSync(folder, 0o555);
    onTestFinished(() => folders.toReversed().forEach((folder) => chmodSync(folder, 0o700)));
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', reader], { encoding: 'utf8' });
    expect([stdout.trim(), stderr]).toEqual([String(COUNT), '']);
    expect(existsSync(cache)).toBe(false);
  });

  it('is whole whichever of two scans writes it, while a record changes under both', async ({ signal }) => {
    const { dir, cache } = await withRecords();
    const writer = await startWriter('count', dir, { rounds: 40 });
    await open(dir).write(undefined, { record: sampleRecord(), lease: undefined, fence: 0 });
    let over = false;
    const counting = writer.go().finally(() => (over = true));
    for (let last = 0; !over && !signal.aborted;) {
      rmSync(cache, { force: true });
      const scans = await Promise.all([owners(dir), owners(dir)]);
      for (const seen of scans) expect(Object.keys(seen)).toHaveLength(COUNT + 1);
      expect(() => JSON.parse(readFileSync(cache, 'utf8'))).not.toThrow();
      const fence = (await open(dir).read(parseSpinId('web')))?.fence ?? -1;
      expect(fence).toBeGreaterThanOrEqual(last);
      last = fence;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await counting).toBe('done');
  });
});
