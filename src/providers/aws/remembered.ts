import type { Call } from '../provider.ts';

/** What does not change while a process runs, such as what an image is: asked once, and again only where asking failed. */
export class Remembered<Value> {
  readonly #known = new Map<string, Promise<Value>>();

  /** @throws what `ask` throws; the call's abort reason */
  async get(key: string, call: Call, ask: () => Promise<Value>): Promise<Value> {
    for (;;) {
      call.signal.throwIfAborted();
      const known = this.#known.get(key);
      const asked = known ?? ask();
      if (known === undefined) this.#known.set(key, asked);
      try {
        return await asked;
      } catch (thrown) {
        if (this.#known.get(key) === asked) this.#known.delete(key);
        // Another caller's question, given up for that caller's own reasons, is no answer to this one.
        if (known === undefined || !isAbort(thrown)) throw thrown;
      }
    }
  }
}

function isAbort(thrown: unknown): boolean {
  return !(thrown instanceof Error) || thrown.name !== 'Fault';
}
