import { Fault } from '../fault.ts';
import type { Call } from '../provider.ts';
import type { Cloud } from './cloud.ts';

/** An answer that was asked for ahead counts for so long after it came; what is needed later is asked again. */
const HOLDS_MS = 5_000;

interface Answer<Value> {
  readonly value: Promise<Value>;
  /** Milliseconds since the epoch; undefined while it is under way. */
  came?: number;
}

/** An answer as its taker gets it. */
export interface Taken<Value> {
  readonly value: Value;
  /** True where it was asked for ahead: good enough to go on with, and no reason to refuse anything. */
  readonly kept: boolean;
}

/** Answers that were asked for before anybody needed them, so that questions of one command go out together. Each serves once. */
export class Ahead<Value> {
  readonly #answers = new Map<string, Answer<Value>>();

  /** Asks now. Where that stumbles, whoever takes the answer asks again. */
  start(key: string, call: Call, ask: () => Promise<Value>): void {
    if (this.#young(key, call) !== undefined) return;
    const answer: Answer<Value> = { value: ask() };
    const arrived = () => void (answer.came = call.clock.now());
    answer.value.then(arrived, arrived);
    this.#answers.set(key, answer);
  }

  /**
   * The answer that was asked for ahead, or what `ask` answers now.
   * @param fresh asks now, whatever was asked for ahead
   * @throws what `ask` throws; the call's abort reason
   */
  async take(key: string, call: Call, ask: () => Promise<Value>, fresh = false): Promise<Taken<Value>> {
    const early = fresh ? undefined : this.#young(key, call);
    this.#answers.delete(key);
    if (early === undefined) return { value: await ask(), kept: false };
    try {
      return { value: await untilAborted(early.value, call.signal), kept: true };
    } catch (thrown) {
      call.signal.throwIfAborted();
      if (thrown instanceof Fault && !thrown.passes) throw thrown;
      return { value: await ask(), kept: false };
    }
  }

  /** No answer of before counts any more. */
  forget(): void {
    this.#answers.clear();
  }

  #young(key: string, call: Call): Answer<Value> | undefined {
    const answer = this.#answers.get(key);
    return answer?.came === undefined || call.clock.now() - answer.came < HOLDS_MS ? answer : undefined;
  }
}

const everyKind: ((cloud: Cloud) => { forget(): void } | undefined)[] = [];

/** The answers of one kind that were asked for ahead, of each cloud its own. */
export function aheadPerCloud<Value>(): (cloud: Cloud) => Ahead<Value> {
  const known = new WeakMap<Cloud, Ahead<Value>>();
  everyKind.push((cloud) => known.get(cloud));
  return (cloud) => {
    const ahead = known.get(cloud) ?? new Ahead<Value>();
    known.set(cloud, ahead);
    return ahead;
  };
}

/** Something is asked to go: what was asked ahead of that, of an earlier life that is in the way, is asked again. */
export function outdateAhead(cloud: Cloud): void {
  for (const of of everyKind) of(cloud)?.forget();
}

/** @throws the signal's reason as soon as it aborts, whatever becomes of the promise */
function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
