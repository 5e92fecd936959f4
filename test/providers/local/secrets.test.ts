import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { destroySecret, issueSecret, readSecrets, secretFile } from '../../../src/providers/local/secrets.ts';
import { Fault } from '../../../src/providers/fault.ts';
import type { SecretIo } from '../../../src/providers/secret-source.ts';
import type { SecretSource } from '../../../src/spec/spec.ts';

let dir: string;
let root: string;
let io: SecretIo;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spin-secrets-'));
  root = join(dir, 'secrets');
  io = { env: { PATH: '/usr/bin:/bin', DB_PASSWORD: 'from the env' }, baseDir: dir, signal: new AbortController().signal };
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function valueOf(source: SecretSource): Promise<string | undefined> {
  await issueSecret(root, 'db', source, JSON.stringify(source), io);
  return (await readSecrets(root, ['db']))['db'];
}

const command = (run: string | readonly [string, ...string[]], timeoutMs = 5_000): SecretSource => ({
  from: 'command',
  command: run,
  timeoutMs,
});

describe('a secret', () => {
  test('is generated: as long as asked, URL-safe, another each time', async () => {
    const first = await valueOf({ from: 'generate', length: 37 });
    expect(first).toMatch(/^[\w-]{37}$/);
    expect(await valueOf({ from: 'generate', length: 38 })).not.toContain(first);
  });

  test('comes from the environment as it stands there', async () => {
    expect(await valueOf({ from: 'env', variable: 'DB_PASSWORD' })).toBe('from the env');
  });

  test('comes from a file without its last newline', async () => {
    await writeFile(join(dir, 'pw'), ' two\nlines \r\n');
    expect(await valueOf({ from: 'file', path: join(dir, 'pw') })).toBe(' two\nlines ');
  });

  test('comes from what a command prints, by the shell or as a list', async () => {
    expect(await valueOf(command('echo "$DB_PASSWORD"; echo noise >&2'))).toBe('from the env');
    expect(await valueOf(command(['printf', '%s\\n\\n', 'pass word']))).toBe('pass word\n');
    expect(await valueOf(command('pwd'))).toBe(dir);
  });

  test('lies in a 0600 file in a 0700 folder', async () => {
    await valueOf({ from: 'generate', length: 20 });
    expect((await stat(root)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(root)) expect((await stat(join(root, name))).mode & 0o777).toBe(0o600);
  });

  test('is kept for the same token and issued anew for another', async () => {
    const source = { from: 'generate', length: 20 } as const;
    const value = async (token: string) => {
      const { ms } = await issueSecret(root, 'db', source, token, io);
      expect(ms).toBeGreaterThanOrEqual(0);
      return readFile(secretFile(root, 'db'), 'utf8');
    };
    const first = await value('t1');
    expect(await value('t1')).toBe(first);
    expect(await value('t2')).not.toBe(first);
  });

  test('that was written without its token being noted is issued anew', async () => {
    await issueSecret(root, 'db', { from: 'env', variable: 'DB_PASSWORD' }, 't1', io);
    await rm(join(root, 'db.token'));
    await issueSecret(root, 'db', { from: 'generate', length: 20 }, 't1', io);
    expect(await readFile(secretFile(root, 'db'), 'utf8')).not.toBe('from the env');
  });

  test('is destroyed, with all that belongs to it, however often', async () => {
    await valueOf({ from: 'generate', length: 20 });
    await writeFile(join(root, 'db.partial'), 'half');
    await destroySecret(root, 'db');
    expect(await readdir(root)).toEqual([]);
    await destroySecret(root, 'db');
    await destroySecret(join(dir, 'never'), 'db');
    await expect(readSecrets(root, ['db'])).rejects.toMatchObject({ kind: 'not-found', class: 'secret-missing' });
  });

  test.each([
    ['an unset variable', { from: 'env', variable: 'NONE' }, /NONE is not set/],
    ['a missing file', { from: 'file', path: '/nonexistent/pw' }, /cannot be read/],
    ['an empty value', command('true'), /is empty/],
    ['a value that is too short to be redacted', command('echo abc'), /less than 4/],
    ['a value with a NUL', command("printf 'abc\\0def'"), /NUL/],
    ['a value that is no text', command("printf 'abc\\377def'"), /UTF-8/],
    ['an endless value', { from: 'file', path: '/dev/zero' }, /longer than/],
    ['an endless command', command('yes'), /more than/],
    ['a command that fails', command('exit 3'), /exited with 3/],
    ['a command that is missing, in the shell', command('no-such-command-x'), /not found/],
    ['a command that is missing, in a list', command(['no-such-command-x']), /not found/],
  ] as const)('is refused for %s', async (_what, source, message) => {
    const issued = issueSecret(root, 'db', source, 't1', io);
    await expect(issued).rejects.toMatchObject({ name: 'Fault', kind: 'invalid', class: 'secret-unresolved' });
    await expect(issued).rejects.toThrow(message);
    expect(await readdir(root)).toEqual([]);
  });

  test('is not told by what its command printed before it failed', async () => {
    const source = command(['sh', '-c', 'base64 -d pw >&2; base64 -d pw; exit 3']);
    await writeFile(join(dir, 'pw'), Buffer.from('leaked-value').toString('base64'));
    const failure = await issueSecret(root, 'db', source, 't1', io).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ class: 'secret-unresolved' });
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain('leaked-value');
  });

  test.each(['its time is up', 'the signal aborts'])('whose command hangs ends with its whole group when %s', async (when) => {
    const stop = new AbortController();
    const marker = `29${process.pid}.${when.length}`;
    const issued = issueSecret(
      root,
      'db',
      command(`sleep ${marker} & echo $! > pid; wait`, when === 'its time is up' ? 400 : 60_000),
      't1',
      { ...io, signal: stop.signal },
    );
    const failure = issued.catch((thrown: unknown) => String(thrown));
    let pid = '';
    while (pid === '') pid = (await readFile(join(dir, 'pid'), 'utf8').catch(() => '')).trim();
    if (when === 'the signal aborts') stop.abort(new TypeError('stop it'));
    expect(await failure).toMatch(when === 'its time is up' ? /did not end within 400ms/ : /stop it/);
    await expect
      .poll(() =>
        readFile(`/proc/${pid}/stat`, 'utf8').then(
          (text) => / [ZX] /.test(text),
          () => true,
        ),
      )
      .toBe(true);
  });

  test('that comes back while it is destroyed, or cannot be, is said to be left, and the rest is destroyed', async () => {
    await valueOf({ from: 'generate', length: 20 });
    await rm(secretFile(root, 'db'));
    await mkdir(secretFile(root, 'db'));
    await expect(destroySecret(root, 'db')).rejects.toMatchObject({ kind: 'transient', class: 'secret-left', passes: true });
    expect(await readdir(root)).toEqual(['db']);
  });

  test('is not written by one who lost the lease while it was read, nor into a folder that is gone', async () => {
    const mayWrite = (): never => {
      throw new Fault('conflict', 'fenced', 'another has it');
    };
    await expect(issueSecret(root, 'db', command('echo sesame'), 't1', { ...io, mayWrite })).rejects.toMatchObject({ class: 'fenced' });
    expect(await readdir(root)).toEqual([]);
    const late = issueSecret(join(dir, 'gone', 'secrets'), 'db', command('echo sesame'), 't1', io);
    await expect(late).rejects.toMatchObject({ kind: 'not-found', class: 'spin-gone' });
    expect(await readdir(dir)).toEqual(['secrets']);
  });

  test('whose file may not be read is denied', async ({ skip }) => {
    skip(process.getuid?.() === 0, 'root may read everything');
    await writeFile(join(dir, 'pw'), 'unreadable');
    await chmod(join(dir, 'pw'), 0);
    await expect(valueOf({ from: 'file', path: join(dir, 'pw') })).rejects.toMatchObject({ kind: 'denied' });
  });

  test('leaves its place free after a destruction that found a link there', async () => {
    await valueOf({ from: 'generate', length: 20 });
    await rm(secretFile(root, 'db'));
    await writeFile(join(dir, 'other'), 'not yours');
    await symlink(join(dir, 'other'), secretFile(root, 'db'));
    await destroySecret(root, 'db');
    expect(await readFile(join(dir, 'other'), 'utf8')).toBe('not yours');
    await expect(lstat(secretFile(root, 'db'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
