import type { ResourceRecord } from '../store/record.ts';
import { letGo } from './effects.ts';
import type { Watch } from './watch.ts';
import type { Work } from './work.ts';

/** Releases a set of resources, each after everything in the set that stands on it; each once. */
export class ReleaseTree {
  readonly #work: Work;
  readonly #watch: Watch;
  readonly #set = new Map<string, ResourceRecord>();
  readonly #released = new Map<string, Promise<void>>();

  constructor(work: Work, watch: Watch, resources: readonly ResourceRecord[]) {
    this.#work = work;
    this.#watch = watch;
    for (const resource of resources) this.add(resource);
  }

  add(resource: ResourceRecord): void {
    this.#set.set(resource.key, resource);
  }

  /** Resolves when the resource of this key, and all of the set that stands on it, is proven absent. */
  release(key: string): Promise<void> {
    const running = this.#released.get(key);
    if (running !== undefined) return running;
    const task = this.#release(key);
    this.#released.set(key, task);
    return task;
  }

  /**
   * Releases the whole set. One that cannot be released holds back only what it stands on.
   * @throws the first failure, when all others have ended
   */
  async releaseAll(): Promise<void> {
    const results = await Promise.allSettled([...this.#set.keys()].map((key) => this.release(key)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #release(key: string): Promise<void> {
    const resource = this.#set.get(key);
    if (resource === undefined) return;
    const dependents = [...this.#set.values()].filter((other) => other.needs.includes(key));
    await Promise.all(dependents.map((dependent) => this.release(dependent.key)));
    // The record is newer than what the set was made of: it may have got a handle since.
    const latest = this.#work.session.record.resources[key];
    if (latest !== undefined) await letGo(this.#work, this.#watch, latest);
  }
}
