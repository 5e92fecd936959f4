import { constants, type Dirent, existsSync } from 'node:fs';
import { chmod, cp, lstat, open, readFile, readdir, realpath, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InternalError, messageOf, systemCode } from '../../core/errors.ts';
import type { VolumeSource } from '../../spec/spec.ts';
import { Fault } from '../fault.ts';
import { makeSubfolder } from './subfolder.ts';

/** Where a volume's content is. */
export function volumePath(root: string, name: string): string {
  if (name === '' || name.startsWith('.') || name.includes('/'))
    throw new InternalError(`volume name ${JSON.stringify(name)} is no folder name`);
  return join(root, name);
}

/** What a volume is made under. */
interface MakeIo {
  readonly signal: AbortSignal;
  /** Asked before anything is removed, written or in its place, as filling it can take long. Throws where another has the lease by now. */
  readonly mayWrite?: () => void;
}

/**
 * Makes a volume from its source. It appears whole or not at all: it is filled beside its place and renamed. What a
 * broken try left is removed first. The same token again answers with the volume that is there, unread, also where another made it meanwhile.
 * Links are copied as links and never followed; modes and times are kept; sockets, pipes and devices are left out.
 * @returns bytes of its regular files
 * @throws Fault `spin-gone`; what `mayWrite` throws; `volume-source-missing`, `volume-source-invalid` (invalid), `volume-exists` (conflict: made with another
 *   token), `disk-full` (capacity), `volume-unreadable` (denied)
 */
export async function makeVolume(
  root: string,
  name: string,
  source: VolumeSource,
  token: string,
  { signal, mayWrite }: MakeIo,
): Promise<{ readonly bytes: number }> {
  const path = volumePath(root, name);
  signal.throwIfAborted();
  if (await volumeExists(root, name)) return madeWith(token, root, name);
  // Another name for each: whoever lost the lease, and does not know it yet, fills its own.
  const partial = `${path}.partial-${process.getBuiltinModule('node:crypto').randomBytes(6).toString('hex')}`;
  try {
    mayWrite?.();
    await removePartial(root, name);
    for (const folder of [root, partial]) makeSubfolder(folder);
    await fill(partial, name, source, signal);
    const bytes = await sizeOf(partial, signal);
    if (await takesPlace(root, name, { partial, token, bytes }, mayWrite)) return { bytes };
    await removeTree(partial);
  } catch (thrown) {
    const fault = await asFault(thrown, root, `volume ${name} cannot be made`);
    await removeTree(partial).catch(() => undefined);
    signal.throwIfAborted();
    throw fault;
  }
  return madeWith(token, root, name);
}

/** False where something is there already, which stays as it is: a rename alone would replace what is empty. */
async function takesPlace(
  root: string,
  name: string,
  { partial, ...origin }: Origin & { readonly partial: string },
  mayWrite: MakeIo['mayWrite'],
): Promise<boolean> {
  const path = volumePath(root, name);
  const isFree = (): boolean => {
    mayWrite?.();
    return !existsSync(path);
  };
  if (!isFree()) return false;
  await writeOrigin(root, name, origin);
  if (!isFree()) return false;
  try {
    await rename(partial, path);
    return true;
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOTEMPTY' || systemCode(thrown) === 'EEXIST') return false;
    throw thrown;
  }
}

/** Removes a volume and what broken tries at making it left; nothing happens where there is none. @throws Fault */
export async function removeVolume(root: string, name: string): Promise<void> {
  const path = volumePath(root, name);
  try {
    await removePartial(root, name);
    await removeTree(path);
    // Last, so that a removal that broke off can still be told from a volume of another request.
    await rm(originFile(root, name), { force: true });
  } catch (thrown) {
    throw await asFault(thrown, root, `volume ${name} cannot be removed`);
  }
}

/** Removes what broken tries at making a volume left. */
async function removePartial(root: string, name: string): Promise<void> {
  for (const entry of await entriesOf(root)) if (entry.startsWith(`${name}.partial-`)) await removeTree(join(root, entry));
}

/** The volume that is there, where it was made with this token. @throws Fault `conflict` `volume-exists` */
async function madeWith(token: string, root: string, name: string): Promise<{ readonly bytes: number }> {
  const made = await readOrigin(root, name);
  if (made?.token === token) return { bytes: made.bytes };
  throw new Fault('conflict', 'volume-exists', `volume ${name} exists already, made by another request`);
}

