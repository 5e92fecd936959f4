import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { init, templates } from '../../src/app/init.ts';
import { snapshot } from '../../src/app/snapshot.ts';
import { status } from '../../src/app/status.ts';
import { up } from '../../src/app/up.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { createFakeProvider } from '../fakes/provider.ts';
import { appFor, Place } from './world.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spin init ✓ '));
  await mkdir(join(dir, 'templates', 'web', 'bin'), { recursive: true });
  await mkdir(join(dir, 'work'));
  await writeFile(join(dir, 'templates', 'web', 'spin.yaml'), '# A web service.\nname: web\nttl: 4h\nservices: { web: { run: web } }\n');
  await writeFile(join(dir, 'templates', 'web', 'bin', 'serve.js'), 'serve();\n');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const app = () => appFor(new Place(), { cwd: join(dir, 'work'), templatesDir: join(dir, 'templates') });

it('copies a starter spec, with the folders below it, and says what to type next', async () => {
  expect(await init(app(), { template: 'web', force: false })).toEqual({
    template: 'web',
    files: ['bin/serve.js', 'spin.yaml'],
    next: 'spin up',
  });
  expect(await readFile(join(dir, 'work', 'bin', 'serve.js'), 'utf8')).toBe('serve();\n');
  expect(await init(app(), { template: 'web', dir: 'deep/er', force: false })).toMatchObject({
    files: ['deep/er/bin/serve.js', 'deep/er/spin.yaml'],
    next: 'cd deep/er && spin up',
  });
});

it('overwrites nothing unless told to, and writes nothing where one file is there', async () => {
  await writeFile(join(dir, 'work', 'spin.yaml'), 'mine\n');
  await expect(init(app(), { template: 'web', force: false })).rejects.toMatchObject({ code: 'file-exists' });
  await expect(readFile(join(dir, 'work', 'bin', 'serve.js'))).rejects.toMatchObject({ code: 'ENOENT' });
  await init(app(), { template: 'web', force: true });
  expect(await readFile(join(dir, 'work', 'spin.yaml'), 'utf8')).toContain('name: web');
});

it('lists the templates, and suggests the one that was meant', async () => {
  expect(await templates(app())).toEqual([{ name: 'web', summary: 'A web service.' }]);
  await expect(init(app(), { template: 'wep', force: false })).rejects.toMatchObject({
    code: 'usage',
    hint: expect.stringContaining('web'),
  });
});

it('finds the spin of the spec in the working directory', async () => {
  const place = new Place();
  const here = () => appFor(place, { cwd: join(dir, 'work') });
  await writeFile(join(dir, 'work', 'spin.yaml'), 'name: shop\nttl: 100d\nservices: { web: { run: web } }\n');
  await place.run(up(here(), { onFailure: 'keep' }));
  expect(await place.run(status(here(), {}))).toMatchObject({ id: 'shop', state: 'up' });
});

it('writes a snapshot of a volume into the working directory, or says which volumes there are', async () => {
  const place = new Place();
  const cwd = join(dir, 'work');
  const spec = 'name: shop\nttl: 4h\nvolumes: { data: {} }\nservices: { db: { run: db, volumes: [data] } }\n';
  await place.run(up(appFor(place, { spec }), { file: '-', onFailure: 'keep' }));
  const write = (force = false) => snapshot(appFor(place, { cwd }), { id: 'shop', volume: 'data', force });
  const outcome = await write();
  expect(outcome.file).toBe(join(cwd, 'shop-data.tar.gz'));
  expect((await readFile(outcome.file)).length).toBe(outcome.bytes);
  await writeFile(outcome.file, 'mine');
  await expect(write()).rejects.toMatchObject({ code: 'file-exists', hint: 'name another file, or add --force' });
  expect(await readFile(outcome.file, 'utf8')).toBe('mine');
  expect(await write(true)).toEqual(outcome);
  await expect(snapshot(appFor(place, { cwd }), { id: 'shop', volume: 'date', force: false })).rejects.toMatchObject({
    code: 'service-not-found',
    hint: expect.stringContaining('data'),
  });
});

it('names a snapshot as its provider writes it, and tells what that keeps', async () => {
  const place = new Place();
  const spec = 'name: shop\nttl: 4h\nvolumes: { data: {} }\nservices: { db: { run: db, volumes: [data] } }\n';
  await place.run(up(appFor(place, { spec }), { file: '-', onFailure: 'keep' }));
  const kept = { id: 'snap-1', deleteWith: 'aws ec2 delete-snapshot --snapshot-id snap-1' };
  const provider: Provider = {
    ...createFakeProvider(place.world),
    snapshotEnding: '.json',
    snapshot: () => Promise.resolve({ bytes: 9, kept }),
  };
  expect(await snapshot(appFor(place, { cwd: dir, provider }), { id: 'shop', volume: 'data', force: false })).toEqual({
    id: 'shop',
    volume: 'data',
    file: join(dir, 'shop-data.json'),
    bytes: 9,
    kept,
  });
});
