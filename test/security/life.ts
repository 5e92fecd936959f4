/** What a process, a folder and a machine show of a spin that is up. */
import { readdirSync, readlinkSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf } from './canary.ts';

/** What others can read of a process: its arguments and its environment; '' where it is gone, or another user's. */
export function shownBy(pid: number): string {
  return ['cmdline', 'environ', 'comm'].map((name) => textOf(`/proc/${pid}/${name}`)).join('\n');
}

/** Every process of the machine that lives now. */
export function everyProcess(): readonly number[] {
  return namesIn('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/** Everything below a folder, relative to it, with its type and its mode. */
export function modesIn(
  folder: string,
): readonly { readonly path: string; readonly type: 'folder' | 'file' | 'socket' | 'other'; readonly mode: number }[] {
  return ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })].flatMap((name) => {
    const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
    if (stat === undefined) return [];
    const type = stat.isDirectory() ? 'folder' : stat.isFile() ? 'file' : stat.isSocket() ? 'socket' : 'other';
    return [{ path: name, type, mode: stat.mode & 0o777 } as const];
  });
}

/** Addresses, as `127.0.0.1:80`, that a process listens on over TCP. */
export function listenersOf(pid: number): readonly string[] {
  const sockets = new Set(namesIn(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)));
  return ['tcp', 'tcp6'].flatMap((table) =>
    textOf(`/proc/${pid}/net/${table}`)
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === LISTENS && sockets.has(`socket:[${inode}]`))
      .map(([, local = '']) => addressOf(local)),
  );
}

/** As the kernel writes the state TCP_LISTEN. */
const LISTENS = '0A';

/** `0100007F:1F90` is 127.0.0.1:8080: the kernel writes each word of an address in the byte order of the machine. */
function addressOf(local: string): string {
  const [address = '', port = ''] = local.split(':');
  const bytes = (address.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  const host = bytes.length === 4 ? bytes.map((byte) => Number.parseInt(byte, 16)).join('.') : bytes.join('');
  return `${host}:${Number.parseInt(port, 16)}`;
}

function textOf(file: string): string {
  return bytesOf(file).toString('utf8');
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
