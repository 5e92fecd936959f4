import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { InternalError } from '../src/core/errors.ts';
import { type Process, processesWith } from './e2e/processes.ts';

/** Every process of a run inherits it, also those that leave their session. */
const RUN_VARIABLE = 'SPIN_TEST_RUN';
const PATIENCE_MS = 5_000;

/**
 * Gives the whole run a folder for temporary files and a mark in the environment, and at its end proves that no process
 * (and so no port) and no file of any test is left.
 */
export default function leaveNothing(): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'spin-tests-'));
  // Some tests start processes of another user, who must get to what is made for them.
  chmodSync(folder, 0o711);
  process.env['TMPDIR'] = folder;
  process.env[RUN_VARIABLE] = folder;
  return async () => {
    const giveUp = performance.now() + PATIENCE_MS;
    while (processesLeft(folder).length > 0 && performance.now() < giveUp) await pause(50);
    const left = [
      ...processesLeft(folder).map(({ pid, command }) => `process ${pid}: ${command}`),
      ...readdirSync(folder).map((name) => `file ${join(folder, name)}`),
    ];
    rmSync(folder, { recursive: true, force: true });
    if (left.length > 0) throw new InternalError(`the tests left something behind:\n${left.join('\n')}`);
  };
}

/** The runner's own workers and its watchdog end after this. */
function processesLeft(folder: string): readonly Process[] {
  return processesWith(RUN_VARIABLE, folder).filter(({ command }) => !command.includes('vitest'));
}
