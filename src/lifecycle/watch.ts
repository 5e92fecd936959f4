import { SpinError } from '../core/errors.ts';
import type { Observation, Target } from '../providers/provider.ts';
import { spinOf, type Work } from './work.ts';

/** How long one look may be old: the provider wakes us earlier where it can. */
const LOOK_AGAIN_MS = 250;

interface Waiter {
  readonly target: Target;
  readonly deadline: number;
  readonly look: (seen: Observation) => boolean;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Waits for many resources of one spin with one observation per round, so that the number of requests
 * does not grow with the number of resources that are waited for.
 */
export class Watch {
  readonly #work: Work;
  readonly #waiters = new Set<Waiter>();
  #looking = false;
  #newcomer = new AbortController();

  constructor(work: Work) {
    this.#work = work;
  }

  /**
   * Resolves when `look` answers true about an observation of the target.
   * @param deadline milliseconds since the epoch
   * @throws SpinError `timeout` at the deadline; the call's abort reason; what `look` throws
   */
  until(target: Target, deadline: number, look: (seen: Observation) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.add({ target, deadline, look, resolve, reject });
      if (this.#looking) this.#newcomer.abort();
      else void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#looking = true;
    try {
      // Who begins to wait at the same moment is looked at together.
      await Promise.resolve();
      while (this.#waiters.size > 0) await this.#round();
    } catch (thrown) {
      for (const waiter of this.#waiters) waiter.reject(thrown);
      this.#waiters.clear();
    } finally {
      this.#looking = false;
    }
  }

  async #round(): Promise<void> {
    const { provider, call } = this.#work;
    call.signal.throwIfAborted();
    this.#newcomer = new AbortController();
    const waiting = [...this.#waiters];
    const seen = await provider.observe(
      waiting.map((waiter) => waiter.target),
      call,
    );
    let moved = false;
    for (const waiter of waiting) moved = this.#look(waiter, seen.get(waiter.target.key)) || moved;
    // Whoever was released may want to wait for the next thing: let it, before the next sleep.
    if (moved) await Promise.resolve();
    else await this.#nextChange();
  }

  /** What a newcomer waits for may have happened before it came, so the sleep ends when one comes. */
  async #nextChange(): Promise<void> {
    const { provider, call, session } = this.#work;
    const { signal } = this.#newcomer;
    if (signal.aborted) return;
    try {
      await provider.nextChange(spinOf(session.record), LOOK_AGAIN_MS, { ...call, signal: AbortSignal.any([call.signal, signal]) });
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  #look(waiter: Waiter, seen: Observation | undefined): boolean {
    try {
      if (seen !== undefined && waiter.look(seen)) waiter.resolve();
      else if (this.#work.call.clock.now() < waiter.deadline) return false;
      else
        waiter.reject(
          new SpinError('timeout', `${waiter.target.key} was given up: ${seen?.reason ?? 'no answer'}`, {
            data: { resource: waiter.target.key },
          }),
        );
    } catch (thrown) {
      waiter.reject(thrown);
    }
    this.#waiters.delete(waiter);
    return true;
  }
}
