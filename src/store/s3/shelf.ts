import type { Bucket, Found, Listed } from './bucket.ts';
import { inFlight } from './in-flight.ts';
import type { ObjectCache } from './object-cache.ts';
import { isOfOneObject } from './problem.ts';

/** What was made of the objects of a shelf, in the order of their keys. */
export interface Looked<Seen> {
  readonly seen: readonly Seen[];
  /** Objects that could not be read, or that `look` threw at. */
  readonly failed: readonly { readonly key: string; readonly problem: unknown }[];
}

/** The objects under one prefix, read together: listed by the thousand, and asked for one by one only where they changed. */
export class Shelf {
  readonly prefix: string;
  readonly #bucket: Bucket;
  readonly #cache: ObjectCache;

  constructor(bucket: Bucket, prefix: string, cache: ObjectCache) {
    this.#bucket = bucket;
    this.prefix = prefix;
    this.#cache = cache;
  }

  /** @throws SpinError `state-unwritable` where the bucket cannot be listed, or it is not one object alone that cannot be read */
  async look<Seen>(look: (key: string, found: Found) => Seen | undefined): Promise<Looked<Seen>> {
    const present = new Set<string>();
    const seen = new Map<string, Seen>();
    const failed = new Map<string, unknown>();
    await inFlight(this.#bucket.list(this.prefix), async (listed) => {
      const { key } = listed;
      // What a console makes to show a folder.
      if (key.endsWith('/')) return;
      present.add(key);
      const made = this.#lookAtKept(listed, look) ?? (await this.#lookAt(key, look, failed));
      if (made !== undefined) seen.set(key, made);
    });
    this.#cache.save(present);
    return { seen: inOrder(seen).map(([, made]) => made), failed: inOrder(failed).map(([key, problem]) => ({ key, problem })) };
  }

  async #lookAt<Seen>(key: string, look: (key: string, found: Found) => Seen, failed: Map<string, unknown>): Promise<Seen | undefined> {
    let found: Found | undefined;
    try {
      found = await this.#bucket.get(key);
    } catch (thrown) {
      if (!isOfOneObject(thrown)) throw thrown;
      failed.set(key, thrown);
    }
    if (found === undefined) return undefined;
    this.#cache.keep(key, found.etag, found.text);
    try {
      return look(key, found);
    } catch (thrown) {
      failed.set(key, thrown);
      return undefined;
    }
  }

  #lookAtKept<Seen>({ key, etag, writtenAt }: Listed, look: (key: string, found: Found) => Seen): Seen | undefined {
    const text = this.#cache.get(key, etag);
    try {
      return text === undefined ? undefined : look(key, { text, etag, writtenAt });
    } catch {
      // Damaged here or there: the object itself tells.
      return undefined;
    }
  }
}

function inOrder<Value>(byKey: ReadonlyMap<string, Value>): readonly (readonly [string, Value])[] {
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
