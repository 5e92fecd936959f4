import type { EventBody } from '../core/events.ts';
import { Fault } from '../providers/fault.ts';
import type { Work } from './work.ts';

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;
/** A fault that passes sooner is no news: what was made a moment ago is often not shown yet. */
const TELL_AFTER_MS = 2_000;

/**
 * Does what a provider is asked for, again with growing pauses where it is throttled or stumbles, until `deadline`; why is told.
 * @param about what is asked for, for the events
 * @throws Fault of the last try; SpinError `lease-lost`; the call's abort reason
 */
export async function withRetries<T>(
  work: Work,
  deadline: number,
  effect: () => Promise<T>,
  about: Pick<EventBody, 'phase' | 'resource'> = {},
): Promise<T> {
  const { clock, signal, emit } = work.call;
  const began = clock.now();
  const told = new Set<string>();
  for (let pause = FIRST_RETRY_MS; ; pause = Math.min(pause * 2, LAST_RETRY_MS)) {
    signal.throwIfAborted();
    try {
      return await effect();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      // A provider that refuses our fencing number has seen a newer one, or all is gone: find out who took the lease.
      if (thrown.kind === 'conflict' || thrown.kind === 'not-found') await isSurelyHeld(work);
      if (!thrown.passes || clock.now() + pause >= deadline) throw thrown;
      if (clock.now() - began >= TELL_AFTER_MS && !told.has(thrown.message)) {
        told.add(thrown.message);
        emit({ type: 'provider.retried', ...about, fault: thrown.note() });
      }
      await clock.sleep(pause, signal);
      // The pause was long enough to lose the lease in, and whoever lost it makes no call any more.
      await work.session.check();
    }
  }
}

/**
 * Whether the lease is still ours; false where the store cannot be asked, which says nothing, and must hide no other failure.
 * @throws SpinError `lease-lost`
 */
export async function isSurelyHeld({ session }: Work): Promise<boolean> {
  try {
    await session.check();
    return true;
  } catch {
    session.lost.throwIfAborted();
    return false;
  }
}
