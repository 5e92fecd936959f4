import type { Call } from './calls.ts';

interface Held {
  readonly call: Call;
  readonly release: () => void;
}

/** Calls that stand still, so that a test can do something at exactly that moment: kill the caller, say. */
export class Holding {
  readonly #held = new Map<number, Held>();
  #watchers: (() => void)[] = [];

  /** Resolves when it is released, or when the client has gone. */
  hold(call: Call, gone: AbortSignal): Promise<'released' | 'gone'> {
    call.outcome = 'held';
    return new Promise((resolve) => {
      const end = (how: 'released' | 'gone') => {
        this.#held.delete(call.id);
        call.outcome = 'running';
        resolve(how);
      };
      this.#held.set(call.id, { call, release: () => end('released') });
      if (gone.aborted) end('gone');
      gone.addEventListener('abort', () => end('gone'), { once: true });
      for (const watcher of this.#watchers.splice(0)) watcher();
    });
  }

  list(): readonly Call[] {
    return [...this.#held.values()].map(({ call }) => call);
  }

  /** Resolves when a call stands still, at once where one does. */
  async next(): Promise<Call> {
    for (;;) {
      const [call] = this.list();
      if (call !== undefined) return call;
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  /** Lets one call go on, or all of them. */
  release(id?: number): void {
    for (const [held, { release }] of this.#held) if (id === undefined || held === id) release();
  }
}
