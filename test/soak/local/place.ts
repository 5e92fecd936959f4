import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Build } from '../../crash/matrix/build.ts';
import { type Process, processesWith } from '../../e2e/processes.ts';
import { SoakFailure } from '../report.ts';

/** Every process of a place inherits it. */
const PLACE_VARIABLE = 'SPIN_SOAK_PLACE';
const COMMAND_TIMEOUT_MS = 120_000;
/** What a keeper began to run before it ended may end a moment later. */
const SETTLE_MS = 5_000;

/** A user with folders of its own, in which real commands run. All that they make can be found by it. */
export class Place {
  readonly root: string;
  readonly work: string;
  readonly state: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #build: Build;
  readonly #mark = randomBytes(8).toString('hex');

  constructor(build: Build) {
    this.#build = build;
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'spin-soak-')));
    [this.work, this.state] = [join(this.root, 'work'), join(this.root, 'state')];
    for (const name of ['work', 'home', 'cache', 'tmp']) mkdirSync(join(this.root, name));
    this.env = {
      PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
      HOME: join(this.root, 'home'),
      USER: 'ada',
      LANG: 'C.UTF-8',
      TMPDIR: join(this.root, 'tmp'),
      XDG_CACHE_HOME: join(this.root, 'cache'),
      SPIN_STATE: this.state,
      [PLACE_VARIABLE]: this.#mark,
    };
  }

  spec(spec: object): void {
    // JSON is YAML.
    writeFileSync(join(this.work, 'spin.yaml'), JSON.stringify(spec));
  }

  /** Runs spin. @returns what it printed @throws SoakFailure where it fails */
  async spin(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<string> {
    const child = spawn(process.execPath, [this.#build.spin, ...args], {
      cwd: this.work,
      env: { ...this.env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: COMMAND_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (said[name] += text));
    const code = await new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
    if (code !== 0) throw new SoakFailure(`spin ${args.join(' ')} ended with ${code}\n${said.stdout}${said.stderr}`);
    return said.stdout;
  }

  processes(): readonly Process[] {
    return processesWith(PLACE_VARIABLE, this.#mark);
  }

  keeper(): Process {
    const found = this.processes().find(({ instance }) => instance === 'keeper');
    if (found === undefined) throw new SoakFailure('there is no keeper');
    return found;
  }

  /** The sockets that processes of the place listen at: `tcp 127.0.0.1:20000`, `unix @spin-keeper-...`, by their number in the kernel. */
  listening(): ReadonlyMap<string, string> {
    const all = listeningSockets();
    const ours = this.processes().flatMap(({ pid }) => socketsOf(pid));
    return new Map(ours.flatMap((inode) => (all.has(inode) ? [[inode, all.get(inode) ?? ''] as const] : [])));
  }

  /** Waits until nothing of the place runs, for some seconds. */
  async settled(): Promise<readonly Process[]> {
    const giveUp = performance.now() + SETTLE_MS;
    for (;;) {
      const left = this.processes();
      if (left.length === 0 || performance.now() > giveUp) return left;
      await pause(10);
    }
  }

  /** Every file and folder below one of the place's own, relative, with its size in bytes. */
  files(...path: readonly string[]): ReadonlyMap<string, number> {
    const top = join(this.root, ...path);
    const found = new Map<string, number>();
    const visit = (folder: string): void => {
      for (const entry of readdirIfThere(folder)) {
        const child = join(folder, entry);
        const stat = statSync(child, { throwIfNoEntry: false });
        if (stat === undefined) continue;
        found.set(relative(top, child), stat.isDirectory() ? 0 : stat.size);
        if (stat.isDirectory()) visit(child);
      }
    };
    visit(top);
    return found;
  }

  /** Ends whatever still runs and deletes the folder. */
  async remove(): Promise<void> {
    for (let tries = 0; tries < 50 && this.processes().length > 0; tries++) {
      for (const { pid } of this.processes()) endProcess(pid);
      await pause(20);
    }
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Every socket of this machine that somebody listens at, by its number in the kernel. */
export function listeningSockets(): ReadonlyMap<string, string> {
  const LISTEN = '0A';
  const internet = ['tcp', 'tcp6'].flatMap((family) =>
    rowsOf(`/proc/net/${family}`).flatMap((row) => (row[3] === LISTEN ? [[row[9] ?? '', `${family} ${row[1]}`] as const] : [])),
  );
  const LISTENING_FLAG = '00010000';
  const local = rowsOf('/proc/net/unix').flatMap((row) =>
    row[3] === LISTENING_FLAG ? [[row[6] ?? '', `unix ${row[7] ?? ''}`] as const] : [],
  );
  return new Map([...internet, ...local]);
}

function rowsOf(file: string): readonly (readonly string[])[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
}

function socketsOf(pid: number): readonly string[] {
  return readdirIfThere(`/proc/${pid}/fd`).flatMap((fd) => /^socket:\[(\d+)\]$/.exec(linkIfThere(`/proc/${pid}/fd/${fd}`))?.[1] ?? []);
}

function readdirIfThere(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkIfThere(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
}
