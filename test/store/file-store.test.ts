import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { parseSpinId } from '../../src/core/ids.ts';
import { createFileStore } from '../../src/store/file-store.ts';
import { REMOVED } from '../../src/store/record-file.ts';
import type { Store } from '../../src/store/store.ts';
import { sampleEntry, sampleEvent, sampleRecord, START, there } from './samples.ts';
import { stateFolder } from './state-folder.ts';
import { raceWriters, startWriter } from './writers.ts';

const id = parseSpinId('web');
const record = sampleRecord();
const fresh = { record, lease: undefined, fence: 0 };

function open(dir: string): Store {
  return createFileStore({ dir, clock: systemClock });
}

/** A store with one record; `file` is where it stands. */
async function withRecord(): Promise<{
  readonly dir: string;
  readonly store: Store;
  readonly version: string;
  readonly file: string;
  readonly folder: string;
}> {
  const dir = stateFolder();
  const store = open(dir);
  const version = await store.write(undefined, fresh);
  const folder = join(dir, 'spins', id);
  return { dir, store, version, folder, file: join(folder, recordsIn(folder)[0] ?? '') };
}

function recordsIn(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => name.startsWith('record.'));
}

describe('the tag of a state folder', () => {
  const on = (machine: string, dir: string) => createFileStore({ dir, clock: systemClock, machine: () => machine });

  it('is another on another machine, though the path is the same', () => {
    const dir = stateFolder();
    expect(on('b', dir).tag).not.toBe(on('a', dir).tag);
    expect(on('a', stateFolder()).tag).not.toBe(on('a', dir).tag);
  });

  it('is kept with the first record, and then is the same whoever looks, and where it is moved', async () => {
    const dir = stateFolder();
    const { tag } = on('a', dir);
    expect(existsSync(dir)).toBe(false);
    await on('a', dir).write(undefined, fresh);
    expect(on('b', dir).tag).toBe(tag);
    renameSync(dir, `${dir}-moved`);
    expect(on('b', `${dir}-moved`).tag).toBe(tag);
  });

  it('is made again where the folder was lost', async () => {
    const dir = stateFolder();
    const store = on('a', dir);
    await store.write(undefined, fresh);
    const { tag } = store;
    rmSync(dir, { recursive: true });
    expect(on('a', dir).tag).toBe(tag);
  });

  it('is that of the first of two machines that make their first record there at once', async () => {
    const dir = stateFolder();
    const stores = [on('a', dir), on('b', dir)];
    const tags = stores.map(({ tag }) => tag);
    await Promise.all(stores.map((store) => store.write(undefined, fresh)));
    const [first, second] = stores.map(({ tag }) => tag);
    expect(first).toBe(second);
    expect(tags).toContain(first);
    expect(readdirSync(join(dir, 'drafts'))).toEqual([]);
  });
});

describe('processes at once', () => {
  it('let one of 20 create', async () => {
    const dir = stateFolder();
    const answers = await raceWriters(20, 'create', dir);
    expect(answers.filter((answer) => answer === 'won')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'lost')).toHaveLength(19);
    expect(recordsIn(join(dir, 'spins', id))).toHaveLength(1);
    expect(readdirSync(join(dir, 'drafts'))).toEqual([]);
  });

  it('lose no update, and no reader ever sees anything but a whole record, never an older one', async ({ signal }) => {
    const { dir, store } = await withRecord();
    let answers: readonly unknown[] | undefined;
    const race = raceWriters(6, 'count', dir, 25).finally(() => (answers ??= []));
    void race.then((all) => (answers = all)).catch(() => {});
    for (let last = 0; answers === undefined && !signal.aborted;) {
      const fence = (await store.read(id))?.fence ?? -1;
      expect(fence).toBeGreaterThanOrEqual(last);
      last = fence;
      expect((await store.list()).records).toHaveLength(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await race).toEqual(Array.from({ length: 6 }, () => 'done'));
    // More where a writer was told of a conflict because others had replaced its write before it could look.
    expect((await store.read(id))?.fence).toBeGreaterThanOrEqual(150);
    expect(recordsIn(join(dir, 'spins', id))).toHaveLength(1);
  });

  it('create and remove one ID in turns, each alone in between', async () => {
    const dir = stateFolder();
    expect(await raceWriters(6, 'own', dir, 30)).toEqual(Array.from({ length: 6 }, () => 'done'));
    expect(await open(dir).list()).toEqual({ records: [], unreadable: [] });
    expect([readdirSync(join(dir, 'spins')), readdirSync(join(dir, 'drafts'))]).toEqual([[], []]);
  });

  it('append to one journal without tearing a line', async () => {
    const dir = stateFolder();
    await raceWriters(4, 'append', dir, 300);
    const events = await open(dir).events(id);
    expect(new Set(events.map(({ message }) => message)).size).toBe(1_200);
  });

  it('settle one incarnation once', async () => {
    const dir = stateFolder();
    await raceWriters(8, 'settle', dir);
    expect(await open(dir).ledger()).toHaveLength(1);
  });

  it('leave a whole record when killed at any moment, and the next write works', async () => {
    const { dir, store } = await withRecord();
    let last = 0;
    for (let round = 0; round < 12; round++) {
      const writer = await startWriter('count', dir, { rounds: 1_000_000 });
      const going = writer.go();
      await new Promise((resolve) => setTimeout(resolve, 3 + round * 2));
      writer.child.kill('SIGKILL');
      expect(await going).toBeUndefined();
      const stored = there(await store.read(id));
      expect(stored.fence).toBeGreaterThanOrEqual(last);
      last = stored.fence + 1;
      expect(await store.write(stored.version, { ...fresh, fence: last })).not.toBe('conflict');
      expect(recordsIn(join(dir, 'spins', id))).toHaveLength(1);
    }
  });
});

