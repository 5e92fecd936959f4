import { systemClock } from '../../../src/core/clock.ts';
import type { Clock } from '../../../src/core/clock.ts';

/** A clock that can be put forward. */
export interface TurnableClock extends Clock {
  advance(ms: number): Promise<void>;
}

/** The machine's clock, put forward by as much as a test says; sleeps last as long as they would without. */
export class ForwardClock implements TurnableClock {
  #forward = 0;

  now(): number {
    return systemClock.now() + this.#forward;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  advance(ms: number): Promise<void> {
    this.#forward += ms;
    return Promise.resolve();
  }
}

export function isTurnable(clock: Clock): clock is TurnableClock {
  return 'advance' in clock && typeof clock.advance === 'function';
}
