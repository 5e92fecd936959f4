import { unlinkSync } from 'node:fs';
import { systemCode } from '../../core/errors.ts';

/** Deletes a file that may be gone already. Node's rmSync, which deletes folders too, takes a while to load. @throws system errors */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    if (systemCode(thrown) !== 'ENOENT') throw thrown;
  }
}
