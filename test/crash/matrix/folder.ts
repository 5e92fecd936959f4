import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemCode } from '../../../src/core/errors.ts';
import type { SpinRecord } from '../../../src/store/record.ts';
import { type Process, processesWith } from '../../e2e/processes.ts';
import type { Build } from './build.ts';
import { type Orders, ORDERS, type Pretence, readTold, type Told } from './orders.ts';

/** Every process of a trial inherits it. */
const PLACE_VARIABLE = 'SPIN_CRASH_PLACE';
/** More than anything takes that goes on by itself: a call that is never answered is given up after 30 s. */
const COMMAND_TIMEOUT_MS = 120_000;

/** A command that has ended. */
export interface Ran {
  readonly args: readonly string[];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly pid: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
}

const open = new Set<Folder>();
let interrupted = false;

/** Ends and deletes what trials under way have made, for whoever is interrupted in the middle of them; no more is made. */
export async function removeFolders(): Promise<void> {
  interrupted = true;
  await Promise.all([...open].map((folder) => folder.remove()));
}

/** A user's folder with a state of its own, in which real commands run. */
export class Folder {
  readonly root: string;
  readonly work: string;
  readonly state: string;
  /** What the taps write. */
  readonly log: string;
  readonly #build: Build;
  readonly #env: Readonly<Record<string, string>>;
  readonly #mark = randomBytes(8).toString('hex');
  readonly #running = new Set<Running>();

  /** @param env what a program needs beyond that to find its cloud, and where its state is, if not here */
  constructor(build: Build, env: Readonly<Record<string, string>> = {}) {
    if (interrupted) throw new Error('the run was interrupted');
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'spin-crash-')));
    open.add(this);
    this.#build = build;
    [this.work, this.state, this.log] = [join(this.root, 'work'), join(this.root, 'state'), join(this.root, 'told')];
    for (const name of ['work', 'home', 'cache']) mkdirSync(join(this.root, name));
    writeFileSync(this.log, '');
    this.#env = {
      PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
      HOME: join(this.root, 'home'),
      USER: 'ada',
      LANG: 'C.UTF-8',
      TMPDIR: tmpdir(),
      XDG_CACHE_HOME: join(this.root, 'cache'),
      // The same for all trials: each would otherwise compile all code anew.
      NODE_COMPILE_CACHE: join(build.root, 'compiled'),
      NODE_OPTIONS: `--require=${build.tap}`,
      SPIN_STATE: this.state,
      [PLACE_VARIABLE]: this.#mark,
      ...env,
    };
  }

  spec(text: string): void {
    writeFileSync(join(this.work, 'spin.yaml'), text);
  }

  /** Starts spin; what it does to the world is told of in the log. */
  start(args: readonly string[], at?: Orders['at'], pretend: Pretence = {}): Running {
    const orders: Orders = { log: this.log, state: this.state, pretend, ...(at === undefined ? {} : { at }) };
    const child = spawn(process.execPath, [this.#build.spin, ...args], {
      cwd: this.work,
      env: { ...this.#env, [ORDERS]: JSON.stringify(orders) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (said[name] += text));
    const overdue = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS);
    const ended = new Promise<Ran>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(overdue);
        this.#running.delete(running);
        resolve({ args, code, signal, ...said, pid: child.pid ?? 0 });
      });
    });
    const running: Running = { child, ended };
    this.#running.add(running);
    return running;
  }

  run(args: readonly string[], at?: Orders['at']): Promise<Ran> {
    return this.start(args, at).ended;
  }

  /** All that the taps have told so far, in order. */
  told(): readonly Told[] {
    return readTold(readFileSync(this.log, 'utf8'));
  }

  processes(): readonly Process[] {
    return processesWith(PLACE_VARIABLE, this.#mark);
  }

  /** Names in a folder of the state; none where it is not there. */
  namesIn(...path: readonly string[]): readonly string[] {
    const folder = join(this.state, ...path);
    return existsSync(folder) ? readdirSync(folder).toSorted() : [];
  }

  record(id: string): SpinRecord | undefined {
    const serial = (name: string): number => Number(name.split('.')[2]);
    for (;;) {
      const newest = this.namesIn('spins', id)
        .filter((name) => name.startsWith('record.'))
        .toSorted((a, b) => serial(a) - serial(b))
        .at(-1);
      if (newest === undefined) return undefined;
      const text = textOf(join(this.state, 'spins', id, newest));
      // Another has its place by now.
      if (text !== undefined) return (JSON.parse(text) as { readonly record?: SpinRecord }).record;
    }
  }

  /** Forgets the records alone, or all that this machine knows. */
  forget(what: 'records' | 'state'): void {
    // Whoever is at work in it may write while it is deleted.
    for (const name of what === 'state' ? [''] : ['spins', 'drafts']) {
      rmSync(join(this.state, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
    }
  }

  /** Ends whatever still runs and deletes the folder. */
  async remove(): Promise<void> {
    for (let tries = 0; tries < 50; tries++) {
      const left = this.processes();
      if (left.length === 0 && this.#running.size === 0) break;
      for (const { pid } of left) endProcess(pid);
      for (const { child } of this.#running) child.kill('SIGKILL');
      await pause(20);
    }
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
    open.delete(this);
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
}
