import { Fault } from '../fault.ts';
import type { Call, Handle, Observation, Target } from '../provider.ts';

/** NotFound this soon after a create means *not yet*; the engine goes by the same time. */
export const CONSISTENCY_WINDOW_MS = 10_000;

/** A handle that knows when its resource was asked for, so that an answer that lacks it can be judged. */
export function made(call: Call, facts: Handle): Handle {
  return { ...facts, madeAt: call.clock.now() };
}

export function handleText(handle: Handle | undefined, name: string): string | undefined {
  const value = handle?.[name];
  return typeof value === 'string' ? value : undefined;
}

export function observation(state: Observation['state'], reason: string, more: Partial<Observation> = {}): Observation {
  return { state, reason, instances: [], endpoints: [], ...more };
}

/** True while an answer that lacks the target may only be late. */
export function isFresh({ handle }: Target, call: Call): boolean {
  const madeAt = handle?.['madeAt'];
  // Made in the future, by a machine whose clock is ahead, says nothing about now.
  return typeof madeAt === 'number' && Math.abs(call.clock.now() - madeAt) < CONSISTENCY_WINDOW_MS;
}

/** Looks once for all targets; where that fails, each is unknown, with the reason. @throws the call's abort reason */
export async function observeAll(
  targets: readonly Target[],
  look: () => Promise<(target: Target) => Observation>,
  call: Call,
): Promise<ReadonlyMap<string, Observation>> {
  if (targets.length === 0) return new Map();
  const judge = await look().catch((thrown: unknown) => {
    call.signal.throwIfAborted();
    if (!(thrown instanceof Fault)) throw thrown;
    return () => observation('unknown', `could not be asked for: ${thrown.message}`);
  });
  return new Map(targets.map((target) => [target.key, judge(target)]));
}
