import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { InternalError } from '../../../src/core/errors.ts';

export interface Moto {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Empties it: all accounts, all regions. */
  reset(): Promise<void>;
  /** Ends it and waits until it has ended. */
  stop(): Promise<void>;
}

export interface MotoOptions {
  /** Environment beside what it needs to start; moto's own settings begin with `MOTO_`. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Of moto's settings: no images of its own, each of which would bring a snapshot that looks as if it were the caller's. */
export const WITHOUT_IMAGES = { MOTO_EC2_LOAD_DEFAULT_AMIS: 'false' } as const;

const START_MS = 25_000;
const STOP_MS = 5_000;
const TRIES = 5;

/**
 * Runs the server, and ends it when standard input closes, as it does however the process ends that holds the other end.
 * `read` and `wait` are the shell's own, so that no further process has to be ended.
 */
const GUARDED = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{
  read -r _ <&3
  kill "$server"
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do kill -0 "$server" || exit; sleep 0.1; done
  kill -9 "$server"
} 2>/dev/null &
guard=$!
exec 3<&-
wait "$server"
ended=$?
kill "$guard" 2>/dev/null
exit "$ended"
`;

/** The path of moto_server: SPIN_MOTO_SERVER, or the first on PATH; undefined where there is none. */
export function findMoto(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = env['SPIN_MOTO_SERVER'];
  if (named !== undefined && named !== '') return named;
  return programOnPath('moto_server', env);
}

/** The first program of a name on PATH; undefined where there is none. */
export function programOnPath(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

/** Starts moto on a free port of 127.0.0.1 and waits until it serves. @throws InternalError with what it said where it does not */
export async function startMoto(program: string, options: MotoOptions = {}): Promise<Moto> {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const started = await start(program, port, options);
    if (typeof started !== 'string') return started;
    // Somebody else took the port between its being free and moto's binding it.
    if (tries === TRIES || !started.includes('in use')) throw new InternalError(`${program} did not start:\n${started}`);
  }
}

/** @returns what it said, where it did not start */
async function start(program: string, port: number, { env = {} }: MotoOptions): Promise<Moto | string> {
  const child = spawn('bash', ['-c', GUARDED, 'bash', program, '-H', '127.0.0.1', '-p', String(port)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // In a group of its own, so that all of it can be ended at once, and Ctrl-C ends it after what uses it.
    detached: true,
    cwd: tmpdir(),
    env: { ...ownEnvironment(), ...env },
  });
  child.stdin.on('error', () => undefined);
  let said = '';
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  const serving = new Promise<boolean>((resolve) => {
    const listen = (text: string): void => {
      said = (said + text).slice(-4_000);
      if (said.includes(`Running on http://127.0.0.1:${port}`)) resolve(true);
    };
    child.stderr.setEncoding('utf8').on('data', listen);
    child.stdout.setEncoding('utf8').on('data', listen);
    void ended.then(() => resolve(false));
  });
  const timer = new AbortController();
  const up = await Promise.race([serving, delay(START_MS, false, { signal: timer.signal }).catch(() => false)]);
  timer.abort();
  if (!up) {
    await stop(child, ended);
    return said;
  }
  const url = `http://127.0.0.1:${port}`;
  return { url, reset: () => reset(url), stop: () => stop(child, ended) };
}

/** What moto needs of the caller's environment, and the marks by which the tests find what they leave behind. */
function ownEnvironment(): Readonly<Record<string, string>> {
  const passed = ['PATH', 'HOME', 'TMPDIR', 'SPIN_TEST_RUN'].map((name) => [name, process.env[name]] as const);
  return {
    LANG: 'C.UTF-8',
    // Python would write its compiled files into the folder where moto is installed.
    PYTHONDONTWRITEBYTECODE: '1',
    ...Object.fromEntries(passed.filter((entry): entry is [(typeof entry)[0], string] => entry[1] !== undefined)),
  };
}

async function reset(url: string): Promise<void> {
  const answer = await fetch(`${url}/moto-api/reset`, { method: 'POST' });
  if (!answer.ok) throw new InternalError(`moto did not reset: ${answer.status}`);
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.stdin?.destroy();
  const timer = new AbortController();
  const late = delay(STOP_MS, true, { signal: timer.signal }).catch(() => false);
  const isLate = await Promise.race([ended.then(() => false), late]);
  timer.abort();
  if (isLate && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  await ended;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
