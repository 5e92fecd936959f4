import { spawn, spawnSync } from 'node:child_process';

export interface BenchCommand {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Ran {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From before it was started until it had ended. */
  readonly ms: number;
}

/** A command that did not do what is measured: the figures would be of something else. */
export class BenchFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BenchFailure';
  }
}

const TIMEOUT_MS = 120_000;

/** Runs to the end with nothing else going on in this process. @throws BenchFailure where it fails */
export function runAlone({ argv, cwd, env }: BenchCommand): Ran {
  const [program, ...args] = argv;
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: TIMEOUT_MS, maxBuffer: 1 << 28 });
  return good({ exit: status, stdout, stderr, ms: performance.now() - start }, argv);
}

/** Runs to the end while this process goes on. @throws BenchFailure where it fails */
export async function run({ argv, cwd, env }: BenchCommand): Promise<Ran> {
  const [program, ...args] = argv;
  const start = performance.now();
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // `exit`, not `close`: what a tool leaves running may hold its pipes open.
  const exit = await new Promise<number | null>((resolve, reject) => {
    child.once('exit', resolve);
    child.once('error', reject);
  });
  const ms = performance.now() - start;
  child.stdout.destroy();
  child.stderr.destroy();
  return good({ exit, stdout, stderr, ms }, argv);
}

function good(ran: Ran, argv: readonly string[]): Ran {
  if (ran.exit === 0) return ran;
  const how = ran.exit === null ? `was ended by a signal, after ${Math.round(ran.ms / 1_000)} s` : `ended with ${ran.exit}`;
  throw new BenchFailure(`${argv.join(' ')} ${how}\n${ran.stdout}${ran.stderr}`);
}
