import { join } from 'node:path';
import type { BenchFolder } from './bench-folder.ts';
import type { BenchCommand } from './command.ts';

export const PROJECT = join(import.meta.dirname, '..', '..');

/** `spin ...` as it is built, on the Node that runs the bench. */
export function spin(folder: BenchFolder, args: readonly string[], env: Readonly<Record<string, string>> = {}): BenchCommand {
  return { argv: [process.execPath, join(PROJECT, 'bin', 'spin.js'), ...args], cwd: folder.work, env: { ...folder.env, ...env } };
}

/** The shortest that any command written for Node can take. */
export function emptyNode(folder: BenchFolder): BenchCommand {
  return { argv: [process.execPath, '-e', '0'], cwd: folder.work, env: folder.env };
}