describe('what a crash leaves', () => {
  it('is read as the newest whole file, and cleared by the next write', async () => {
    const { store, file, folder, version } = await withRecord();
    const before = readFileSync(file);
    await store.write(version, { ...fresh, fence: 1 });
    writeFileSync(file, before);
    const stored = there(await store.read(id));
    expect([stored.fence, recordsIn(folder).length]).toEqual([1, 2]);
    expect(await store.write(version, { ...fresh, fence: 2 })).toBe('conflict');
    await store.write(stored.version, { ...fresh, fence: 3 });
    expect(recordsIn(folder)).toHaveLength(1);
  });

  it.each(['with the record', 'without the record'])(
    'is no record once its removal was decided, and makes room: mark %s',
    async (which) => {
      const { store, file, folder, version } = await withRecord();
      writeFileSync(file.replace('.1.json', '.2.json'), REMOVED);
      if (which === 'without the record') rmSync(file);
      expect(await store.read(id)).toBeUndefined();
      expect(await store.list()).toEqual({ records: [], unreadable: [] });
      expect(await store.write(version, fresh)).toBe('conflict');
      expect(await store.remove(id, version)).toBe('conflict');
      expect(await store.write(undefined, { ...fresh, fence: 5 })).not.toBe('conflict');
      expect([(await store.read(id))?.fence, recordsIn(folder).length]).toEqual([5, 1]);
    },
  );

  describe.each([
    ['with the record', []],
    ['without the record', ['record.1']],
    ['without its life', ['record.1', 'life']],
    ['without its mark', ['record.1', 'life', 'mark']],
  ])('of a removal, the folder %s,', (_which, missing) => {
    async function cutShort(): Promise<Awaited<ReturnType<typeof withRecord>>> {
      const made = await withRecord();
      const mark = made.file.replace('.1.json', '.2.json');
      const life = readdirSync(made.folder).find((name) => name.startsWith('life.')) ?? '';
      writeFileSync(mark, REMOVED);
      const paths: Readonly<Record<string, string>> = { 'record.1': made.file, life: join(made.folder, life), mark };
      for (const name of missing) rmSync(paths[name] ?? '');
      return made;
    }

    it('goes as soon as somebody asks for the record', async () => {
      const { store, dir } = await cutShort();
      expect(await store.read(id)).toBeUndefined();
      expect(readdirSync(join(dir, 'spins'))).toEqual([]);
      expect(await store.write(undefined, fresh)).not.toBe('conflict');
    });

    it('goes with the next sweep', async () => {
      const { store, dir } = await cutShort();
      await store.prune(0);
      expect(readdirSync(join(dir, 'spins'))).toEqual([]);
    });
  });

  it('of a removal is left where it lies while the folder is read-only', async () => {
    const { store, folder, version } = await withRecord();
    await store.remove(id, version);
    mkdirSync(folder);
    chmodSync(dirname(folder), 0o555);
    expect(await store.read(id)).toBeUndefined();
    chmodSync(dirname(folder), 0o700);
  });

  it('is no record where the folder is empty, and makes room', async () => {
    const { store, folder } = await withRecord();
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    expect(await store.read(id)).toBeUndefined();
    expect(await store.list()).toEqual({ records: [], unreadable: [] });
    expect(await store.write(undefined, fresh)).not.toBe('conflict');
  });

  it('is no record where it is of another life, and makes room', async () => {
    const { store, file, folder, version } = await withRecord();
    const text = readFileSync(file);
    await store.remove(id, version);
    mkdirSync(folder);
    writeFileSync(file, text);
    expect(await store.read(id)).toBeUndefined();
    expect(await store.write(undefined, { ...fresh, fence: 5 })).not.toBe('conflict');
    writeFileSync(file.replace('.1.json', '.99.json'), text);
    expect([(await store.read(id))?.fence, await store.write(version, fresh)]).toEqual([5, 'conflict']);
  });

  it('does not let a slow writer win by the file of another slow one', async () => {
    const { store, file, folder, version } = await withRecord();
    const second = await store.write(version, { ...fresh, fence: 1 });
    const third = await store.write(second, { ...fresh, fence: 2 });
    // What a writer that expects the first version links, and has not taken back yet.
    const slow = file.replace('.1.json', '.2.json');
    writeFileSync(slow, readFileSync(join(folder, recordsIn(folder)[0] ?? ''), 'utf8').replace(/[0-9a-z]{26}/, '0'.repeat(26)));
    expect(await store.write(second, { ...fresh, fence: 9 })).toBe('conflict');
    expect(await store.remove(id, second)).toBe('conflict');
    expect(await store.read(id)).toMatchObject({ version: third, fence: 2 });
  });

  it('does not let a writer of a removed record write it again', async () => {
    const { store, file, folder, version } = await withRecord();
    rmSync(file);
    expect(await store.write(version, fresh)).toBe('conflict');
    expect(recordsIn(folder)).toEqual([]);
  });

  it('is deleted from the drafts after an hour', async () => {
    const { dir, store } = await withRecord();
    const [old, young] = [join(dir, 'drafts', 'old'), join(dir, 'drafts', 'young.json')];
    mkdirSync(old);
    writeFileSync(join(old, 'record'), '{');
    writeFileSync(young, '{');
    utimesSync(old, 1, 1);
    await store.prune(0);
    expect(readdirSync(join(dir, 'drafts'))).toEqual(['young.json']);
  });
});

