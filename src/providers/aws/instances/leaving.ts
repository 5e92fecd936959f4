import type { Clock } from '../../../core/clock.ts';
import type { Observation, SpinRef } from '../../provider.ts';
import { observation } from '../observing.ts';

interface Leave {
  /** When deletion was asked for last, in milliseconds since the epoch, and how often. */
  readonly askedAt: number;
  readonly asked: number;
  readonly reason: string;
}

const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 5_000;

/** What this process asked AWS to delete, so that looking at it says so, and it is asked for again where AWS refuses as yet. */
export class Leaving {
  readonly #clock: Clock;
  readonly #leaves = new Map<string, Leave>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns how often it was asked for, this time included */
  asked(spin: SpinRef, key: string, reason: string): number {
    const asked = (this.#leaves.get(keyOf(spin, key))?.asked ?? 0) + 1;
    this.#leaves.set(keyOf(spin, key), { askedAt: this.#clock.now(), asked, reason });
    return asked;
  }

  /** It is proven gone, or it is wanted after all. */
  forget(spin: SpinRef, key: string): void {
    this.#leaves.delete(keyOf(spin, key));
  }

  /**
   * What is said about a thing that still is there and was asked to go; undefined where it was not. `stalled` asks for the request
   * to be sent again, with growing pauses.
   */
  observation(spin: SpinRef, key: string): Observation | undefined {
    const leave = this.#leaves.get(keyOf(spin, key));
    if (leave === undefined) return undefined;
    const pause = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (leave.asked - 1));
    return observation('stopping', leave.reason, this.#clock.now() - leave.askedAt < pause ? {} : { stalled: true });
  }
}

function keyOf(spin: SpinRef, key: string): string {
  return `${spin.incarnation}/${key}`;
}
