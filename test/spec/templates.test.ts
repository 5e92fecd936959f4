import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadSpec } from '../../src/spec/load.ts';
import { GIT } from './spec-texts.ts';

const folder = fileURLToPath(new URL('../../templates', import.meta.url));
// `aws` holds what instances are given, and is no starter spec.
const names = (await readdir(folder)).filter((name) => existsSync(join(folder, name, 'spin.yaml')));

describe('the templates', () => {
  it('are the five that spin init offers', () => {
    expect(names.toSorted()).toEqual(['database-snapshot', 'job', 'per-pr', 'web', 'worker-queue']);
  });

  it.each(names)('%s says what it is in its first line, which init lists', async (name) => {
    expect(await readFile(join(folder, name, 'spin.yaml'), 'utf8')).toMatch(/^# [A-Z].*[^:]\n/);
  });

  it.each(names)('%s is a valid spec whose files are there, with nothing set in the environment', async (name) => {
    const dir = join(folder, name);
    const { spec, warnings } = await loadSpec({
      text: await readFile(join(dir, 'spin.yaml'), 'utf8'),
      file: 'spin.yaml',
      baseDir: dir,
      env: {},
      git: () => Promise.resolve({ ...GIT, branch: undefined, commit: undefined, short: undefined, repo: undefined }),
      defaults: { provider: 'local', owner: 'ada', tags: {} },
      overrides: {},
    });
    expect(warnings).toEqual([]);
    const commands = Object.values(spec.services).flatMap(({ run, bootstrap }) => [run, ...bootstrap.map((step) => step.run)]);
    for (const command of commands) {
      // `.cjs`, so that it runs on an old Node and in a project of ES modules alike.
      expect(command).toEqual(expect.arrayContaining(['node', expect.stringMatching(/\.cjs$/)]));
      const program = join(dir, String(command[1]));
      expect(execFileSync(process.execPath, ['--check', program])).toBeDefined();
    }
    const sources = Object.values(spec.volumes).flatMap((volume) => ('path' in volume ? [volume.path] : []));
    expect(sources.filter((path) => !existsSync(path))).toEqual([]);
  });
});
