import { readFileSync } from 'node:fs';
import { systemCode } from '../../core/errors.ts';

/** A TCP socket that listens on this machine. */
export interface Listener {
  readonly port: number;
  /** Address to dial to reach it: `127.0.0.1` or `::1` for what listens everywhere, else the address itself. */
  readonly dial: string;
  readonly inode: string;
}

/** Those of the ports that something listens on, from one reading of the kernel's socket tables. */
export function readListeners(ports: ReadonlySet<number>): ReadonlyMap<number, readonly Listener[]> {
  const found = new Map<number, Listener[]>();
  for (const file of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    const text = readTable(file);
    // Listening sockets are told by their state alone, so most lines are passed over without being split.
    for (let at = text.indexOf(' 0A '); at >= 0; at = text.indexOf(' 0A ', at + 1)) {
      const start = text.lastIndexOf('\n', at) + 1;
      const end = text.indexOf('\n', at);
      const fields = text
        .slice(start, end < 0 ? undefined : end)
        .trim()
        .split(/\s+/);
      const [address, hex] = (fields[1] ?? '').split(':');
      const port = Number.parseInt(hex ?? '', 16);
      const inode = fields[9];
      if (fields[3] !== '0A' || address === undefined || inode === undefined || !ports.has(port)) continue;
      const entry: Listener = { port, dial: dialOf(address), inode };
      found.set(port, [...(found.get(port) ?? []), entry]);
    }
  }
  return found;
}

function readTable(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (thrown) {
    // A kernel without IPv6 has no tcp6.
    if (systemCode(thrown) === 'ENOENT') return '';
    throw thrown;
  }
}

/** The kernel writes addresses as 32-bit words in its own byte order. */
function dialOf(hex: string): string {
  if (hex.length === 8) return hex === '00000000' ? '127.0.0.1' : dotted(hex);
  if (hex === '00000000000000000000000000000000') return '127.0.0.1';
  if (hex.startsWith('0000000000000000FFFF0000')) return dotted(hex.slice(24));
  const bytes = [0, 8, 16, 24].flatMap((at) => octets(hex.slice(at, at + 8)));
  const groups = Array.from({ length: 8 }, (_, i) => (((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0)).toString(16));
  return groups.join(':') === '0:0:0:0:0:0:0:1' ? '::1' : groups.join(':');
}

function dotted(word: string): string {
  return octets(word).join('.');
}

function octets(word: string): readonly number[] {
  return [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16));
}
