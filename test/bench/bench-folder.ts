import { cp, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Everything that a run of the bench makes lies in one folder, and every process that it starts can be found by it. */
export interface BenchFolder {
  readonly root: string;
  /** Empty; commands run in it. */
  readonly work: string;
  readonly state: string;
  /** A copy of the small server, so that its command line names the folder too. */
  readonly server: string;
  readonly env: Readonly<Record<string, string>>;
}

export async function makeBenchFolder(): Promise<BenchFolder> {
  // Short: a socket below it has at most 107 bytes for its path.
  const root = await mkdtemp(join(tmpdir(), 'spin-bench-'));
  const folder = { root, work: join(root, 'work'), state: join(root, 'state'), server: join(root, 'server.mjs') };
  await mkdir(folder.work);
  await cp(join(import.meta.dirname, 'server.mjs'), folder.server);
  const env = {
    PATH: process.env['PATH'] ?? '',
    LANG: process.env['LANG'] ?? 'C.UTF-8',
    USER: process.env['USER'] ?? 'bench',
    HOME: join(root, 'home'),
    XDG_CACHE_HOME: join(root, 'cache'),
    XDG_CONFIG_HOME: join(root, 'config'),
    SPIN_STATE: folder.state,
    SPIN_BENCH: root,
  };
  // Nothing of the caller's own: NODE_EXTRA_CA_CERTS alone costs each start of Node about 50 ms.
  return { ...folder, env };
}

/** A process that has to do with a bench folder. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** Processes that carry the folder's name in their environment or command line; a zombie is gone. */
export async function leftovers(folder: BenchFolder): Promise<readonly Leftover[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid): Promise<Leftover | undefined> => {
      const [stat, environ, command] = await Promise.all(
        ['stat', 'environ', 'cmdline'].map((file) => readOrNothing(`/proc/${pid}/${file}`)),
      );
      const gone = stat === undefined || /^[ZX]$/.test(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3));
      const ours = environ?.includes(folder.root) === true || command?.includes(folder.root) === true;
      return gone || !ours ? undefined : { pid: Number(pid), command: (command ?? '').replaceAll('\0', ' ').trim() };
    }),
  );
  return found.filter((entry) => entry !== undefined);
}

/** Waits until nothing of the folder runs any more. @returns what still does at the end of `forMs` */
export async function settled(folder: BenchFolder, forMs: number): Promise<readonly Leftover[]> {
  for (let left = forMs; ; left -= 20) {
    const found = await leftovers(folder);
    if (found.length === 0 || left <= 0) return found;
    await delay(20);
  }
}

/** Ends what is left and deletes the folder. @returns what had to be ended */
export async function removeBenchFolder(folder: BenchFolder): Promise<readonly Leftover[]> {
  const left = await settled(folder, 3_000);
  for (let tries = 0; tries < 10; tries++) {
    const running = await leftovers(folder);
    if (running.length === 0) break;
    for (const { pid } of running) endProcess(pid);
    await delay(100);
  }
  await rm(folder.root, { recursive: true, force: true, maxRetries: 3 });
  return left;
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
}

async function readOrNothing(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
