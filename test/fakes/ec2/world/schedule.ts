interface Due {
  readonly at: number;
  readonly order: number;
  readonly change: () => void;
}

/** What will happen later, in order of time: a heap, for tens of thousands of instances may be on their way at once. */
export class Schedule {
  readonly #heap: Due[] = [];
  #order = 0;

  add(at: number, change: () => void): void {
    const due = { at, order: this.#order++, change };
    let i = this.#heap.push(due) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#before(i, parent)) break;
      this.#swap(i, parent);
      i = parent;
    }
  }

  /** Time of the next change, or undefined where nothing is on its way. */
  next(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** Takes the next change that is due at `now`. */
  take(now: number): Due | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink();
    }
    return first;
  }

  #sink(): void {
    for (let i = 0; ;) {
      const [left, right] = [2 * i + 1, 2 * i + 2];
      let least = i;
      if (left < this.#heap.length && this.#before(left, least)) least = left;
      if (right < this.#heap.length && this.#before(right, least)) least = right;
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #before(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return false;
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return;
    this.#heap[a] = other;
    this.#heap[b] = one;
  }
}
