import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../../core/clock.ts';
import { exactDuration } from '../../core/duration.ts';
import { InternalError, messageOf, systemCode } from '../../core/errors.ts';
import type { Command, SecretSource } from '../../spec/spec.ts';
import { Fault } from '../fault.ts';
import { SHORTEST_VALUE } from './redact.ts';

/** What the sources of secrets read: the caller's environment, and the folder that paths and commands start from. */
export interface SecretIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly baseDir: string;
  readonly signal: AbortSignal;
  /** What the issuance is timed with; the machine's own unless given. */
  readonly clock?: Clock;
}

/** Longer values fit in no environment variable (128 KiB with its name, on Linux). */
const LONGEST_VALUE = 65_536;

/** The 0600 file, in a 0700 folder, that holds a secret's value and nothing else. */
export function secretFile(root: string, name: string): string {
  if (name === '' || name.startsWith('.') || name.includes('/'))
    throw new InternalError(`secret name ${JSON.stringify(name)} is no file name`);
  return join(root, name);
}

/**
 * Gets a secret from its source and keeps it in its file. The value passes through no argument list and no
 * environment but the source's own. A value that the same token got before is kept, so a retry issues nothing anew.
 * Refused: empty values, those of less than 4 characters (they could not be kept out of logs without
 * ruining them), over 64 KiB, with a NUL or not UTF-8.
 * @returns milliseconds that it took
 * @throws Fault `secret-unresolved`; its message never holds the value, nor what a command printed
 */
export async function issueSecret(
  root: string,
  name: string,
  source: SecretSource,
  token: string,
  io: SecretIo,
): Promise<{ readonly ms: number }> {
  const clock = io.clock ?? systemClock;
  const started = clock.now();
  const file = secretFile(root, name);
  io.signal.throwIfAborted();
  await mkdir(root, { recursive: true, mode: 0o700 });
  if (!(await isIssued(file, token))) {
    const value = checked(name, await valueOf(name, source, io));
    // The token goes first and comes last: a value without one was handed to nobody and is replaced.
    await rm(tokenFile(file), { force: true });
    await writePrivate(file, value);
    await writePrivate(tokenFile(file), token);
  }
  return { ms: clock.now() - started };
}

/** @throws Fault `secret-missing` (not-found) where one was not issued, or is destroyed */
export async function readSecrets(root: string, names: readonly string[]): Promise<Record<string, string>> {
  const values = await Promise.all(
    names.map(async (name) => {
      try {
        return [name, await readFile(secretFile(root, name), 'utf8')] as const;
      } catch (thrown) {
        throw new Fault(
          systemCode(thrown) === 'ENOENT' ? 'not-found' : 'denied',
          'secret-missing',
          `secret ${name} cannot be read: ${messageOf(thrown)}`,
          {
            cause: thrown,
          },
        );
      }
    }),
  );
  return Object.fromEntries(values);
}

/**
 * Overwrites, deletes and looks again, also after what a broken write left. True where it is confirmed that nothing is
 * there any more. On file systems that write elsewhere than in place the overwriting is as good as they allow.
 */
export async function destroySecret(root: string, name: string): Promise<boolean> {
  const file = secretFile(root, name);
  const gone = await Promise.all([file, partialFile(file), tokenFile(file), partialFile(tokenFile(file))].map(destroyFile));
  await syncFolder(root);
  return gone.every(Boolean);
}

async function isIssued(file: string, token: string): Promise<boolean> {
  try {
    return (await readFile(tokenFile(file), 'utf8')) === token && (await lstat(file)).isFile();
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return false;
    throw storeFault(thrown);
  }
}

async function valueOf(name: string, source: SecretSource, io: SecretIo): Promise<string> {
  switch (source.from) {
    case 'generate':
      // URL-safe base64 carries 6 bits a character: needs no quoting in URLs, shells or YAML.
      return randomBytes(Math.ceil((source.length * 3) / 4))
        .toString('base64url')
        .slice(0, source.length);
    case 'env': {
      const value = io.env[source.variable];
      if (value === undefined) throw unresolved(name, `the environment variable ${source.variable} is not set`);
      return value;
    }
    case 'file':
      return withoutNewline(decoded(name, await readBounded(name, resolve(io.baseDir, source.path))));
    case 'command':
      return withoutNewline(decoded(name, await outputOf(name, source.command, source.timeoutMs, io)));
  }
}

