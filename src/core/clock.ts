import { setTimeout as delay } from 'node:timers/promises';

/** Time, so that tests can turn it by hand. All times are milliseconds. */
export interface Clock {
  /** Milliseconds since the epoch (wall clock). */
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    // A timer that is set for longer goes off at once.
    for (let rest = Math.max(0, ms); ; rest -= LONGEST_TIMER_MS) {
      await delay(Math.min(rest, LONGEST_TIMER_MS), undefined, signal === undefined ? {} : { signal }).catch((thrown: unknown) => {
        // The caller wants to know why it was stopped, not that a timer was.
        throw signal?.aborted === true ? signal.reason : thrown;
      });
      if (rest <= LONGEST_TIMER_MS) return;
    }
  },
};

/** 24.8 days: what the runtime keeps in 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** ISO 8601 in UTC with milliseconds, the form of every time that spin writes. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Milliseconds since the epoch of an ISO 8601 time; NaN where it is not one. */
export function parseTime(iso: string): number {
  return Date.parse(iso);
}

/** A random part of `ms`, so that those who failed together do not try again together ("full jitter"). */
export function jitter(ms: number, random: () => number = Math.random): number {
  return random() * ms;
}
