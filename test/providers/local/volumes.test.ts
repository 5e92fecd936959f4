import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fault } from '../../../src/providers/fault.ts';
import { makeVolume, removeVolume, snapshotVolume, volumeExists, volumeLeft, volumePath } from '../../../src/providers/local/volumes.ts';

let dir: string;
let root: string;
const signal = new AbortController().signal;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spin volumes \u00fc-'));
  root = join(dir, 'volumes');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A folder with what copies get wrong: modes, links inside, outside and nowhere, odd names, a pipe. */
async function seed(): Promise<string> {
  const from = join(dir, 'seed');
  await mkdir(join(from, 'sub', 'empty'), { recursive: true });
  await writeFile(join(from, 'a b.txt'), 'hello');
  await writeFile(join(from, 'sub', 'run.sh'), '#!/bin/sh\n');
  await chmod(join(from, 'sub', 'run.sh'), 0o750);
  await writeFile(join(dir, 'outside.txt'), 'do not copy me');
  await symlink('a b.txt', join(from, 'inside'));
  await symlink(join(dir, 'outside.txt'), join(from, 'outside'));
  await symlink('nowhere', join(from, 'broken'));
  execFileSync('mkfifo', [join(from, 'pipe')]);
  return from;
}

async function expectSeed(path: string): Promise<void> {
  expect(await readFile(join(path, 'a b.txt'), 'utf8')).toBe('hello');
  expect((await stat(join(path, 'sub', 'run.sh'))).mode & 0o777).toBe(0o750);
  expect((await stat(join(path, 'sub', 'empty'))).isDirectory()).toBe(true);
  expect(await readlink(join(path, 'inside'))).toBe('a b.txt');
  expect(await readlink(join(path, 'outside'))).toBe(join(dir, 'outside.txt'));
  expect(await readlink(join(path, 'broken'))).toBe('nowhere');
}

