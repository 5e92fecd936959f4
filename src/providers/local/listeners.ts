import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { Clock } from '../../core/clock.ts';
import { systemCode } from '../../core/errors.ts';

/** A TCP socket that listens on this machine. */
export interface Listener {
  readonly port: number;
  /** Address to dial to reach it: `127.0.0.1` or `::1` for what listens everywhere, else the address itself. */
  readonly dial: string;
  readonly inode: string;
}

type ByPort = ReadonlyMap<number, readonly Listener[]>;

const LINE_BYTES = 150;
/** The counters tell of every change but one: a socket that closes while another opens. */
const TRUSTED_MS = 100;

/**
 * The listening sockets of this machine. The kernel walks a table of up to hundreds of thousands of empty places to list
 * sockets, milliseconds each time; so it is asked only when the number of sockets changed, and no more than so much of the time.
 */
export class ListenerTable {
  readonly #clock: Clock;
  #found: ByPort = new Map();
  #counters = '';
  #readAt = Number.NEGATIVE_INFINITY;
  #tookMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Which reading the answers are from: another number, another reading. Milliseconds since the epoch. */
  get readAt(): number {
    return this.#readAt;
  }

  /** Listeners by port, at most `maxAgeMs` old; with 0, as of now unless nothing can have changed. */
  look(maxAgeMs: number): ByPort {
    const now = this.#clock.now();
    const age = now - this.#readAt;
    if (age < maxAgeMs || age < this.#tookMs * 3) return this.#found;
    const counters = readCounters();
    if (counters.text === this.#counters && counters.text !== '' && age < TRUSTED_MS) return this.#found;
    this.#counters = counters.text;
    this.#readAt = now;
    this.#found = readAll(counters);
    this.#tookMs = this.#clock.now() - now;
    return this.#found;
  }
}

/** What listens on the ports now. */
export function readListeners(ports: ReadonlySet<number>): ByPort {
  return new Map([...readAll(readCounters())].filter(([port]) => ports.has(port)));
}

interface Counters {
  readonly text: string;
  /** Sockets of each family; undefined where the kernel does not say. */
  readonly v4: number | undefined;
  readonly v6: number | undefined;
}

function readCounters(): Counters {
  const v4 = /^TCP: inuse (\d+)/m.exec(readTable('/proc/self/net/sockstat'))?.[1];
  const v6 = /^TCP6: inuse (\d+)/m.exec(readTable('/proc/self/net/sockstat6'))?.[1];
  return {
    text: v4 === undefined ? '' : `${v4}/${v6}`,
    v4: v4 === undefined ? undefined : Number(v4),
    v6: v6 === undefined ? undefined : Number(v6),
  };
}

function readAll({ v4, v6 }: Counters): ByPort {
  const found = new Map<number, Listener[]>();
  const lines = [...listeningLines(v4), ...(v6 === 0 ? [] : readTable('/proc/self/net/tcp6').split('\n'))];
  for (const line of lines) {
    const fields = line.trim().split(/\s+/);
    const [address, hex] = (fields[1] ?? '').split(':');
    const inode = fields[9];
    if (fields[3] !== '0A' || address === undefined || hex === undefined || inode === undefined) continue;
    const port = Number.parseInt(hex, 16);
    found.set(port, [...(found.get(port) ?? []), { port, dial: dialOf(address), inode }]);
  }
  return found;
}

/** Listening sockets come first, and every line has the same length: what follows need not be asked for. */
function listeningLines(sockets: number | undefined): readonly string[] {
  const table = openSync('/proc/self/net/tcp', 'r');
  try {
    const line = Buffer.alloc(LINE_BYTES);
    const lines: string[] = [];
    for (let row = 0; sockets === undefined || row <= sockets; row++) {
      if (readSync(table, line, 0, LINE_BYTES, null) < LINE_BYTES) break;
      const text = line.toString('latin1');
      if (row > 0 && text.slice(33, 37) !== ' 0A ') break;
      lines.push(text);
    }
    return lines;
  } finally {
    closeSync(table);
  }
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
