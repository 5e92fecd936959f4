import { constants } from 'node:fs';
import { lstat, open, readFile, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../core/clock.ts';
import { InternalError, messageOf, systemCode } from '../../core/errors.ts';
import type { SecretSource } from '../../spec/spec.ts';
import { Fault } from '../fault.ts';
import type { SecretIo } from '../secret-source.ts';
import { makeSubfolder } from './subfolder.ts';

/** What a secret is read and timed with; the machine's own clock unless given. */
interface IssueIo extends SecretIo {
  readonly clock?: Clock;
  /** Asked before the value is written, as reading it can take long. Throws where another has the lease by now. */
  readonly mayWrite?: () => void;
}

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
 * @throws Fault `spin-gone`; what `mayWrite` throws; `secret-unresolved`: its message never holds the value, nor what a command printed
 */
export async function issueSecret(
  root: string,
  name: string,
  source: SecretSource,
  token: string,
  io: IssueIo,
): Promise<{ readonly ms: number }> {
  const clock = io.clock ?? systemClock;
  const started = clock.now();
  const file = secretFile(root, name);
  io.signal.throwIfAborted();
  makeSubfolder(root);
  if (!(await isIssued(file, token))) {
    const { readSecretSource } = await import('../secret-source.ts');
    const value = await readSecretSource(name, source, io);
    io.mayWrite?.();
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
 * Overwrites, deletes and looks again, also after what a broken write left. On file systems that write elsewhere than in place the
 * overwriting is as good as they allow.
 * @throws Fault `secret-left` where something is there still: `transient`, as another may have been writing, or `denied`
 */
export async function destroySecret(root: string, name: string): Promise<void> {
  const file = secretFile(root, name);
  const files = [file, partialFile(file), tokenFile(file), partialFile(tokenFile(file))];
  const results = await Promise.allSettled(files.map(destroyFile));
  await syncFolder(root);
  const left = results.find((result) => result.status === 'rejected');
  if (left === undefined) return;
  const code = systemCode(left.reason);
  const kind = code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'denied' : 'transient';
  throw new Fault(kind, 'secret-left', `secret ${name} could not be destroyed: ${messageOf(left.reason)}`, { cause: left.reason });
}

async function isIssued(file: string, token: string): Promise<boolean> {
  try {
    return (await readFile(tokenFile(file), 'utf8')) === token && (await lstat(file)).isFile();
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return false;
    throw storeFault(thrown);
  }
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
    await destroyFile(partial).catch(() => undefined);
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

/** @throws the system's error; Fault where it came back */
async function destroyFile(file: string): Promise<void> {
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
  await ignoreMissing(unlink(file));
  if ((await ignoreMissing(lstat(file))) !== undefined) throw new Fault('transient', 'secret-left', 'it was written again');
}

async function ignoreMissing<T>(done: Promise<T>): Promise<T | undefined> {
  try {
    return await done;
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT' || systemCode(thrown) === 'ENOTDIR') return undefined;
    throw thrown;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
