import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../../core/errors.ts';
import { Bucket, type BucketState, type Slot } from './bucket.ts';
import type { Rate } from './rates.ts';

/** A log that has grown to this many bytes is closed, and the next one begins with what it comes to. */
const LOG_BYTES = 16_384;
const LOG_NAME = /^\d{10}$/;

/**
 * A token bucket that processes share through a folder. Each writes what it does at the end of a log, in one write(2), and then reads
 * what others have written before it: the order of the lines is the order of the takes, the same for everybody. There is no lock, so
 * nobody who dies can hold one. Lines: `t ID TOKENS TIME` takes, `b ID TIME` gives back, `x TIME` tells of a throttling, `s` closes the
 * log, `c STATE` opens one with what came before.
 *
 * All methods throw system errors where the folder cannot be used.
 */
export class BucketLog {
  readonly #folder: string;
  readonly #rate: Rate;
  #open: OpenLog | undefined;

  constructor(folder: string, rate: Rate) {
    this.#folder = folder;
    this.#rate = rate;
  }

  /** Undefined where the line could not be written whole, as on a full disk. */
  take(id: string, tokens: number, now: number): Slot | undefined {
    const log = this.#write(`t ${id} ${tokens} ${now}\n`, ({ taken, sealed }) => taken.has(id) || (!sealed && 'lost'));
    const slot = log?.taken.get(id);
    log?.taken.delete(id);
    return slot;
  }

  giveBack(id: string, now: number): void {
    // Whether it stood before the end of a log is not looked up: to give back twice is to give back once.
    this.#write(`b ${id} ${now}\n`, ({ sealed }) => !sealed);
  }

  throttled(now: number): void {
    this.#write(`x ${now}\n`, ({ sealed }) => !sealed);
  }

  isFull(now: number): boolean {
    for (;;) {
      const log = this.#current();
      this.#read(log);
      if (!log.sealed) return log.bucket.isFull(now);
    }
  }

  /** As of the last write. */
  promised(now: number): readonly Slot[] {
    return this.#open?.bucket.promised(now) ?? [];
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd);
    this.#open = undefined;
  }

  /** Writes a line into the log that is open to all and reads up to its end; again in the next log where this one was closed first. */
  #write(line: string, counted: (log: OpenLog) => boolean | 'lost'): OpenLog | undefined {
    for (;;) {
      const log = this.#current();
      writeSync(log.fd, line);
      this.#read(log);
      const outcome = counted(log);
      if (outcome === 'lost') return undefined;
      if (!outcome) continue;
      if (log.offset > Math.max(LOG_BYTES, 2 * log.firstBytes)) this.#seal(log);
      return log;
    }
  }

  #seal(log: OpenLog): void {
    if (!log.sealed) writeSync(log.fd, 's\n');
    this.#read(log);
    this.#succeed(log);
  }

  /** The newest log that is not closed. */
  #current(): OpenLog {
    // One whose folder was deleted under us is left as well.
    if (this.#open !== undefined && !this.#open.sealed && fstatSync(this.#open.fd).nlink > 0) return this.#open;
    for (;;) {
      this.close();
      const [newest, fd] = this.#openNewest();
      if (fd === undefined) continue;
      const log: OpenLog = {
        name: newest,
        fd,
        bucket: new Bucket(this.#rate),
        offset: 0,
        rest: '',
        sealed: false,
        firstBytes: 0,
        taken: new Map(),
      };
      this.#open = log;
      this.#read(log);
      if (!log.sealed) return log;
      this.#succeed(log);
    }
  }

  /** No descriptor where another log became the newest meanwhile. */
  #openNewest(): readonly [string, number | undefined] {
    const newest = this.#names().at(-1);
    const name = newest ?? nameOf(1);
    let fd: number;
    try {
      // Only the first log of all is made by opening it: one that was cleared away must not come back empty.
      fd = openSync(join(this.#folder, name), newest === undefined ? 'a+' : constants.O_RDWR | constants.O_APPEND, 0o600);
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOENT') throw thrown;
      return [name, undefined];
    }
    if (newest !== undefined || this.#names().at(-1) === name) return [name, fd];
    closeSync(fd);
    return [name, undefined];
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => LOG_NAME.test(name))
        .toSorted();
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOENT') throw thrown;
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      return [];
    }
  }

  #read(log: OpenLog): void {
    const buffer = Buffer.allocUnsafe(LOG_BYTES);
    for (let bytes = 1; bytes > 0;) {
      bytes = readSync(log.fd, buffer, 0, buffer.length, log.offset);
      log.offset += bytes;
      log.rest += buffer.toString('latin1', 0, bytes);
    }
    const lines = log.rest.split('\n');
    log.rest = lines.pop() ?? '';
    for (const line of lines) {
      // What stands behind the end of a log was written too late and has not happened.
      if (!log.sealed) replay(log, line, this.#rate);
    }
  }

  /** Makes the log that follows a closed one. Whoever does it writes the same, so it does not matter who is first. */
  #succeed(log: OpenLog): void {
    const next = nameOf(Number(log.name) + 1);
    const draft = join(this.#folder, `.${next}.${process.pid}`);
    writeFileSync(draft, `c ${JSON.stringify(log.bucket.state())}\n`, { mode: 0o600 });
    try {
      linkSync(draft, join(this.#folder, next));
    } catch (thrown) {
      if (systemCode(thrown) !== 'EEXIST') throw thrown;
    } finally {
      rmSync(draft, { force: true });
    }
    for (const name of this.#names()) if (name < log.name) rmSync(join(this.#folder, name), { force: true });
  }
}

interface OpenLog {
  readonly name: string;
  readonly fd: number;
  bucket: Bucket;
  /** How far it has been read. */
  offset: number;
  /** The beginning of a line whose end is still to come. */
  rest: string;
  sealed: boolean;
  firstBytes: number;
  /** What takes of this process were given and have yet to be picked up. */
  readonly taken: Map<string, Slot>;
}

function replay(log: OpenLog, line: string, rate: Rate): void {
  const [what, first = '', second = '', third = ''] = line.split(' ', 4);
  // A line that was cut short, by a full disk, is void for everybody.
  if (what === 't' && isNumber(second) && isNumber(third)) {
    const slot = log.bucket.take(first, Number(second), Number(third));
    if (first.startsWith(OWN)) log.taken.set(first, slot);
  } else if (what === 'b' && isNumber(second)) log.bucket.giveBack(first, Number(second));
  else if (what === 'x' && isNumber(first)) log.bucket.throttled(Number(first));
  else if (what === 's') log.sealed = true;
  else if (what === 'c') {
    log.bucket = new Bucket(rate, JSON.parse(line.slice(2)) as BucketState);
    log.firstBytes = line.length;
  }
}

const OWN = `${process.pid}.`;

function isNumber(text: string): boolean {
  return /^\d+(\.\d+)?$/.test(text);
}

function nameOf(generation: number): string {
  return String(generation).padStart(10, '0');
}
