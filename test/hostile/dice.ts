/** Chance that can be repeated: the same seed throws the same. */
export class Dice {
  #state: number;

  /** @param seed any text; FNV-1a makes a state of it */
  constructor(seed: string) {
    let hash = 0x811c9dc5;
    for (const char of seed) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
    this.#state = hash >>> 0;
  }

  /** From 0 to, but not, 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from 0 to, but not, `end`; 0 where there is none. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** True that often: 0 is never, 1 is always. */
  chance(often: number): boolean {
    return this.next() < often;
  }

  /** @throws TypeError where there is nothing to pick from */
  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined && from.length === 0) throw new TypeError('nothing to pick from');
    return picked as T;
  }

  /** A few of them, in their order. */
  some<T>(from: readonly T[], often = 0.5): readonly T[] {
    return from.filter(() => this.chance(often));
  }
}
