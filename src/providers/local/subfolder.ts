import { mkdirSync } from 'node:fs';
import { systemCode } from '../../core/errors.ts';
import { Fault } from '../fault.ts';

/**
 * Makes a folder inside that of an incarnation, 0700, where it is not there yet; never the incarnation's own, which would bring back what was
 * released. @throws Fault `not-found` `spin-gone`
 */
export function makeSubfolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === 'ENOENT') throw spinGone(thrown);
    if (code !== 'EEXIST') throw thrown;
  }
}

/** For one who comes when all was released. */
export function spinGone(cause?: unknown): Fault {
  return new Fault('not-found', 'spin-gone', 'the folder of this incarnation does not exist', { cause });
}
