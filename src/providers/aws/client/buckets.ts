import { join } from 'node:path';
import { makeTraceId } from '../../../core/ids.ts';
import type { Call } from '../../provider.ts';
import { Bucket, type Slot } from './bucket.ts';
import { BucketLog } from './bucket-log.ts';
import type { Rate, Toll } from './rates.ts';

/** The token buckets of every account and region, shared by all spin processes of this machine. */
export interface Buckets {
  /**
   * Resolves when a request that takes these tokens may be sent, first come first served.
   * @param scope account and region, as a relative folder
   * @param onWait told before a wait, and for how many milliseconds it is
   * @throws the call's abort reason, or what `onWait` throws; the tokens are given back then
   */
  pass(scope: string, tolls: readonly Toll[], call: Call, onWait?: (ms: number) => void): Promise<void>;
  /** True where nobody has taken any of the first bucket's tokens lately. */
  isFull(scope: string, tolls: readonly Toll[], now: number): boolean;
  /** AWS throttled a request that took these tokens. */
  throttled(scope: string, tolls: readonly Toll[], now: number): void;
}

/** Waits longer than this are worth looking for tokens that were promised to processes which have died since. */
const LONG_MS = 1_000;

/** Buckets in `folder`, and in this process alone where the folder cannot be used. */
export function createBuckets(folder: string): Buckets {
  const buckets = new Map<string, SharedBucket>();
  const prefix = `${process.pid}.${makeTraceId().slice(0, 6)}`;
  let taken = 0;

  const bucketOf = (scope: string, { bucket, rate }: Toll): SharedBucket => {
    const path = join(folder, scope, bucket);
    const found = buckets.get(path) ?? new SharedBucket(path, rate);
    buckets.set(path, found);
    return found;
  };

  return {
    async pass(scope, tolls, call, onWait) {
      call.signal.throwIfAborted();
      const began = call.clock.now();
      const passes = tolls.map((toll) => bucketOf(scope, toll).take(() => `${prefix}.${taken++}`, toll.tokens, began));
      const at = Math.max(began, ...passes.map(({ slot }) => slot.at));
      try {
        if (at > began) onWait?.(at - began);
        for (let now = began; now < at; now = call.clock.now()) await call.clock.sleep(at - now, call.signal);
      } catch (thrown) {
        for (const { bucket, slot } of passes) bucket.giveBack(slot.id, call.clock.now());
        throw thrown;
      }
    },

    isFull(scope, [first], now) {
      return first === undefined || bucketOf(scope, first).isFull(now);
    },

    throttled(scope, tolls, now) {
      for (const toll of tolls) bucketOf(scope, toll).throttled(now);
    },
  };
}

class SharedBucket {
  readonly #log: BucketLog;
  readonly #rate: Rate;
  /** Takes the place of the log once that has failed. */
  #alone: Bucket | undefined;

  constructor(folder: string, rate: Rate) {
    this.#log = new BucketLog(folder, rate);
    this.#rate = rate;
  }

  take(nextId: () => string, tokens: number, now: number): { readonly bucket: SharedBucket; readonly slot: Slot } {
    const first = this.#takeOnce(nextId(), tokens, now);
    if (first.at - now <= LONG_MS || !this.#releaseDead(now)) return { bucket: this, slot: first };
    // What the dead had been promised goes to whoever takes next.
    this.giveBack(first.id, now);
    return { bucket: this, slot: this.#takeOnce(nextId(), tokens, now) };
  }

  giveBack(id: string, now: number): void {
    this.#try(
      (log) => log.giveBack(id, now),
      (bucket) => bucket.giveBack(id, now),
    );
  }

  isFull(now: number): boolean {
    return this.#try(
      (log) => log.isFull(now),
      (bucket) => bucket.isFull(now),
    );
  }

  throttled(now: number): void {
    this.#try(
      (log) => log.throttled(now),
      (bucket) => bucket.throttled(now),
    );
  }

  #takeOnce(id: string, tokens: number, now: number): Slot {
    const slot = this.#try<Slot | undefined>(
      (log) => log.take(id, tokens, now),
      (bucket) => bucket.take(id, tokens, now),
    );
    if (slot !== undefined) return slot;
    this.#alone ??= new Bucket(this.#rate);
    return this.#alone.take(id, tokens, now);
  }

  #releaseDead(now: number): boolean {
    if (this.#alone !== undefined) return false;
    const dead = this.#log.promised(now).filter(({ id }) => isDead(Number(id.split('.')[0])));
    for (const { id } of dead) this.giveBack(id, now);
    return dead.length > 0;
  }

  /** A folder that cannot be written must not stop anybody: the limit then holds for this process. */
  #try<T>(shared: (log: BucketLog) => T, alone: (bucket: Bucket) => T): T {
    if (this.#alone === undefined) {
      try {
        return shared(this.#log);
      } catch {
        this.#log.close();
        this.#alone = new Bucket(this.#rate);
      }
    }
    return alone(this.#alone);
  }
}

/** True where no process has this ID. One that was given to another process since counts as alive, which only costs some waiting. */
function isDead(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH';
  }
}
