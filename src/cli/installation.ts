import { join } from 'node:path';

/** Where the parts of the installed package lie. */
export interface Installation {
  /** Starts spin itself. */
  readonly self: readonly [string, ...string[]];
  /** Starts the keeper of a local spin. */
  readonly keeper: readonly [string, ...string[]];
  readonly templates: string;
}

export function installationAt(root: string, node: string): Installation {
  return {
    self: [node, join(root, 'bin', 'spin.js')],
    keeper: [node, join(root, 'bin', 'keeper.js')],
    templates: join(root, 'templates'),
  };
}
