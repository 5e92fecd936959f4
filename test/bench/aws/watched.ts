import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type BenchFolder, leftovers } from '../bench-folder.ts';
import { type BenchCommand, run } from '../command.ts';

const LOOK_MS = 10;

/**
 * The most memory that a command and everything that it starts hold at one time, in megabytes (10^6 bytes). Looked at every
 * {@link LOOK_MS} ms, so not for a round that is timed; of a single process the kernel's own high-water mark counts.
 */
export async function peakMemory(folder: BenchFolder, command: BenchCommand): Promise<number> {
  const before = new Set((await leftovers(folder)).map(({ pid }) => pid));
  const ended = new AbortController();
  const ran = run(command).finally(() => ended.abort());
  let peak = 0;
  while (!ended.signal.aborted) {
    const pids = (await leftovers(folder)).map(({ pid }) => pid).filter((pid) => !before.has(pid));
    const held = await Promise.all(pids.map((pid) => kilobytes(pid, pids.length === 1 ? 'VmHWM' : 'VmRSS')));
    peak = Math.max(
      peak,
      held.reduce((sum, one) => sum + one, 0),
    );
    await delay(LOOK_MS);
  }
  await ran;
  return (peak * 1_024) / 1e6;
}

async function kilobytes(pid: number, field: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
}