/** True where the whole volume is there. @throws Fault where it cannot be told */
export async function volumeExists(root: string, name: string): Promise<boolean> {
  try {
    return (await lstat(volumePath(root, name))).isDirectory();
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return false;
    throw await asFault(thrown, root, `volume ${name} cannot be looked at`);
  }
}

/** True where anything of the volume is there, were it only what a broken try left. @throws Fault where it cannot be told */
export async function volumeLeft(root: string, name: string): Promise<boolean> {
  volumePath(root, name);
  try {
    return (await entriesOf(root)).some((entry) => entry === name || entry.startsWith(`${name}.partial-`) || entry === `${name}.origin`);
  } catch (thrown) {
    throw await asFault(thrown, root, `volume ${name} cannot be looked at`);
  }
}

/**
 * Writes a volume into an archive that makeVolume reads: `.tar`, `.tar.zst`/`.tzst` by the file's ending, else gzip.
 * The file (mode 0600) appears whole and flushed to disk, or not at all. A volume in use is archived as it is read.
 * @returns bytes of the archive
 * @throws Fault `volume-missing` (not-found), `snapshot-failed`, `disk-full` (capacity)
 */
export async function snapshotVolume(root: string, name: string, file: string, signal: AbortSignal): Promise<{ readonly bytes: number }> {
  signal.throwIfAborted();
  if (!(await volumeExists(root, name))) throw new Fault('not-found', 'volume-missing', `there is no volume ${name}`);
  const partial = join(
    dirname(file),
    `.${basename(file)}.${process.getBuiltinModule('node:crypto').randomBytes(6).toString('hex')}.partial`,
  );
  try {
    const handle = await open(partial, 'wx', 0o600);
    try {
      const result = await runTar(
        ['--create', ...compression(file), '--file', partial, '--directory', volumePath(root, name), '.'],
        signal,
      );
      // 1: a file changed while it was read, which a volume in use may.
      if (result.exitCode > 1) throw new Fault('invalid', 'snapshot-failed', `tar could not archive volume ${name}: ${result.reason}`);
      await handle.sync();
      const { size } = await handle.stat();
      await rename(partial, file);
      await syncFolder(dirname(file));
      return { bytes: size };
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    const fault = await asFault(thrown, dirname(file), `volume ${name} cannot be written to ${file}`);
    await rm(partial, { force: true }).catch(() => undefined);
    signal.throwIfAborted();
    throw fault;
  }
}

async function fill(into: string, name: string, source: VolumeSource, signal: AbortSignal): Promise<void> {
  if (source.from !== 'folder' && source.from !== 'archive') return;
  const path = await realpath(source.path).catch((thrown: unknown) => {
    if (systemCode(thrown) !== 'ENOENT' && systemCode(thrown) !== 'ENOTDIR') throw thrown;
    throw new Fault('invalid', 'volume-source-missing', `volume ${name}: ${source.path} does not exist`);
  });
  const isFolder = (await stat(path)).isDirectory();
  if (isFolder !== (source.from === 'folder')) {
    throw new Fault(
      'invalid',
      'volume-source-invalid',
      `volume ${name}: ${source.path} is ${isFolder ? 'a folder, not an archive' : 'not a folder'}`,
    );
  }
  if (isFolder && `${await realpath(into)}/`.startsWith(`${path}/`.replace('//', '/'))) {
    throw new Fault(
      'invalid',
      'volume-source-invalid',
      `volume ${name}: ${source.path} holds the state folder, and would be copied into itself`,
    );
  }
  await (isFolder ? copyFolder(path, into, signal) : extract(path, into, name, signal));
}

async function copyFolder(from: string, into: string, signal: AbortSignal): Promise<void> {
  // By its descriptor: under its name the copy would bring back folders that were removed meanwhile, with all above them.
  const folder = await open(into, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await cp(from, `/proc/self/fd/${folder.fd}/.`, {
      recursive: true,
      mode: constants.COPYFILE_FICLONE,
      verbatimSymlinks: true,
      preserveTimestamps: true,
      filter: async (path) => {
        signal.throwIfAborted();
        const entry = await lstat(path);
        return entry.isFile() || entry.isDirectory() || entry.isSymbolicLink();
      },
    });
    await folder.chmod((await stat(from)).mode & 0o7777);
  } finally {
    await folder.close();
  }
}

async function extract(archive: string, into: string, name: string, signal: AbortSignal): Promise<void> {
  const refuse = (why: string): Fault => new Fault('invalid', 'volume-source-invalid', `volume ${name}: ${archive} ${why}`);
  // GNU tar would strip or skip such members, and go on: an archive that reaches for the outside is refused whole.
  let outside: string | undefined;
  const listed = await runTar(['--list', '--absolute-names', '--quoting-style=escape', '--file', archive], signal, (member) => {
    if (member.startsWith('/') || member.split('/').includes('..')) outside ??= member;
  });
  if (listed.exitCode !== 0) throw refuse(`is not an archive that tar reads: ${listed.reason}`);
  if (outside !== undefined) throw refuse(`holds ${JSON.stringify(outside)}, which lies outside of the volume`);
  const result = await runTar(['--extract', '--preserve-permissions', '--no-same-owner', '--file', archive, '--directory', into], signal);
  if (result.exitCode !== 0) throw refuse(`cannot be unpacked: ${result.reason}`);
}

function compression(file: string): readonly string[] {
  if (file.endsWith('.tar')) return [];
  return file.endsWith('.tar.zst') || file.endsWith('.tzst') ? ['--zstd'] : ['--gzip'];
}

/** Runs GNU tar; it finds out a given archive's compression by itself. `reason` is the first line of what it complained about. */
async function runTar(
  args: readonly string[],
  signal: AbortSignal,
  onLine?: (line: string) => void,
): Promise<{ readonly exitCode: number; readonly reason: string }> {
  const { execa } = await import('execa');
  const child = execa('tar', ['--force-local', ...args], {
    // The user's own tar options must not change what an archive means.
    env: { LC_ALL: 'C.UTF-8', TAR_OPTIONS: '', GZIP: '' },
    stdin: 'ignore',
    reject: false,
    buffer: { stdout: false, stderr: true },
    cancelSignal: signal,
  });
  if (onLine === undefined) child.stdout.resume();
  else for await (const line of child) onLine(line);
  const result = await child;
  signal.throwIfAborted();
  if (result.code === 'ENOENT') throw new Fault('invalid', 'missing-command', 'tar is not installed');
  return { exitCode: result.exitCode ?? 2, reason: result.stderr.split('\n', 1)[0] ?? '' };
}

async function sizeOf(folder: string, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) bytes += await entrySize(folder, entry, signal);
  return bytes;
}

