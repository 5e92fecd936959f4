import type { KeeperStatus } from './control.ts';

/** Longer than it takes to get from an answer to the look that it was waited for. */
const FRESH_MS = 20;

/**
 * What keepers told this process. An answer is good for the look that follows at once, so that a keeper is not asked for the same again after
 * every request, and at every change of twenty services.
 */
export class Told {
  readonly #versions = new Map<string, number>();
  /** What was asked last was done by then. */
  readonly #asked = new Map<string, number>();
  readonly #fresh = new Map<string, { readonly status: KeeperStatus; readonly at: number }>();

  /** The version that was told last of a folder; 0 where none was. */
  version(root: string): number {
    return this.#versions.get(root) ?? 0;
  }

  seen(root: string, { version }: KeeperStatus): void {
    this.#versions.set(root, version);
  }

  /** @param now milliseconds since the epoch */
  waited(root: string, status: KeeperStatus, now: number): void {
    this.seen(root, status);
    this.#fresh.set(root, { status, at: now });
  }

  /** The answer of a moment ago, given once, and only where it came after all that was asked of the keeper. */
  take(root: string, now: number): KeeperStatus | undefined {
    const fresh = this.#fresh.get(root);
    this.#fresh.delete(root);
    if (fresh === undefined || now - fresh.at > FRESH_MS) return undefined;
    return fresh.status.version >= (this.#asked.get(root) ?? 0) ? fresh.status : undefined;
  }

  /**
   * Something was asked that changes what the keeper tells; this is its answer.
   * @param now milliseconds since the epoch
   */
  asked(root: string, status: KeeperStatus, now: number): void {
    this.#asked.set(root, Math.max(status.version, this.#asked.get(root) ?? 0));
    this.waited(root, status, now);
  }
}
