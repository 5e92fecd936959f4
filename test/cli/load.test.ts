import { execFile } from 'node:child_process';
import { appendFile, chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const LOAD = join(import.meta.dirname, '../../bin/load.js');
const PROGRAM = 'require(process.argv[1]).load(process.argv[2], process.argv[3]).main(process.argv.slice(4))';
const FILLER = `// ${'x'.repeat(5_000)}\n`;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'spin-load-'));
  await build('first');
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** A build of an entry and a part that it requires, as rolldown makes them; the part says its version and calls what it is told to call. */
async function build(version: string, id = version): Promise<void> {
  const dist = join(root, 'dist');
  await mkdir(dist, { recursive: true });
  await writeFile(join(dist, 'main.cjs'), wrapped(`exports.main = (args) => require('./part.cjs').run(args);`));
  await writeFile(join(dist, 'main.id'), `${id}\n`);
  await writeFile(
    join(dist, 'part.cjs'),
    wrapped(`${FILLER}function one() { return 'one'; }
function two() { return 'two of ' + require('node:path').basename(__filename); }
exports.run = ([what, exit = '0']) => {
  console.log('${version}', what === 'two' ? two() : one());
  process.exitCode = Number(exit);
};`),
  );
}

function wrapped(code: string): string {
  return `(function (exports, require, module, __filename, __dirname) {${code}\n})`;
}

interface Ran {
  readonly out: string;
  readonly failed: boolean;
}

function run(use: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}, program = PROGRAM): Promise<Ran> {
  return new Promise((resolve) => {
    const argv = ['-e', program, LOAD, join(root, 'dist', 'main.cjs'), use, ...args];
    execFile(process.execPath, argv, { env: { XDG_CACHE_HOME: join(root, 'cache'), ...env }, encoding: 'utf8' }, (error, stdout, stderr) =>
      resolve({ out: stdout + stderr, failed: error !== null }),
    );
  });
}

const codeRoot = (): string => join(root, 'cache', 'spin', 'code');

async function folder(id = 'first'): Promise<string> {
  const found = (await readdir(codeRoot())).find((name) => name.startsWith(`${id}-`));
  if (found === undefined) throw new Error(`no code of build ${id} is kept`);
  return join(codeRoot(), found);
}

async function codeOf(use: string): Promise<Buffer> {
  return readFile(join(await folder(), `part.${use}`));
}

/** The second number in a file of kept code. */
const runsIn = (code: Buffer): number => code.readUInt32LE(4);

