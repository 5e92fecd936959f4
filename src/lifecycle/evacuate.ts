import { messageOf, SpinError } from '../core/errors.ts';
import type { Hook } from '../spec/spec.ts';
import { bindCommand } from '../spec/bindings.ts';
import type { SpinRecord } from '../store/record.ts';
import { bindingsOf, type Work } from './work.ts';

/** True where a hook is to run before anything of a spin is drained: it has served, and nobody has begun to take it down. */
export function hasToEvacuate({ spec, readyAt, desired }: SpinRecord): boolean {
  return spec.evacuate !== undefined && readyAt !== undefined && desired === 'up';
}

/** Runs the evacuation hook of a spin, if it has one, on this machine, in the folder of its spec.
 * @param regardless a failed hook is told and passed over
 * @throws SpinError `release-failed` where it failed, and nothing was drained yet
 */
export async function runEvacuation(work: Work, regardless: boolean): Promise<void> {
  const { spec, id } = work.session.record;
  if (spec.evacuate === undefined) return;
  const began = work.call.clock.now();
  try {
    await runHook(spec.evacuate, work);
    work.call.emit({ type: 'hook.finished', data: { hook: 'evacuate', exitCode: 0 }, ms: work.call.clock.now() - began });
  } catch (thrown) {
    work.call.signal.throwIfAborted();
    work.call.emit({ type: 'hook.failed', message: `evacuate: ${messageOf(thrown)}` });
    if (regardless) return;
    throw new SpinError('release-failed', `the evacuation hook of ${id} failed, and nothing was taken down: ${messageOf(thrown)}`, {
      hint: `spin down ${id} --force goes on without it`,
      cause: thrown,
    });
  }
}

async function runHook(hook: Hook, work: Work): Promise<void> {
  const { execa } = await import('execa');
  const { record } = work.session;
  const command = bindCommand(hook.run, bindingsOf(record));
  const options = {
    cwd: record.spec.baseDir,
    timeout: hook.timeoutMs,
    cancelSignal: work.call.signal,
    stdin: 'ignore' as const,
    env: { SPIN_ID: record.id, SPIN_INCARNATION: record.incarnation },
  };
  if (typeof command === 'string') await execa('/bin/sh', ['-c', command], options);
  else await execa(command[0], command.slice(1), options);
}
