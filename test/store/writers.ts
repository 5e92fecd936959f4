import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { onTestFinished } from 'vitest';

/** A process of writer.ts. */
export interface Writer {
  readonly child: ChildProcess;
  /** Has it begin; resolves with its answer, or undefined where it was killed before. */
  go(): Promise<unknown>;
}

export interface WriterOptions {
  readonly rounds?: number;
  /** A shell line that ends by running its arguments; to limit what the process may do. */
  readonly shell?: string;
  readonly uid?: number;
}

/** Starts a process that waits to begin. */
export async function startWriter(mode: string, dir: string, options: WriterOptions = {}): Promise<Writer> {
  const command = [process.execPath, join(import.meta.dirname, 'writer.ts'), mode, dir, String(options.rounds ?? 1)];
  const argv = options.shell === undefined ? command : ['bash', '-c', options.shell, 'bash', ...command];
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  if ((await nextLine(lines)) === undefined) throw new Error('the writer did not start');
  return {
    child,
    go: async () => {
      const answer = nextLine(lines);
      child.stdin.on('error', () => {}).write('go\n');
      const line = await answer;
      return line === undefined ? undefined : (JSON.parse(line) as unknown);
    },
  };
}

/** Starts many at once, lets them go together, and gives their answers. */
export async function raceWriters(count: number, mode: string, dir: string, rounds = 1): Promise<readonly unknown[]> {
  const writers = await Promise.all(Array.from({ length: count }, () => startWriter(mode, dir, { rounds })));
  return Promise.all(writers.map((writer) => writer.go()));
}

async function nextLine(lines: Interface): Promise<string | undefined> {
  const line = once(lines, 'line').then(([text]) => String(text));
  return Promise.race([line, once(lines, 'close').then(() => undefined)]);
}
