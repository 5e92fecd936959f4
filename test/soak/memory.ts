import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const LOOK_MS = 100;
const COLLECTIONS = 5;

/** Watches the resident memory of this process. `peak` is in megabytes (10^6 bytes). */
export function watchMemory(): { readonly peak: number; stop(): void } {
  let peak = process.memoryUsage.rss();
  const look = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), LOOK_MS);
  look.unref();
  return {
    get peak() {
      return peak / 1e6;
    },
    stop: () => clearInterval(look),
  };
}

/** What is reachable in this process, in megabytes, after all that is not was collected. */
export async function heapInUse(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < COLLECTIONS; round++) {
    collect();
    // Sockets close, and finalizers let go of what the next round collects.
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return process.memoryUsage().heapUsed / 1e6;
}

/** Resident memory of another process, in megabytes; NaN where it is gone. */
export function residentMemory(pid: number): number {
  const [kilobytes] = /(?<=^VmRSS:\s+)\d+/m.exec(textOf(`/proc/${pid}/status`)) ?? [];
  return (Number(kilobytes) * 1_024) / 1e6;
}

/** How many descriptors a process has open. */
export function openFiles(pid: number | 'self'): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
