import { join } from 'node:path';

/** Where the parts of the installed package lie. */
export interface Installation {
  /** Starts spin itself. */
  readonly self: readonly [string, ...string[]];
  /** Starts the keeper of a local spin. */
  readonly keeper: readonly [string, ...string[]];
  readonly templates: string;
}

/**
 * Keepers are many, live long and have small heaps: threads that help to collect garbage or to compile take more than they give, above all
 * when twenty services end at once and every core is needed for that.
 */
const KEEPER_NODE = ['--single-threaded-gc', '--v8-pool-size=1'] as const;

export function installationAt(root: string, node: string): Installation {
  return {
    self: [node, join(root, 'bin', 'spin.js')],
    keeper: [node, ...KEEPER_NODE, join(root, 'bin', 'keeper.js')],
    templates: join(root, 'templates'),
  };
}
