import { existsSync, readFileSync } from 'node:fs';
import { exactDuration } from '../../../core/duration.ts';
import type { Restart } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import { exitFault } from '../bootstrap.ts';
import type { Exit } from './spawn.ts';

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 10_000;

/**
 * The failure that an unplanned end means, or undefined where the instance is started again.
 * @param ends unplanned ends within the window, this one included
 */
export function failureOf(name: string, exit: Exit, ends: number, wasHealthy: boolean, restart: Restart): Fault | undefined {
  const fault = exitFault(name, exit) ?? new Fault('invalid', 'exited', `${name} ended with exit code 0`);
  // Starting it again would not make the command appear.
  if (!wasHealthy && fault.class === 'missing-command') return fault;
  if (restart.policy === 'never' || (restart.policy === 'on-failure' && exit.code === 0)) return fault;
  if (ends < restart.max) return undefined;
  return new Fault(
    'invalid',
    'crash-loop',
    `${name} ended ${ends} times within ${exactDuration(restart.windowMs)}, last: ${describeExit(exit)}`,
  );
}

/** Milliseconds before the next start: 100, doubling with every end, 10,000 at most. */
export function pauseAfter(ends: number): number {
  return Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (ends - 1));
}

export function describeExit({ code, signal }: Exit): string {
  if (code !== undefined) return `exit code ${code}`;
  return signal === undefined ? 'it ended while no keeper watched' : `ended by ${signal}`;
}

/** The exit code that the shell around a job wrote down; undefined where it did not come to that. */
export function readExit(file: string): number | undefined {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