async function entrySize(folder: string, entry: Dirent, signal: AbortSignal): Promise<number> {
  const path = join(folder, entry.name);
  if (entry.isDirectory()) return sizeOf(path, signal);
  return entry.isFile() ? (await lstat(path)).size : 0;
}

/** What made a volume, beside it: a volume without an origin was made by nobody. */
interface Origin {
  readonly token: string;
  readonly bytes: number;
}

function originFile(root: string, name: string): string {
  return join(root, `${name}.origin`);
}

async function readOrigin(root: string, name: string): Promise<Origin | undefined> {
  const text = await readFile(originFile(root, name), 'utf8').catch(() => '');
  const [token, bytes] = text.split(' ');
  return token === undefined || bytes === undefined ? undefined : { token, bytes: Number(bytes) };
}

async function writeOrigin(root: string, name: string, origin: Origin): Promise<void> {
  await writeFile(originFile(root, name), `${origin.token} ${origin.bytes}`, { mode: 0o600, flush: true });
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((thrown: unknown) => {
    if (systemCode(thrown) === 'ENOENT') return [];
    throw thrown;
  });
}

/** Removes a folder, also one whose modes forbid it. */
async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(async (thrown: unknown) => {
    const code = systemCode(thrown);
    if (code !== 'EACCES' && code !== 'EPERM') throw thrown;
    await unlock(path);
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  });
}

async function unlock(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await unlock(join(folder, entry.name));
  }
}

/** Less than this is no room for another file. */
const NO_ROOM = 65_536;

/** Sorts out what went wrong, before what is half done is removed: a full disk is told by the disk, because tar only says it in words. */
async function asFault(thrown: unknown, folder: string, what: string): Promise<Fault> {
  const code = systemCode(thrown);
  const space = await statfs(folder).catch(() => undefined);
  if (code === 'ENOSPC' || code === 'EDQUOT' || (space !== undefined && space.bavail * space.bsize < NO_ROOM)) {
    return new Fault('capacity', 'disk-full', `${what}: no space left on the disk of ${folder}`, { cause: thrown });
  }
  if (thrown instanceof Fault) return thrown;
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new Fault(denied ? 'denied' : 'invalid', denied ? 'volume-unreadable' : 'volume-source-invalid', `${what}: ${messageOf(thrown)}`, {
    cause: thrown,
  });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
