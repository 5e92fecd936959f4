import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type RolldownOptions, rolldown } from 'rolldown';
import config from '../../../rolldown.config.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

/** A copy of spin as it is published, made from the source as it is now, in a folder of its own. */
export interface Build {
  readonly root: string;
  readonly spin: string;
  /** What NODE_OPTIONS preloads. */
  readonly tap: string;
  remove(): Promise<void>;
}

/** Builds into a temporary folder, so that the repository's own `dist` stays as it is under whoever uses it. */
export async function buildSpin(): Promise<Build> {
  const root = await mkdtemp(join(tmpdir(), 'spin-crash-build-'));
  const tap = join(root, 'tap.cjs');
  await Promise.all([
    ...['bin', 'templates', 'package.json'].map((name) => cp(join(ROOT, name), join(root, name), { recursive: true })),
    ...[config].flat().map((options: RolldownOptions) => bundle(options, { dir: join(root, 'dist') })),
    bundle({ input: join(import.meta.dirname, 'tap.ts'), platform: 'node', output: { format: 'cjs' } }, { file: tap }),
  ]);
  return { root, spin: join(root, 'bin/spin.js'), tap, remove: () => rm(root, { recursive: true, force: true }) };
}

async function bundle({ output, ...input }: RolldownOptions, to: { readonly dir: string } | { readonly file: string }): Promise<void> {
  const made = await rolldown({ ...input, cwd: ROOT, logLevel: 'silent' });
  // Both builds of spin go into one folder: neither may empty it.
  await made.write({ ...[output].flat()[0], ...to, cleanDir: false });
  await made.close();
}
