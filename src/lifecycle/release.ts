import type { ResourceRecord, SpinRecord } from '../store/record.ts';
import { letGo, toRelease } from './effects.ts';
import type { Watch } from './watch.ts';
import type { Work } from './work.ts';

/**
 * A record that wants to be down, with the first resources to go on their way: those on which nothing stands. In one write, because
 * everything waits for it.
 */
export function turnedDown(record: SpinRecord, now: number): SpinRecord {
  const all = Object.values(record.resources);
  const needed = new Set(all.flatMap(({ needs }) => needs));
  const resources = all.map((resource) => [resource.key, needed.has(resource.key) ? resource : toRelease(resource, now)] as const);
  return { ...record, desired: 'down', updatedAt: now, resources: Object.fromEntries(resources) };
}

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
