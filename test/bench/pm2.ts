import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchFolder } from './bench-folder.ts';
import { BenchFailure, run } from './command.ts';

const PACKAGES = { pm2: '7.0.4', 'wait-on': '9.5.1' };

/** Installs pm2 and wait-on into the bench folder. @returns their node_modules folder, or why it could not be done */
export async function installPm2(folder: BenchFolder): Promise<{ readonly modules: string } | { readonly problem: string }> {
  const own = join(folder.root, 'peers');
  await mkdir(own);
  await writeFile(join(own, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }));
  // Not measured, so it gets the caller's environment: how the registry is reached is the caller's to say.
  const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  try {
    await run({ argv: ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], cwd: own, env });
    return { modules: join(own, 'node_modules') };
  } catch (thrown) {
    const reason = thrown instanceof BenchFailure ? thrown.message : String(thrown);
    return { problem: reason.trim().split('\n').slice(0, 3).join(' ') };
  }
}
