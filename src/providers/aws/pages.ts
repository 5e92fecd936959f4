import { Fault } from '../fault.ts';

interface Page<Item> {
  readonly items: readonly Item[] | undefined;
  /** Where the following page begins; absent or empty on the last. */
  readonly next: string | undefined;
}

/** Every item of a paginated list. @throws Fault `transient` where a page leads to itself: what came so far must not pass for all */
export async function allPages<Item>(ask: (from: string | undefined) => Promise<Page<Item>>): Promise<readonly Item[]> {
  const all: Item[] = [];
  for (let from: string | undefined; ;) {
    const { items, next } = await ask(from);
    all.push(...(items ?? []));
    if (next === undefined || next === '') return all;
    if (next === from) throw new Fault('transient', 'endless-list', 'a list of AWS leads from a page to the same page');
    from = next;
  }
}

/** Cuts a list into parts of at most `size`, as many requests take. */
export function inParts<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, part) => items.slice(part * size, (part + 1) * size));
}
