import { InternalError } from '../core/errors.ts';

interface Node {
  readonly address: string;
  readonly needs: readonly string[];
}

/** Sorts nodes so that each comes after what it needs, and otherwise as given. @throws InternalError on a cycle, which the spec check has ruled out. */
export function graphOrder<T extends Node>(nodes: readonly T[]): readonly T[] {
  const byAddress = new Map(nodes.map((node) => [node.address, node]));
  const ordered: T[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (node: T): void => {
    const seen = state.get(node.address);
    if (seen === 'done') return;
    if (seen === 'open') throw new InternalError(`the resource graph has a cycle through ${node.address}`);
    state.set(node.address, 'open');
    for (const need of node.needs) {
      const needed = byAddress.get(need);
      if (needed !== undefined) visit(needed);
    }
    state.set(node.address, 'done');
    ordered.push(node);
  };
  for (const node of nodes) visit(node);
  return ordered;
}