describe('a record that cannot be read', () => {
  it('is told by read with its file, and by list beside the others', async () => {
    const { store, file } = await withRecord();
    const other = sampleRecord({ id: parseSpinId('other') });
    await store.write(undefined, { ...fresh, record: other });
    truncateSync(file, 100);
    await expect(store.read(id)).rejects.toMatchObject({ code: 'record-damaged', data: { file } });
    const { records, unreadable } = await store.list();
    expect(records.map(({ record: { id: name } }) => name)).toEqual(['other']);
    expect(unreadable).toMatchObject([{ id: 'web', problem: { code: 'record-damaged' } }]);
  });

  it('is neither replaced nor removed by who has not read it', async () => {
    const { store, file } = await withRecord();
    writeFileSync(file, '{"schema":2,"new":"things"}');
    await expect(store.read(id)).rejects.toMatchObject({ code: 'record-newer' });
    expect(await store.write(undefined, fresh)).toBe('conflict');
    expect((await store.list()).unreadable).toMatchObject([{ problem: { code: 'record-newer' } }]);
    await store.prune(Number.MAX_SAFE_INTEGER);
    expect(readFileSync(file, 'utf8')).toBe('{"schema":2,"new":"things"}');
  });

  it('does not have its journals pruned', async () => {
    const { store, file } = await withRecord();
    store.append(sampleEvent(record, 'one'));
    truncateSync(file, 0);
    await store.prune(Number.MAX_SAFE_INTEGER);
    expect(await store.events(id, record.incarnation)).toHaveLength(1);
  });

  it('is a folder that is not named by a spin ID; hidden files are nobody’s', async () => {
    const { dir, store } = await withRecord();
    mkdirSync(join(dir, 'spins', 'Not an ID'));
    writeFileSync(join(dir, 'spins', '.hidden'), '');
    const { records, unreadable } = await store.list();
    expect([records.length, unreadable]).toMatchObject([1, [{ id: 'Not an ID', problem: { code: 'record-damaged' } }]]);
  });

  it('is a folder that holds something else only; it is not deleted to make room', async () => {
    const { store, version, folder } = await withRecord();
    await store.remove(id, version);
    mkdirSync(folder);
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    expect(await store.read(id)).toBeUndefined();
    await store.prune(0);
    await expect(store.write(undefined, fresh)).rejects.toMatchObject({
      code: 'record-damaged',
      hint: `move ${join(folder, 'notes.txt')} away`,
    });
    expect(readdirSync(folder)).toEqual(['notes.txt']);
  });
});

