import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { systemCode } from '../../core/errors.ts';
import { KEEPER_INSTANCE, MARK_VARIABLE, type Mark, parseMark, RUN_VARIABLE } from './layout.ts';

/** A process that is never mistaken for another: a pid comes back, a pid with its start time on one boot does not. */
export interface Identity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTime: string;
  readonly boot: string;
}

/** One line of the process table. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly state: string;
  readonly threads: number;
  readonly startTime: string;
  readonly name: string;
}

/** What a process's environment says about it. */
export interface Marked {
  readonly mark: Mark;
  /** Number of the instance's start that it belongs to; undefined for bootstrap steps, hooks and the keeper. */
  readonly run: number | undefined;
}

let knownBoot: string | undefined;

/** ID of this boot of the machine, without which start times mean nothing. */
export function bootId(): string {
  knownBoot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return knownBoot;
}

/** The process as the kernel shows it now, zombies included; undefined where there is none. */
export function readProcess(pid: number): ProcessEntry | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw thrown;
  }
  // The name stands in parentheses and may hold spaces and parentheses itself: the fields begin after the last one.
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const startTime = fields[19];
  if (close < 0 || startTime === undefined) return undefined;
  return {
    pid,
    name: text.slice(text.indexOf('(') + 1, close),
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    threads: Number(fields[17]),
    startTime,
  };
}

/**
 * True where the kernel still runs it. A zombie answers kill(pid, 0), and is gone all the same, unless its other threads
 * are still on their way out: until they are, its sockets are open and its ports taken.
 */
export function runs({ state, threads }: ProcessEntry): boolean {
  return (state !== 'Z' && state !== 'X' && state !== 'x') || threads > 1;
}

export function identityOf(entry: ProcessEntry): Identity {
  return { pid: entry.pid, startTime: entry.startTime, boot: bootId() };
}

/** The identity of a pid, or undefined where no process has it. */
export function identify(pid: number): Identity | undefined {
  const entry = readProcess(pid);
  return entry === undefined ? undefined : identityOf(entry);
}

/** True where exactly this process runs now. */
export function isAlive(identity: Identity): boolean {
  if (identity.boot !== bootId()) return false;
  const entry = readProcess(identity.pid);
  return entry !== undefined && entry.startTime === identity.startTime && runs(entry);
}

/** One pass over the processes of this machine; marks are read when first asked for. */
export class ProcessTable {
  readonly #entries: readonly ProcessEntry[];
  readonly #marks = new Map<number, Marked | undefined>();

  constructor(entries: readonly ProcessEntry[] = readProcesses()) {
    this.#entries = entries;
  }

  get running(): readonly ProcessEntry[] {
    return this.#entries;
  }

  find(pid: number): ProcessEntry | undefined {
    return this.#entries.find((entry) => entry.pid === pid);
  }

  mark(entry: ProcessEntry): Marked | undefined {
    if (!this.#marks.has(entry.pid)) this.#marks.set(entry.pid, readMark(entry.pid));
    return this.#marks.get(entry.pid);
  }

  /** Running processes whose mark satisfies `match`. */
  marked(match: (marked: Marked) => boolean): readonly ProcessEntry[] {
    return this.#entries.filter((entry) => {
      const marked = this.mark(entry);
      return marked !== undefined && match(marked);
    });
  }

  /**
   * A process and its ancestors: what must not end itself by cleaning up around itself. A keeper that started the process is
   * none of them: it can go, and a `down` that it runs at the deadline counts on that.
   */
  lineage(pid: number): ReadonlySet<number> {
    const line = new Set<number>();
    for (let at = this.find(pid); at !== undefined && !line.has(at.pid); at = this.find(at.parent)) {
      if (at.pid !== pid && this.mark(at)?.mark.instance === KEEPER_INSTANCE) break;
      line.add(at.pid);
    }
    return line;
  }
}

let underWay: Promise<ProcessTable> | undefined;

/** Many instances end at once, each a moment apart; a pass costs more than it costs one of them to wait for the others. */
const GATHER_MS = 4;

/** A pass over /proc that begins after this call; all who ask within a few milliseconds share it. */
export function freshProcesses(): Promise<ProcessTable> {
  underWay ??= new Promise<ProcessTable>((resolve, reject) => {
    setTimeout(() => {
      underWay = undefined;
      try {
        resolve(new ProcessTable());
      } catch (thrown) {
        reject(thrown);
      }
    }, GATHER_MS);
  });
  return underWay;
}

function readProcesses(): readonly ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    const first = name.charCodeAt(0);
    if (first < 49 || first > 57) continue;
    const entry = readProcess(Number(name));
    if (entry !== undefined && runs(entry)) entries.push(entry);
  }
  return entries;
}

/** Reads the mark of a process; undefined where it has none, or belongs to another user (and so is not ours). */
export function readMark(pid: number): Marked | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw thrown;
  }
  const mark = parseMark(variable(text, MARK_VARIABLE) ?? '');
  if (mark === undefined) return undefined;
  const run = Number(variable(text, RUN_VARIABLE) ?? Number.NaN);
  return { mark, run: Number.isInteger(run) ? run : undefined };
}

/** The command line of a process for people, shortened. */
export function commandOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return text.length > 80 ? `${text.slice(0, 79)}…` : text;
  } catch {
    return '';
  }
}

/** True where one of the processes holds one of the sockets (by inode). */
export function holdsSocket(pids: readonly number[], inodes: ReadonlySet<string>): boolean {
  return pids.some((pid) => {
    let descriptors: readonly string[];
    try {
      descriptors = readdirSync(`/proc/${pid}/fd`);
    } catch {
      return false;
    }
    return descriptors.some((descriptor) => {
      try {
        const target = readlinkSync(`/proc/${pid}/fd/${descriptor}`);
        return target.startsWith('socket:[') && inodes.has(target.slice(8, -1));
      } catch {
        return false;
      }
    });
  });
}

function variable(environ: string, name: string): string | undefined {
  const lead = `${name}=`;
  const start = environ.startsWith(lead) ? 0 : environ.indexOf(`\0${lead}`) + 1;
  if (start === 0 && !environ.startsWith(lead)) return undefined;
  const end = environ.indexOf('\0', start);
  return environ.slice(start + lead.length, end < 0 ? undefined : end);
}
