import type { Clock } from '../../../src/core/clock.ts';
import { SoakFailure } from '../report.ts';
import type { UnderWay } from './under-way.ts';

interface Sleeper {
  readonly at: number;
  readonly order: number;
  readonly wake: () => void;
  gone: boolean;
}

/** Turns of the event loop without anything under way, after which all is still. */
const QUIET_TURNS = 3;
/** How long, in real time, nothing may be under way and nobody asleep before whoever waits is waiting for nothing. */
const STUCK_MS = 10_000;

/**
 * Time that stands still while anything is under way, and otherwise leaps to the moment for which somebody sleeps next. Thousands of sleeps
 * are held in a heap; those of one moment end together. An hour of waiting so takes no longer than the work that is done in it, and how
 * fast the machine is changes nothing about what is measured.
 */
export class FastClock implements Clock {
  readonly #heap: Sleeper[] = [];
  readonly #underWay: UnderWay;
  #now: number;
  #order = 0;

  constructor(underWay: UnderWay, startMs = Date.UTC(2026, 0, 1)) {
    this.#underWay = underWay;
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const stop = (): void => {
        sleeper.gone = true;
        reject(signal?.reason);
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const sleeper: Sleeper = { at: this.#now + Math.max(0, ms), order: this.#order++, wake, gone: false };
      signal?.addEventListener('abort', stop, { once: true });
      this.#push(sleeper);
    });
  }

  /** Turns until a promise settles, and answers with what it settles to. @throws SoakFailure where it never will */
  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => void (settled = true);
    work.then(done, done);
    let stuckSince: number | undefined;
    for (;;) {
      await this.#stillness();
      if (settled) return work;
      if (this.#wakeNext()) stuckSince = undefined;
      else {
        stuckSince ??= performance.now();
        if (performance.now() - stuckSince > STUCK_MS) throw new SoakFailure('nothing is under way and nobody sleeps: it would never end');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  /** Lets so much time pass. */
  pass(ms: number): Promise<void> {
    return this.run(this.sleep(ms));
  }

  async #stillness(): Promise<void> {
    const { exchanging, writing } = this.#underWay;
    do {
      for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
        await new Promise((resolve) => setImmediate(resolve));
        if (exchanging()) quiet = -1;
      }
    } while (writing());
  }

  #wakeNext(): boolean {
    this.#dropGone();
    const [first] = this.#heap;
    if (first === undefined) return false;
    this.#now = Math.max(this.#now, first.at);
    for (let [next] = this.#heap; next !== undefined && (next.gone || next.at <= this.#now); [next] = this.#heap) {
      this.#pop();
      if (!next.gone) next.wake();
    }
    return true;
  }

  #dropGone(): void {
    while (this.#heap[0]?.gone === true) this.#pop();
  }

  #push(sleeper: Sleeper): void {
    const heap = this.#heap;
    let place = heap.push(sleeper) - 1;
    for (let above = (place - 1) >> 1; place > 0; above = (place - 1) >> 1) {
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, sleeper)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = sleeper;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      const [left, right] = [heap[2 * place + 1], heap[2 * place + 2]];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (isBefore(last, child)) break;
      heap[place] = child;
      place = 2 * place + (isRight ? 2 : 1);
    }
    heap[place] = last;
  }
}

function isBefore(a: Sleeper, b: Sleeper): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
