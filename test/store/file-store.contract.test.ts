import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { createFileStore } from '../../src/store/file-store.ts';
import { storeContract } from '../contract/store.ts';

for (const name of ['state', 'a state folder', 'Zustände 状態 🦊', 'it\'s %n "quoted" #1']) {
  storeContract(`in files in ${JSON.stringify(name)}`, async () => {
    const root = mkdtempSync(join(tmpdir(), 'spin-store-'));
    const dir = join(root, name);
    return {
      store: createFileStore({ dir, clock: systemClock }),
      other: createFileStore({ dir, clock: systemClock }),
      dispose: async () => rmSync(root, { recursive: true }),
    };
  });
}
