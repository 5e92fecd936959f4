import type { Rate } from './rates.ts';

/** The right to send at a time: `tokens` of a bucket, not before `at` (milliseconds since the epoch). */
export interface Slot {
  readonly id: string;
  readonly at: number;
  readonly tokens: number;
}

/** A bucket as it is written down. */
export interface BucketState {
  readonly level: number;
  readonly at: number;
  readonly slowness: number;
  readonly slowUntil: number;
  readonly throttledAt: number;
  readonly promised: readonly Slot[];
  readonly returned: readonly Slot[];
}

/** After a throttling answer the refill is halved for this long; then it doubles after each such time, until it is what it was. */
const SLOW_MS = 30_000;
/** Answers of requests that were under way together are one throttling. */
const SAME_THROTTLING_MS = 1_000;
const SLOWEST = 8;
/** A clock that went back by more than this was set; the bucket begins empty at the new time. */
const CLOCK_SET_MS = 60_000;

/**
 * A token bucket that hands out times instead of letting wait: who comes first goes first, and nobody has to ask again. In any stretch of
 * `t` seconds at most `size + perSecond * t` tokens are given. What it does follows from what it is told alone, so that several processes
 * that are told the same in the same order know the same.
 */
export class Bucket {
  readonly #rate: Rate;
  /** Tokens at `#at`; below zero where some are promised that are still to come. */
  #level: number;
  #at: number;
  #slowness: number;
  #slowUntil: number;
  #throttledAt: number;
  #promised: Map<string, Slot>;
  #returned: Slot[];

  constructor(rate: Rate, state?: BucketState) {
    this.#rate = rate;
    this.#level = state?.level ?? rate.size;
    this.#at = state?.at ?? 0;
    this.#slowness = state?.slowness ?? 1;
    this.#slowUntil = state?.slowUntil ?? 0;
    this.#throttledAt = state?.throttledAt ?? -SAME_THROTTLING_MS;
    this.#promised = new Map(state?.promised.map((slot) => [slot.id, slot]));
    this.#returned = [...(state?.returned ?? [])];
  }

  /** Takes tokens and says from when on they may be used. More than the bucket ever holds counts as all that it holds. */
  take(id: string, tokens: number, now: number): Slot {
    this.#advance(now);
    const wanted = Math.min(tokens, this.#rate.size);
    const left = this.#level - wanted;
    const at = this.#timeOf(left < 0 ? left - (this.#rate.spare ?? 0) : left);
    const returned = this.#returned.filter((slot) => slot.tokens >= wanted && slot.at < at).toSorted((a, b) => a.at - b.at)[0];
    if (returned !== undefined) return this.#takeReturned(returned, id, wanted);
    this.#level -= wanted;
    const slot = { id, at, tokens: wanted };
    if (at > now) this.#promised.set(id, slot);
    return slot;
  }

  /** Gives a slot back that will not be used. One whose time has come is lost: somebody may already have gone by it. */
  giveBack(id: string, now: number): void {
    this.#advance(now);
    const slot = this.#promised.get(id);
    if (slot === undefined) return;
    this.#promised.delete(id);
    this.#returned.push(slot);
  }

  isFull(now: number): boolean {
    this.#advance(now);
    return this.#level >= this.#rate.size;
  }

  /** AWS has refused a request although this bucket let it pass: somebody else asks as well. */
  throttled(now: number): void {
    this.#advance(now);
    if (now - this.#throttledAt < SAME_THROTTLING_MS) return;
    this.#throttledAt = now;
    this.#level = Math.min(this.#level, 0);
    this.#slowness = Math.min(SLOWEST, this.#slowness * 2);
    this.#slowUntil = now + SLOW_MS;
  }

  /** Who has been promised a time that is still to come. */
  promised(now: number): readonly Slot[] {
    return [...this.#promised.values()].filter(({ at }) => at > now);
  }

  state(): BucketState {
    return {
      level: this.#level,
      at: this.#at,
      slowness: this.#slowness,
      slowUntil: this.#slowUntil,
      throttledAt: this.#throttledAt,
      promised: [...this.#promised.values()],
      returned: this.#returned,
    };
  }

  #advance(now: number): void {
    if (now < this.#at - CLOCK_SET_MS) {
      this.#level = Math.min(0, this.#level);
      this.#at = now;
      this.#slowUntil = Math.min(this.#slowUntil, now + SLOW_MS);
      this.#throttledAt = Math.min(this.#throttledAt, now);
    }
    for (; this.#at < now;) {
      const end = this.#slowness > 1 ? Math.min(now, Math.max(this.#at, this.#slowUntil)) : now;
      this.#level = Math.min(this.#rate.size, this.#level + ((end - this.#at) * this.#rate.perSecond) / (1_000 * this.#slowness));
      this.#at = end;
      this.#recover();
    }
    for (const [id, { at }] of this.#promised) if (at <= now) this.#promised.delete(id);
    // Nobody went at that time, so the tokens are still there; but those who wait for later ones have their times already.
    const spare = this.#promised.size > 0 ? 0 : this.#returned.reduce((sum, { at, tokens }) => sum + (at <= now ? tokens : 0), 0);
    this.#level = Math.min(this.#rate.size, this.#level + spare);
    this.#returned = this.#returned.filter(({ at }) => at > now);
  }

  #recover(): void {
    if (this.#slowness === 1 || this.#at < this.#slowUntil) return;
    this.#slowness /= 2;
    this.#slowUntil += SLOW_MS;
  }

  /** When the bucket is no longer in debt, if nobody takes any more: a whole millisecond. */
  #timeOf(level: number): number {
    let [missing, at, slowness, until] = [-level, this.#at, this.#slowness, this.#slowUntil];
    if (missing <= 0) return at;
    for (; slowness > 1; slowness /= 2, until += SLOW_MS) {
      const refill = ((until - at) * this.#rate.perSecond) / (1_000 * slowness);
      if (refill >= missing) break;
      missing -= refill;
      at = until;
    }
    return Math.ceil(at + (missing * 1_000 * slowness) / this.#rate.perSecond);
  }

  /** What is not needed of it stays given back. */
  #takeReturned(returned: Slot, id: string, tokens: number): Slot {
    this.#returned = this.#returned.filter((slot) => slot !== returned);
    if (returned.tokens > tokens) this.#returned.push({ ...returned, tokens: returned.tokens - tokens });
    const slot = { id, at: returned.at, tokens };
    this.#promised.set(id, slot);
    return slot;
  }
}
