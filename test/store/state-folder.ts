import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder for one test, gone when it ends; `name` may be as odd as users make them. */
export function stateFolder(name = 'state'): string {
  const root = mkdtempSync(join(tmpdir(), 'spin-store-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return join(root, name);
}