describe('a state folder that cannot be used', () => {
  it('is an error that names the path, never an empty list', async () => {
    const dir = stateFolder();
    writeFileSync(dir, 'a file');
    const store = open(dir);
    const problem = { code: 'state-unwritable', message: expect.stringContaining(dir) };
    await expect(store.list()).rejects.toMatchObject(problem);
    await expect(store.read(id)).rejects.toMatchObject(problem);
    await expect(store.write(undefined, fresh)).rejects.toMatchObject({ ...problem, data: { code: 'ENOTDIR' } });
    await expect(store.ledger()).rejects.toMatchObject(problem);
    await expect(store.settle(sampleEntry(record))).rejects.toMatchObject(problem);
    expect(() => store.append(sampleEvent(record, 'one'))).not.toThrow();
    await expect(store.flush?.()).resolves.toBeUndefined();
  });

  it('leaves the record whole when the disk is full in the middle of a write', async () => {
    const { dir, store, version } = await withRecord();
    // The kernel lets a file grow to 8 KiB and then fails the write, as a full disk does.
    const writer = await startWriter('grow', dir, { shell: `trap '' XFSZ; ulimit -f 8; exec "$@"` });
    expect(await writer.go()).toMatchObject({ code: 'state-unwritable', message: expect.stringMatching(/spins.web: file too large/) });
    expect(await store.read(id)).toEqual({ version, ...fresh });
    expect(readdirSync(join(dir, 'drafts'))).toEqual([]);
  });

  it.skipIf(!existsSync('/proc/self'))('is refused where a file system lets nothing be made, as /proc', async () => {
    const store = createFileStore({ dir: '/proc/spin/state', clock: systemClock });
    await expect(store.write(undefined, fresh)).rejects.toMatchObject({
      code: 'state-unwritable',
      message: expect.stringContaining('/proc/spin'),
    });
  });

  it.skipIf(!mayDropRights())('leaves everything as it was where the folder is read-only', async () => {
    const { dir, version, store } = await withRecord();
    const uid = process.getuid?.() === 0 ? 65_534 : undefined;
    chmodSync(dirname(dir), 0o755);
    const shut = [join(dir, 'drafts'), join(dir, 'spins', id), join(dir, 'spins'), dir];
    for (const folder of shut) chmodSync(folder, 0o555);
    for (const name of readdirSync(join(dir, 'spins', id))) chmodSync(join(dir, 'spins', id, name), 0o444);
    const writer = await startWriter('grow', dir, uid === undefined ? {} : { uid });
    expect(await writer.go()).toMatchObject({ code: 'state-unwritable', message: expect.stringMatching(/drafts.*permission denied/) });
    expect(await store.read(id)).toEqual({ version, ...fresh });
    for (const folder of shut.toReversed()) chmodSync(folder, 0o700);
  });
});

/** A test that runs as root needs a user without rights who can read this project. */
function mayDropRights(): boolean {
  if (process.getuid?.() !== 0) return process.platform !== 'win32';
  const probe = `require('node:fs').accessSync(${JSON.stringify(join(import.meta.dirname, 'writer.ts'))})`;
  return spawnSync(process.execPath, ['-e', probe], { uid: 65_534, gid: 65_534, stdio: 'ignore', cwd: '/' }).status === 0;
}

it('keeps what it makes from the eyes of others', async () => {
  const { dir, store } = await withRecord();
  store.append(sampleEvent(record, 'one'));
  await store.settle(sampleEntry(record));
  const modes = [dir, ...readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => join(dir, name))].map((path) => {
    const stat = statSync(path);
    return `${stat.isDirectory() ? 'folder' : 'file'} ${(stat.mode & 0o777).toString(8)}`;
  });
  expect(new Set(modes)).toEqual(new Set(['folder 700', 'file 600']));
});

it('makes nothing before it is written to', async () => {
  const dir = stateFolder();
  const store = open(dir);
  await Promise.all([store.list(), store.read(id), store.events(id), store.ledger(), store.prune(START)]);
  expect(readdirSync(dirname(dir))).toEqual([]);
});

it('is at one location, whichever way leads there, before and after it exists', async () => {
  const dir = stateFolder();
  const link = join(dirname(dir), 'link');
  symlinkSync(dirname(dir), link);
  const before = open(join(link, 'state'));
  expect(before.location).toBe(open(dir).location);
  await before.write(undefined, fresh);
  expect(open(join(link, 'state')).location).toBe(before.location);
});
