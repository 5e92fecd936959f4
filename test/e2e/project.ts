import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import type { SpinEvent } from '../../src/core/events.ts';
import type { SpinRecord } from '../../src/store/record.ts';
import { type Process, processesWith } from './processes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
export const SPIN = join(ROOT, 'bin/spin.js');
/** Every process that a test starts through spin inherits it, so that what is left can be told from what is another's. */
const PLACE_VARIABLE = 'SPIN_TEST_PLACE';
const COMMAND_TIMEOUT_MS = 60_000;

/** One command that ended. */
export interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `--output json` prints, as a test reads it. */
export interface Document<Result> {
  readonly schema: string;
  readonly ok: boolean;
  readonly exit: number;
  readonly result: Result;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Relative to the project. */
  readonly cwd?: string;
  /** What comes on standard input; nothing, and no terminal, by default. */
  readonly input?: string;
  /** Runs this instead of spin itself, with spin's command line behind it: `['bash', '-c', 'ulimit -f 8; exec "$@"', 'bash']`. */
  readonly through?: readonly [string, ...string[]];
}

/** A command that runs. */
export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Run>;
  kill(signal: NodeJS.Signals): void;
  /** What it has written to standard output so far. */
  output(): string;
}

/** A user's folder with a state folder of its own. After the test everything in it is taken down and proven gone. */
export interface Project {
  readonly dir: string;
  readonly state: string;
  readonly home: string;
  /** What spin is given as its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes a file of the project; a path. */
  write(name: string, text: string): string;
  /** Writes spin.yaml. */
  spec(text: string): void;
  start(args: readonly string[], options?: RunOptions): Started;
  run(args: readonly string[], options?: RunOptions): Promise<Run>;
  /** Runs, and fails the test with what was said on standard error where the exit code is not 0. */
  ok(args: readonly string[], options?: RunOptions): Promise<Run>;
  /** Runs with `--output json` and reads the one document. */
  json<Result>(args: readonly string[], options?: RunOptions): Promise<Document<Result>>;
  /** What runs of it: keepers, instances, commands. */
  processes(): readonly Process[];
  /** What its instances run as: those that spin started and what they started, without keepers and commands. */
  services(): readonly Process[];
  keeper(id: string): Process | undefined;
  /** The events of all incarnations of an ID, oldest first. */
  journal(id: string): readonly SpinEvent[];
  record(id: string): SpinRecord | undefined;
  /** The folders of the incarnations that the local provider has. */
  folders(id: string): readonly string[];
  /** What a spin left behind though it should not be there: processes, records, folders. A draft that a killed command left is gc's. */
  leftovers(): readonly string[];
}

export function fixture(name: string): string {
  return join(ROOT, 'test/fixtures', name);
}

/**
 * @param name of the folder that everything is in
 * @param more environment of its commands, such as where a cloud is found; what it leads to must be there until the project is cleaned up
 */
