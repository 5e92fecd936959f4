import { appendFileSync } from 'node:fs';
import type { Clock } from '../../core/clock.ts';
import { exactDuration } from '../../core/duration.ts';
import type { BootstrapStep, Command } from '../../spec/spec.ts';
import { Fault } from '../fault.ts';
import { endGroup } from './end-group.ts';
import { type Exit, processStarter } from './keeper/spawn.ts';
import { commandLine } from './run.ts';

/** Where and as what the commands of an instance run. */
export interface Surroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
}

/**
 * Runs bootstrap steps one after the other; their output goes to the instance's log.
 * @throws Fault of class `missing-command`, `missing-folder`, `exit-nonzero`, `killed` or `timeout`, naming the step; the signal's reason
 */
export async function runBootstrap(
  steps: readonly BootstrapStep[],
  surroundings: Surroundings,
  done: (step: BootstrapStep, ms: number) => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (const step of steps) {
    const from = clock.now();
    const what = `bootstrap step ${step.name}`;
    appendFileSync(surroundings.log, `[spin] ${what}\n`, { mode: 0o600 });
    await runToEnd(what, step.run, step.timeoutMs, surroundings, clock, signal);
    done(step, clock.now() - from);
  }
}

/**
 * Runs one command in its own group until it ends with 0, and ends the group where the time is up or the signal aborts.
 * @throws Fault as runBootstrap
 */
export async function runToEnd(
  what: string,
  command: Command,
  timeoutMs: number,
  surroundings: Surroundings,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const startProcess = await processStarter();
  signal.throwIfAborted();
  const { identity, exited } = startProcess({ command: commandLine(command), ...surroundings });
  const over = new AbortController();
  const late = clock.sleep(timeoutMs, AbortSignal.any([over.signal, signal])).then(
    () => 'late' as const,
    () => 'late' as const,
  );
  const exit = await Promise.race([exited, late]);
  over.abort();
  if (exit === 'late') {
    await endGroup({ leader: identity, owns: () => false, signal: 'SIGTERM', timeoutMs: signal.aborted ? 0 : 1_000 }, clock);
    signal.throwIfAborted();
    throw new Fault('invalid', 'timeout', `${what} took longer than ${exactDuration(timeoutMs)}`);
  }
  const fault = exitFault(what, exit);
  if (fault !== undefined) throw fault;
}

/** The class of an end, or undefined for exit code 0. */
export function exitFault(what: string, exit: Exit): Fault | undefined {
  if (exit.code === 0) return undefined;
  if (exit.code === 127) return new Fault('invalid', 'missing-command', `${what} names a command that does not exist (exit code 127)`);
  if (exit.code === 126) return new Fault('invalid', 'missing-command', `${what} names a command that cannot be executed (exit code 126)`);
  if (exit.code !== undefined) return new Fault('invalid', 'exit-nonzero', `${what} ended with exit code ${exit.code}`);
  if (exit.signal !== undefined) return new Fault('invalid', 'killed', `${what} was ended by ${exit.signal}`);
  return new Fault('invalid', 'killed', `${what} ended while no keeper watched`);
}
