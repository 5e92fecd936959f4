import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../core/errors.ts';
import { Fault } from '../fault.ts';
import { removeFile } from './remove-file.ts';
import { makeSubfolder, spinGone } from './subfolder.ts';

/**
 * Takes note of a fencing number and refuses one that is lower than the highest seen. The numbers are names of empty files,
 * so that any process may claim without a lock: of two that claim at once, the lower sees the higher when it looks again.
 * @throws Fault `conflict` `fenced`; `not-found` `spin-gone` where the folder of the incarnation is not there
 */
export function claimFence(folder: string, fence: number): void {
  const seen = readFences(folder);
  refuseBelow(seen, fence);
  // Claimed before, and nobody has claimed since: one look is enough for the many requests of one command.
  if (seen.length === 1 && seen[0] === fence) return;
  makeSubfolder(folder);
  try {
    writeFileSync(join(folder, String(fence)), '', { mode: 0o600 });
  } catch (thrown) {
    throw systemCode(thrown) === 'ENOENT' ? spinGone(thrown) : thrown;
  }
  for (const lower of readFences(folder)) if (lower < fence) removeFile(join(folder, String(lower)));
  confirmFence(folder, fence);
}

/** That a number claimed before is still the highest. @throws Fault `conflict` `fenced`; `not-found` `spin-gone` where all was removed since */
export function confirmFence(folder: string, fence: number): void {
  const seen = readFences(folder);
  refuseBelow(seen, fence);
  if (!seen.includes(fence)) throw spinGone();
}

function refuseBelow(seen: readonly number[], fence: number): void {
  const highest = Math.max(0, ...seen);
  if (fence < highest) {
    throw new Fault('conflict', 'fenced', `another process took the lease over (its fencing number is ${highest}, this one's ${fence})`);
  }
}

function readFences(folder: string): readonly number[] {
  try {
    return readdirSync(folder)
      .map(Number)
      .filter((fence) => Number.isSafeInteger(fence));
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}