describe('a volume', () => {
  test('begins empty where nothing else is asked', async () => {
    expect(await makeVolume(root, 'data', { from: 'empty' }, 't1', { signal })).toEqual({ bytes: 0 });
    expect(await readdir(volumePath(root, 'data'))).toEqual([]);
  });

  test('is a true copy of a folder, links unfollowed, pipes left out', async () => {
    const { bytes } = await makeVolume(root, 'data', { from: 'folder', path: await seed() }, 't1', { signal });
    expect(bytes).toBe('hello#!/bin/sh\n'.length);
    await expectSeed(volumePath(root, 'data'));
    expect(await readdir(volumePath(root, 'data'))).not.toContain('pipe');
    await writeFile(join(volumePath(root, 'data'), 'a b.txt'), 'changed');
    expect(await readFile(join(dir, 'seed', 'a b.txt'), 'utf8')).toBe('hello');
  });

  test.each(['.tar', '.tar.gz', '.tgz', '.tar.zst'])('survives a snapshot to %s and back', async (ending) => {
    await makeVolume(root, 'data', { from: 'folder', path: await seed() }, 't1', { signal });
    const file = join(dir, `snap: shot${ending}`);
    const { bytes } = await snapshotVolume(root, 'data', file, signal);
    expect((await stat(file)).size).toBe(bytes);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await makeVolume(root, 'again', { from: 'archive', path: file }, 't2', { signal });
    await expectSeed(volumePath(root, 'again'));
    expect((await readdir(dir)).filter((name) => name.includes('partial'))).toEqual([]);
  });

  test('is the same one for the same token, and refused to another', async () => {
    const source = { from: 'folder', path: await seed() } as const;
    const first = await makeVolume(root, 'data', source, 't1', { signal });
    await writeFile(join(volumePath(root, 'data'), 'written by a service'), 'x');
    expect(await makeVolume(root, 'data', source, 't1', { signal })).toEqual(first);
    expect(await readdir(volumePath(root, 'data'))).toContain('written by a service');
    await expect(makeVolume(root, 'data', source, 't2', { signal })).rejects.toMatchObject({ kind: 'conflict', class: 'volume-exists' });
  });

  test.each([2, 3])('is the one that another made by the time of look %i, which nobody touches, were it empty', async (look) => {
    const source = { from: 'folder', path: await seed() } as const;
    let [asked, made] = [0, 0];
    const mayWrite = (): void => {
      if (++asked !== look) return;
      mkdirSync(volumePath(root, 'data'), { recursive: true });
      writeFileSync(join(root, 'data.origin'), 't1 12');
      made = statSync(volumePath(root, 'data')).ino;
    };
    expect(await makeVolume(root, 'data', source, 't1', { signal, mayWrite })).toEqual({ bytes: 12 });
    expect((await readdir(root)).toSorted()).toEqual(['data', 'data.origin']);
    expect((await stat(volumePath(root, 'data'))).ino).toBe(made);
  });

  test.each([1, 2, 3])(
    'is not made by one who lost the lease, found out at look %i: what another made or makes is as it was',
    async (look) => {
      const source = { from: 'folder', path: await seed() } as const;
      let asked = 0;
      const mayWrite = (): void => {
        if (++asked < look) return;
        mkdirSync(join(root, 'data.partial-other'), { recursive: true });
        throw new Fault('conflict', 'fenced', 'another has it');
      };
      await expect(makeVolume(root, 'data', source, 't1', { signal, mayWrite })).rejects.toMatchObject({ class: 'fenced' });
      expect((await readdir(root)).filter((entry) => entry !== 'data.origin')).toEqual(['data.partial-other']);
    },
  );

  test.each(['here', '/'])('is not made of a folder that it would lie in: %s', async (of) => {
    const made = makeVolume(root, 'data', { from: 'folder', path: of === 'here' ? dir : of }, 't1', { signal });
    await expect(made).rejects.toMatchObject({ kind: 'invalid', message: expect.stringContaining('holds the state folder') });
  });

  test('is not made in a folder that is gone', async () => {
    const late = makeVolume(join(dir, 'gone', 'volumes'), 'data', { from: 'empty' }, 't1', { signal });
    await expect(late).rejects.toMatchObject({ kind: 'not-found', class: 'spin-gone' });
    expect(await readdir(dir)).not.toContain('gone');
  });

  test('is made anew where a try broke off', async () => {
    await mkdir(join(root, 'data.partial-t1', 'half'), { recursive: true });
    await mkdir(join(root, 'data.partial-t0'), { recursive: true });
    expect(await volumeExists(root, 'data')).toBe(false);
    expect(await volumeLeft(root, 'data')).toBe(true);
    await makeVolume(root, 'data', { from: 'empty' }, 't1', { signal });
    expect((await readdir(root)).toSorted()).toEqual(['data', 'data.origin']);
  });

  test('that is removed leaves nothing, however often', async () => {
    await makeVolume(root, 'data', { from: 'folder', path: await seed() }, 't1', { signal });
    await chmod(join(volumePath(root, 'data'), 'sub'), 0o500);
    await removeVolume(root, 'data');
    await removeVolume(root, 'data');
    expect(await volumeLeft(root, 'data')).toBe(false);
    expect(await readdir(root)).toEqual([]);
    expect(await readFile(join(dir, 'outside.txt'), 'utf8')).toBe('do not copy me');
  });

  test('with a missing or wrong source fails with its name and leaves nothing', async () => {
    await writeFile(join(dir, 'text.tar.gz'), 'no archive');
    for (const [source, failure] of [
      [
        { from: 'folder', path: join(dir, 'none') },
        { kind: 'invalid', class: 'volume-source-missing' },
      ],
      [
        { from: 'archive', path: join(dir, 'none.tar') },
        { kind: 'invalid', class: 'volume-source-missing' },
      ],
      [
        { from: 'folder', path: join(dir, 'text.tar.gz') },
        { kind: 'invalid', class: 'volume-source-invalid' },
      ],
      [
        { from: 'archive', path: dir },
        { kind: 'invalid', class: 'volume-source-invalid' },
      ],
      [
        { from: 'archive', path: join(dir, 'text.tar.gz') },
        { kind: 'invalid', class: 'volume-source-invalid' },
      ],
    ] as const) {
      const failed = makeVolume(root, 'data', source, 't1', { signal });
      await expect(failed).rejects.toMatchObject(failure);
      await expect(failed).rejects.toThrow(/volume data/);
      expect(await volumeLeft(root, 'data')).toBe(false);
    }
  });

  test.each([
    ['an absolute path', ['--absolute-names', '/etc/hostname']],
    ['a path that climbs out', ['--absolute-names', '../climber.txt']],
  ])('refuses an archive that holds %s', async (_what, members) => {
    await mkdir(join(dir, 'in'));
    await writeFile(join(dir, 'climber.txt'), 'x');
    execFileSync('tar', ['-cf', join(dir, 'evil.tar'), ...members], { cwd: join(dir, 'in') });
    await expect(makeVolume(root, 'data', { from: 'archive', path: join(dir, 'evil.tar') }, 't1', { signal })).rejects.toMatchObject({
      class: 'volume-source-invalid',
    });
    expect(await volumeLeft(root, 'data')).toBe(false);
  });

  test('is not written through a link in its archive', async () => {
    const target = join(dir, 'target');
    await mkdir(target);
    await mkdir(join(dir, 'in'));
    await symlink(target, join(dir, 'in', 'way'));
    execFileSync('tar', ['-cf', join(dir, 'evil.tar'), 'way'], { cwd: join(dir, 'in') });
    await rm(join(dir, 'in', 'way'));
    await mkdir(join(dir, 'in', 'way'));
    await writeFile(join(dir, 'in', 'way', 'out'), 'x');
    execFileSync('tar', ['-rf', join(dir, 'evil.tar'), 'way/out'], { cwd: join(dir, 'in') });
    await makeVolume(root, 'data', { from: 'archive', path: join(dir, 'evil.tar') }, 't1', { signal }).catch(() => undefined);
    expect(await readdir(target)).toEqual([]);
  });

  test('stops being made when its signal aborts, and leaves nothing', async () => {
    const stop = new AbortController();
    const reason = new TypeError('enough');
    const made = makeVolume(root, 'data', { from: 'folder', path: await seed() }, 't1', { signal: stop.signal });
    stop.abort(reason);
    await expect(made).rejects.toBe(reason);
    expect(await volumeLeft(root, 'data')).toBe(false);
  });

  test('that is not there gives no snapshot, and a snapshot that fails leaves no file', async () => {
    await expect(snapshotVolume(root, 'data', join(dir, 'x.tar'), signal)).rejects.toMatchObject({ kind: 'not-found' });
    await makeVolume(root, 'data', { from: 'empty' }, 't1', { signal });
    await expect(snapshotVolume(root, 'data', join(dir, 'no folder', 'x.tar'), signal)).rejects.toMatchObject({ name: 'Fault' });
    await expect(lstat(join(dir, 'x.tar'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