export function project(name = 'project', more: Readonly<Record<string, string>> = {}): Project {
  const tag = randomBytes(8).toString('hex');
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'spin-e2e-')));
  const [dir, state, home] = [join(root, name), join(root, name, '.state'), join(root, 'home')];
  for (const folder of [dir, home]) mkdirSync(folder, { recursive: true });
  const env = {
    PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
    HOME: home,
    USER: 'ada',
    LANG: 'C.UTF-8',
    TMPDIR: tmpdir(),
    // Compiled code is the same for all; each test would otherwise compile it anew.
    XDG_CACHE_HOME: join(ROOT, 'node_modules/.cache/spin-e2e'),
    SPIN_STATE: state,
    [PLACE_VARIABLE]: tag,
    ...more,
  };
  const going = new Set<Started>();

  const start = (args: readonly string[], options: RunOptions = {}): Started => {
    const [program, ...rest] = [...(options.through ?? []), process.execPath, SPIN, ...args];
    const child = spawn(program ?? process.execPath, rest, {
      cwd: resolve(dir, options.cwd ?? '.'),
      env: { ...env, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) child[name]?.setEncoding('utf8').on('data', (chunk: string) => (text[name] += chunk));
    if (options.input !== undefined) child.stdin?.on('error', () => undefined).end(options.input);
    const overdue = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS);
    const ended = new Promise<Run>((done, failed) => {
      child.once('error', failed);
      child.once('close', (code, signal) => {
        clearTimeout(overdue);
        going.delete(started);
        done({ code, signal, ...text });
      });
    });
    const started: Started = { child, ended, kill: (signal) => void child.kill(signal), output: () => text.stdout };
    going.add(started);
    return started;
  };

  const self: Project = {
    dir,
    state,
    home,
    env,
    write(file, text) {
      const path = join(dir, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      return path;
    },
    spec: (text) => void self.write('spin.yaml', text),
    start,
    run: (args, options) => start(args, options).ended,
    async ok(args, options) {
      const run = await start(args, options).ended;
      expect(run.code, `spin ${args.join(' ')}\n${run.stderr}`).toBe(0);
      return run;
    },
    async json<Result>(args: readonly string[], options?: RunOptions) {
      const [command = '', ...rest] = args;
      const { code, stdout, stderr } = await start([command, '--output', 'json', ...rest], options).ended;
      expect(stdout, stderr).toMatch(/^\{[^]*\}\n$/);
      const document = JSON.parse(stdout) as Document<Result>;
      expect(document.schema).toMatch(/^spin(\.[a-z]+)?\/1$/);
      expect(document).toMatchObject({ exit: code, ok: code === 0 });
      return document;
    },
    processes: () => processesWith(PLACE_VARIABLE, tag),
    services: () => self.processes().filter(({ instance }) => instance !== undefined && instance !== 'keeper'),
    keeper: (id) => self.processes().find((process) => process.spin === id && process.instance === 'keeper'),
    journal: (id) =>
      namesIn(join(state, 'journals', id)).flatMap((file) =>
        readFileSync(join(state, 'journals', id, file), 'utf8')
          .split('\n')
          .flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as SpinEvent] : [])),
      ),
    record(id) {
      const folder = join(state, 'spins', id);
      const newest = namesIn(folder)
        .filter((file) => file.startsWith('record.'))
        .toSorted((a, b) => Number(a.split('.')[2]) - Number(b.split('.')[2]))
        .at(-1);
      return newest === undefined ? undefined : (JSON.parse(readFileSync(join(folder, newest), 'utf8')) as { record: SpinRecord }).record;
    },
    folders: (id) => namesIn(join(state, 'local', id)).map((incarnation) => join(state, 'local', id, incarnation)),
    leftovers: () => [
      ...self.processes().map(({ pid, command }) => `process ${pid}: ${command}`),
      ...['spins', 'local'].flatMap((folder) => namesIn(join(state, folder)).map((file) => join(folder, file))),
    ],
  };

  onTestFinished(async () => {
    try {
      for (const started of going) started.kill('SIGKILL');
      await Promise.all([...going].map(({ ended }) => ended));
      const down = self.leftovers().length > 0 ? await self.run(['down', '--all', '--yes', '--force', '--no-config']) : undefined;
      // What lost its record is nobody's to take down.
      if (self.leftovers().length > 0) await self.run(['gc', '--yes', '--grace', '0s', '--force', '--no-config']);
      await until(() => self.processes().length === 0, 'every process is gone', 5_000).catch(() => undefined);
      expect(self.leftovers(), `what is left after the test\n${down?.stderr ?? ''}`).toEqual([]);
    } finally {
      for (const { pid } of self.processes()) process.kill(pid, 'SIGKILL');
      rmSync(root, { recursive: true, force: true });
    }
  });
  return self;
}

/** Kills a process without mercy; one that was not found fails the test, as a signal to process 0 would reach the test itself. */
export function kill(victim: Process | undefined): void {
  expect(victim, 'the process to kill').toBeDefined();
  if (victim !== undefined) process.kill(victim.pid, 'SIGKILL');
}

/** Looks again and again until something is so. */
export async function until<T>(look: () => T | Promise<T>, what: string, timeoutMs = 15_000, everyMs = 15): Promise<NonNullable<T>> {
  const giveUp = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    expect(performance.now(), `${what}: not within ${timeoutMs} ms`).toBeLessThan(giveUp);
    await pause(everyMs);
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}
