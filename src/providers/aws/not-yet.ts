import type { Call } from '../provider.ts';
import { isClass } from './fault-class.ts';
import { CONSISTENCY_WINDOW_MS } from './observing.ts';

const LOOK_AGAIN_MS = 250;

/**
 * Does what needs a thing that was made a moment ago: not found means not yet, inside the consistency window.
 * @param codes AWS error codes that say that the thing is not found
 * @throws what `effect` throws, also `codes` after the window
 */
export async function onceKnown<T>(codes: readonly string[], effect: () => Promise<T>, call: Call): Promise<T> {
  const giveUpAt = call.clock.now() + CONSISTENCY_WINDOW_MS;
  for (;;) {
    try {
      return await effect();
    } catch (thrown) {
      if (!isClass(thrown, ...codes) || call.clock.now() >= giveUpAt) throw thrown;
      await call.clock.sleep(LOOK_AGAIN_MS, call.signal);
    }
  }
}