async function readBounded(name: string, path: string): Promise<Uint8Array> {
  try {
    const handle = await open(path, 'r');
    try {
      const bytes = Buffer.alloc(LONGEST_VALUE + 3);
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null);
        length += bytesRead;
        if (bytesRead === 0 || length === bytes.length) return bytes.subarray(0, length);
      }
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    const code = systemCode(thrown);
    throw unresolved(
      name,
      `its file cannot be read: ${messageOf(thrown)}`,
      code === 'EACCES' || code === 'EPERM' ? 'denied' : 'invalid',
      thrown,
    );
  }
}

/** Standard output of a command. What it prints on standard error is dropped: it may hold the value. */
async function outputOf(name: string, command: Command, timeoutMs: number, io: SecretIo): Promise<Uint8Array> {
  const { execa } = await import('execa');
  const [file, args, shell] = typeof command === 'string' ? [command, [], true] : [command[0], command.slice(1), false];
  const shown = JSON.stringify(typeof command === 'string' ? command : command.join(' '));
  const child = execa(file, args, {
    shell,
    cwd: io.baseDir,
    env: io.env,
    extendEnv: false,
    stdin: 'ignore',
    stderr: 'ignore',
    encoding: 'buffer',
    stripFinalNewline: false,
    maxBuffer: LONGEST_VALUE + 2,
    reject: false,
    // A group of its own, so that what a shell started ends with it.
    detached: true,
    timeout: timeoutMs,
    cancelSignal: io.signal,
    killSignal: 'SIGKILL',
  });
  const endGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group is gone, which is what was asked for.
    }
  };
  const timer = setTimeout(endGroup, timeoutMs);
  io.signal.addEventListener('abort', endGroup, { once: true });
  try {
    const result = await child;
    io.signal.throwIfAborted();
    if (!result.failed) return result.stdout;
    endGroup();
    if (result.timedOut) throw unresolved(name, `its command did not end within ${exactDuration(timeoutMs)}: ${shown}`);
    if (result.isMaxBuffer) throw unresolved(name, `its command printed more than ${LONGEST_VALUE} bytes: ${shown}`);
    if (result.exitCode === 127 || result.code === 'ENOENT') throw unresolved(name, `its command was not found: ${shown}`);
    if (result.exitCode === 126 || result.code === 'EACCES') throw unresolved(name, `its command may not be run: ${shown}`, 'denied');
    const how = result.exitCode === undefined ? `was ended by ${result.signal ?? 'a failure to start'}` : `exited with ${result.exitCode}`;
    throw unresolved(name, `its command ${how} (run it by hand to see why): ${shown}`);
  } finally {
    clearTimeout(timer);
    io.signal.removeEventListener('abort', endGroup);
  }
}

function decoded(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Without the cause: it might quote the bytes.
    throw unresolved(name, 'its value is not UTF-8 text');
  }
}

function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function checked(name: string, value: string): string {
  if (value === '') throw unresolved(name, 'its value is empty');
  if (value.length < SHORTEST_VALUE)
    throw unresolved(name, `its value has less than ${SHORTEST_VALUE} characters and could not be kept out of logs`);
  if (Buffer.byteLength(value) > LONGEST_VALUE) throw unresolved(name, `its value is longer than ${LONGEST_VALUE} bytes`);
  if (value.includes('\0')) throw unresolved(name, 'its value holds a NUL character');
  return value;
}

function unresolved(name: string, why: string, kind: 'invalid' | 'denied' = 'invalid', cause?: unknown): Fault {
  return new Fault(kind, 'secret-unresolved', `secret ${name}: ${why}`, cause === undefined ? {} : { cause });
}

function tokenFile(file: string): string {
  return `${file}.token`;
}

function partialFile(file: string): string {
  return `${file}.partial`;
}

/** Writes a 0600 file whole or not at all. The partial file's name is fixed, so that destroySecret finds it. */
async function writePrivate(file: string, text: string): Promise<void> {
  const partial = partialFile(file);
  try {
    await rm(partial, { force: true });
    const handle = await open(partial, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
  } catch (thrown) {
    await destroyFile(partial);
    throw storeFault(thrown);
  }
}

function storeFault(thrown: unknown): Fault {
  const code = systemCode(thrown);
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new Fault(
    full ? 'capacity' : 'denied',
    full ? 'disk-full' : 'state-unwritable',
    `a secret's file cannot be written: ${messageOf(thrown)}`,
    {
      cause: thrown,
    },
  );
}

async function destroyFile(file: string): Promise<boolean> {
  try {
    const handle = await open(file, constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      await handle.write(Buffer.alloc((await handle.stat()).size), 0, null, 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // What cannot be overwritten is still deleted; a file that is not there is confirmed below.
  }
  await unlink(file).catch(() => undefined);
  return lstat(file).then(
    () => false,
    (thrown: unknown) => systemCode(thrown) === 'ENOENT' || systemCode(thrown) === 'ENOTDIR',
  );
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
