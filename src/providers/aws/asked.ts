import { type Incarnation, incarnationTime } from '../../core/ids.ts';
import { Fault, type FaultKind } from '../fault.ts';
import type { Call, Observation, SpinRef, Target } from '../provider.ts';
import { CONSISTENCY_WINDOW_MS, isFresh, observation } from './observing.ts';

/** After these it is open whether the request had its effect. */
const OPEN: ReadonlySet<FaultKind> = new Set<FaultKind>(['transient']);

/** Far beyond what lists lag behind, in milliseconds. */
const SETTLED_MS = 5 * 60_000;

/**
 * Creating requests of this process, and whether they were answered. Without a handle, and with nothing to be seen, a resource is absent
 * only where no request can have been sent a moment ago that lists do not show yet: by this process, or by one that was killed since.
 */
export class Asked {
  /** Milliseconds since the epoch of a request that was not answered; undefined once it was. */
  readonly #requests = new Map<string, number | undefined>();
  /** What isLongAgo answers, by key: the record's time moves as this process asks. */
  readonly #longAgo = new Map<string, boolean>();
  /** When this process saw that nothing of a life was there, by incarnation. */
  readonly #settled = new Map<Incarnation, number>();

  /** Sends a creating request. @throws what `send` throws */
  async creating<T>({ spin, key }: Pick<Target, 'spin' | 'key'>, call: Call, send: () => Promise<T>): Promise<T> {
    this.#requests.set(keyOf(spin, key), call.clock.now());
    try {
      const answer = await send();
      this.#requests.set(keyOf(spin, key), undefined);
      this.#longAgo.set(keyOf(spin, key), false);
      return answer;
    } catch (thrown) {
      if (thrown instanceof Fault && !OPEN.has(thrown.kind)) this.#requests.set(keyOf(spin, key), undefined);
      else this.#longAgo.set(keyOf(spin, key), false);
      throw thrown;
    }
  }

  /** Notes that nothing of this life is there. */
  settle({ incarnation }: SpinRef, call: Call): void {
    this.#settled.set(incarnation, call.clock.now());
  }

  /**
   * True where the request is the first of its key by anyone: nothing was there, the intent was written down only after that, and this process,
   * which wrote it, has not sent it yet. Such a request need not look for what an earlier one made.
   */
  isFirst({ spin, key, requestedAt, handle }: Target): boolean {
    const settledAt = this.#settled.get(spin.incarnation);
    if (handle !== undefined || requestedAt === undefined || settledAt === undefined) return false;
    return requestedAt >= settledAt && !this.#requests.has(keyOf(spin, key));
  }

  /** True while what is not shown may have been made all the same. */
  mayBeHidden(target: Target, call: Call): boolean {
    if (target.handle !== undefined && isFresh(target, call)) return true;
    if (this.isFirst(target)) return false;
    const began = this.#has(target) ? this.#requests.get(keyOf(target.spin, target.key)) : requestedAt(target);
    return began !== undefined && Math.abs(call.clock.now() - began) < CONSISTENCY_WINDOW_MS;
  }

  /**
   * True where nobody has had a request that may have been done for so long that what was made is in every list, or gone. Requests of this
   * process that were refused change nothing about that.
   */
  isLongAgo(target: Target, call: Call): boolean {
    const key = keyOf(target.spin, target.key);
    const known = this.#longAgo.get(key) ?? Math.abs(call.clock.now() - requestedAt(target)) >= SETTLED_MS;
    this.#longAgo.set(key, known);
    return known;
  }

  #has({ spin, key }: Target): boolean {
    return this.#requests.has(keyOf(spin, key));
  }

  /** What an answer that lacks the target means. */
  missing(target: Target, call: Call): Observation {
    return this.mayBeHidden(target, call) ? observation('pending', 'is not shown yet') : observation('absent', 'is not there');
  }
}

/** When it was asked for last, by the record; what has none is of an adopted spin, or as old as that at most. */
function requestedAt({ spin, requestedAt: asked = incarnationTime(spin.incarnation) }: Target): number {
  return asked;
}

function keyOf(spin: SpinRef, key: string): string {
  return `${spin.incarnation}/${key}`;
}