describe('what is built', () => {
  it('runs, with what it requires', async () => {
    expect(await run('up', ['two'])).toEqual({ out: 'first two of part.cjs\n', failed: false });
  });

  it('leaves its code behind, of each use its own, for this user alone', async () => {
    await run('up');
    await run('down');
    expect((await readdir(await folder())).toSorted()).toEqual(['part.down', 'part.up']);
    expect((await stat(await folder())).mode & 0o777).toBe(0o700);
    expect((await stat(join(await folder(), 'part.up'))).mode & 0o777).toBe(0o600);
  });

  it('adds what other runs of the same use called, three times, and then leaves it', async () => {
    await run('up', ['one']);
    const first = await codeOf('up');
    await run('up', ['two']);
    const second = await codeOf('up');
    expect(second.length).toBeGreaterThan(first.length);
    await run('up', ['one']);
    const third = await codeOf('up');
    // What an earlier run called is not lost where this one did not call it.
    expect([third.length, runsIn(first), runsIn(second), runsIn(third)]).toEqual([second.length, 1, 2, 3]);
    await utimes(join(await folder(), 'part.up'), 1, 1);
    await run('up', ['two']);
    expect((await stat(join(await folder(), 'part.up'))).mtimeMs).toBe(1_000);
  });

  it('does not learn from a run that failed', async () => {
    expect(await run('up', ['one', '1'])).toEqual({ out: 'first one\n', failed: true });
    await expect(readdir(codeRoot())).rejects.toThrow('ENOENT');
  });

  it.each([
    ['cut short', async (file: string) => truncate(file, (await stat(file)).size - 100)],
    ['longer than it says', async (file: string) => appendFile(file, 'x')],
    ['empty', async (file: string) => truncate(file, 0)],
    ['something else', async (file: string) => writeFile(file, 'x'.repeat(10_000))],
    [
      'of another V8',
      async (file: string) => {
        const bytes = await readFile(file);
        for (const copy of [16, 16 + (bytes.length - 16) / 2]) bytes.fill(0xff, copy, copy + 32);
        await writeFile(file, bytes);
      },
    ],
    [
      'not as it was written, by one bit',
      async (file: string) => {
        const bytes = await readFile(file);
        const at = Math.floor(bytes.length / 3);
        bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
        await writeFile(file, bytes);
      },
    ],
    ['writable by others', async (file: string) => chmod(file, 0o622)],
  ])('does without kept code that is %s, and keeps it anew', async (_, spoil) => {
    for (const what of ['one', 'two', 'one']) await run('up', [what]);
    const file = join(await folder(), 'part.up');
    await spoil(file);
    expect(await run('up', ['two'])).toEqual({ out: 'first two of part.cjs\n', failed: false });
    expect(runsIn(await codeOf('up'))).toBe(1);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it.skipIf(process.getuid?.() !== 0)('takes no code that another user owns', async () => {
    for (const what of ['one', 'two', 'one']) await run('up', [what]);
    const file = join(await folder(), 'part.up');
    await chown(file, 65_534, 65_534);
    expect((await run('up', ['two'])).out).toBe('first two of part.cjs\n');
    expect([(await stat(file)).uid, runsIn(await codeOf('up'))]).toEqual([0, 1]);
  });

  it('gives nobody an empty module where one could not be loaded', async () => {
    const twice = `for (const _ of [1, 2]) try { require('./part.cjs'); console.log('loaded'); } catch (thrown) { console.log(thrown.code); }`;
    await writeFile(join(root, 'dist', 'main.cjs'), wrapped(`exports.main = () => { ${twice} };`));
    await rm(join(root, 'dist', 'part.cjs'));
    expect((await run('up')).out).toBe('ENOENT\nENOENT\n');
  });

  it('never takes the code of another build, were it of the same length', async () => {
    await run('up');
    await build('other', 'second');
    expect((await run('up')).out).toBe('other one\n');
    expect((await readdir(codeRoot())).length).toBe(2);
  });

  it('forgets builds that were not run for a month when another is first run', async () => {
    await run('up');
    const old = await folder();
    await cp(old, `${old}-older`, { recursive: true });
    await utimes(`${old}-older`, 1, 1);
    await build('other', 'second');
    await run('up');
    expect((await readdir(codeRoot())).map((name) => name.replace(/-.*/, '')).toSorted()).toEqual(['first', 'second']);
  });

  it('runs where nothing can be kept, and where nothing shall be', async () => {
    await writeFile(join(root, 'cache'), 'a file where the folder should be');
    expect(await run('up')).toEqual({ out: 'first one\n', failed: false });
    await rm(join(root, 'cache'));
    expect((await run('up', [], { NODE_DISABLE_COMPILE_CACHE: '1' })).out).toBe('first one\n');
    expect((await run('up', [], { XDG_CACHE_HOME: 'relative' })).out).toBe('first one\n');
    expect((await run('up', [], { XDG_CACHE_HOME: '' })).out).toBe('first one\n');
    expect((await readdir(root)).toSorted()).toEqual(['dist']);
  });

  it('lets no command fail for code that cannot be kept', async () => {
    // As where somebody else, say root with this home, has made the folder.
    const refused = `const fs = require('node:fs');
const refuse = () => { throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' }); };
fs.writeFileSync = fs.rmSync = refuse;
${PROGRAM}`;
    expect(await run('up', [], {}, refused)).toEqual({ out: 'first one\n', failed: false });
  });

  it('stands many runs at once', async () => {
    const runs = await Promise.all(Array.from({ length: 8 }, (_, index) => run('up', [index % 2 === 0 ? 'one' : 'two'])));
    expect(runs.filter(({ failed }) => failed)).toEqual([]);
    expect(await readdir(await folder())).toEqual(['part.up']);
    expect((await run('up', ['two'])).out).toBe('first two of part.cjs\n');
  });
});
