import type { Call } from '../provider.ts';

/** How a question about many things is asked, and which of them a row of its answer is about. */
export interface Question<Row> {
  /** Asked with at most `most` keys, unless one asker alone has more. */
  readonly ask: (keys: readonly string[], call: Call) => Promise<readonly Row[]>;
  readonly keyOf: (row: Row) => string;
  readonly most: number;
}

interface Waiter<Row> {
  readonly keys: readonly string[];
  readonly call: Call;
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Asks the same question for everybody who wants to know at one time, as one request. While an answer is under way, newcomers gather for
 * the next: an answer is never older than the question, and two hundred spins in one process ask no more often than one.
 */
export class Together<Row> {
  readonly #question: Question<Row>;
  #waiting: readonly Waiter<Row>[] = [];
  #asking = false;

  constructor(question: Question<Row>) {
    this.#question = question;
  }

  /** The rows of these keys. @throws what asking throws; the call's abort reason */
  of(keys: readonly string[], call: Call): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      if (call.signal.aborted) {
        reject(call.signal.reason);
        return;
      }
      this.#waiting = [...this.#waiting, { keys, call, resolve, reject }];
      if (!this.#asking) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#asking = true;
    // Whoever asks in this same turn goes with the first.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#round();
    this.#asking = false;
  }

  async #round(): Promise<void> {
    const [round, keys] = this.#next();
    const [first] = round;
    if (first === undefined) return;
    // Given up only when nobody wants the answer any more.
    const nobody = new AbortController();
    const done = new AbortController();
    let interested = round.length;
    for (const { call, reject } of round) {
      const leave = (): void => {
        reject(call.signal.reason);
        if (--interested === 0) nobody.abort(call.signal.reason);
      };
      if (call.signal.aborted) leave();
      else call.signal.addEventListener('abort', leave, { once: true, signal: done.signal });
    }
    if (interested === 0) return;
    try {
      const rows = Map.groupBy(await this.#question.ask(keys, { ...first.call, signal: nobody.signal }), this.#question.keyOf);
      for (const waiter of round) waiter.resolve(waiter.keys.flatMap((key) => rows.get(key) ?? []));
    } catch (thrown) {
      for (const { reject } of round) reject(thrown);
    } finally {
      done.abort();
    }
  }

  /** As many of those who wait, in the order in which they came, as one question has room for. */
  #next(): readonly [readonly Waiter<Row>[], readonly string[]] {
    const keys = new Set<string>();
    let count = 0;
    for (const waiter of this.#waiting) {
      const more = waiter.keys.filter((key) => !keys.has(key));
      if (count > 0 && keys.size + more.length > this.#question.most) break;
      for (const key of more) keys.add(key);
      count += 1;
    }
    const round = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return [round, [...keys]];
  }
}
