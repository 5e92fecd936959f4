import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { project } from './project.ts';

test('a volume starts as a copy of a folder, is kept over a change, goes into a snapshot, and a new spin starts from that', async () => {
  const here = project('volümes and snapshots');
  here.write('seed/table one.txt', 'first row\n');
  here.write('seed/deep/er/file', 'x');
  const spec = (level: string, source = '{ folder: seed }', name = 'store') => `
name: ${name}
ttl: 1h
volumes: { data: ${source}, empty: {} }
services:
  db:
    run: 'echo "$LEVEL" >> "$DATA_DIR/table one.txt"; exec sleep 1000'
    volumes: { data: DATA_DIR, empty: SCRATCH }
    env: { LEVEL: ${level} }
    health: { command: 'grep -q "$LEVEL" "$DATA_DIR/table one.txt"', interval: 20ms }
`;
  here.spec(spec('one'));
  await here.ok(['up']);
  const table = () =>
    here
      .run(['exec', 'store', 'db', '--', 'cat', '-n', 'table one.txt'], {})
      .then(() => volumeFile(here.folders('store')[0] ?? '', 'data', 'table one.txt'));
  expect(await table()).toBe('first row\none\n');
  expect(readFileSync(join(here.dir, 'seed/table one.txt'), 'utf8')).toBe('first row\n');

  // A service with a volume is never beside its successor: it is recreated.
  here.spec(spec('two'));
  expect((await here.json(['up'])).result).toMatchObject({ result: 'changed' });
  expect(await table()).toBe('first row\none\ntwo\n');
  // A health command that runs just now carries the mark of its instance too.
  expect(new Set(here.services().map(({ instance }) => instance))).toEqual(new Set(['db@2.1']));

  const made = await here.json<{ file: string; bytes: number }>(['snapshot', 'store', 'data', 'räw data.tar.gz']);
  const archive = join(here.dir, 'räw data.tar.gz');
  expect(made.result).toMatchObject({ bytes: statSync(archive).size });
  expect(execFileSync('tar', ['tzf', archive], { encoding: 'utf8' })).toContain('table one.txt');
  await here.ok(['down', '--yes']);
  expect(existsSync(archive)).toBe(true);

  here.spec(spec('three', "{ archive: 'räw data.tar.gz' }", 'copy'));
  await here.ok(['up']);
  expect(volumeFile(here.folders('copy')[0] ?? '', 'data', 'table one.txt')).toBe('first row\none\ntwo\nthree\n');
  expect(volumeFile(here.folders('copy')[0] ?? '', 'data', 'deep/er/file')).toBe('x');
  expect(await here.run(['snapshot', 'copy', 'none'])).toMatchObject({ code: 2 });
});

test('what a changed spec would lose is refused, and nothing is touched', async () => {
  const here = project();
  const spec = (source: string) =>
    `name: store\nttl: 1h\nvolumes: { data: ${source} }\nservices: { db: { run: exec sleep 1000, volumes: [data], health: { alive: 20ms } } }\n`;
  here.write('seed/file', 'x');
  here.spec(spec('{}'));
  await here.run(['up']);
  const [before] = here.services();
  here.spec(spec('{ folder: seed }'));
  expect((await here.json(['up'])).error).toMatchObject({ code: 'change-refused' });
  expect(await here.run(['plan'])).toMatchObject({ code: 5 });
  expect(here.services()).toEqual([before]);
});

test('an archive that is damaged, or that would write outside its volume, is refused and leaves nothing', async () => {
  const here = project();
  here.write('broken.tar.gz', 'this is no archive');
  here.write('inside', 'x');
  execFileSync('tar', ['czPf', 'escape.tar.gz', '--transform', 's,^inside,../../../escaped,', 'inside'], { cwd: here.dir });
  for (const archive of ['broken.tar.gz', 'escape.tar.gz']) {
    here.spec(
      `name: store\nttl: 1h\nvolumes: { data: { archive: ${archive} } }\nservices: { db: { run: exec sleep 1000, volumes: [data], health: { alive: 20ms } } }\n`,
    );
    expect((await here.json(['up'])).exit, archive).toBe(1);
    expect(here.leftovers()).toEqual([]);
  }
  expect(existsSync(join(here.state, 'local', 'escaped'))).toBe(false);
});

test('a job runs once: what it wrote is there, and another up does not run it again', async () => {
  const here = project();
  here.spec(`
name: nightly
ttl: 1h
volumes: { out: {} }
services:
  job: { run: 'echo ran >> "$OUT_DIR/log"', job: true, volumes: [out] }
  after: { run: 'exec sleep 1000', needs: [job], health: { alive: 20ms } }
`);
  expect((await here.json(['up'])).result).toMatchObject({ state: 'up' });
  expect((await here.json(['up'])).result).toMatchObject({ result: 'unchanged' });
  expect(volumeFile(here.folders('nightly')[0] ?? '', 'out', 'log')).toBe('ran\n');
});

function volumeFile(folder: string, volume: string, file: string): string {
  return readFileSync(join(folder, 'volumes', volume, file), 'utf8');
}
