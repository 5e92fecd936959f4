import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gitFacts } from '../../src/spec/git.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spin git '));
});
afterEach(() => rm(dir, { recursive: true }));

function git(...args: string[]): string {
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...who, ...args], { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

describe('git facts', () => {
  it('are all undefined outside a repository', async () => {
    expect(Object.values(await gitFacts(dir)).every((fact) => fact === undefined)).toBe(true);
  });

  it('tell branch, commit, tag, state and repository', async () => {
    git('init', '-q', '-b', 'feature/x');
    git('commit', '-q', '--allow-empty', '-m', 'one');
    const commit = git('rev-parse', 'HEAD');
    expect(await gitFacts(dir)).toEqual({
      branch: 'feature/x',
      commit,
      short: git('rev-parse', '--short', 'HEAD'),
      tag: undefined,
      dirty: 'clean',
      repo: basename(dir),
    });

    git('tag', 'v1');
    git('remote', 'add', 'origin', 'git@example.org:team/shop.git');
    await writeFile(join(dir, 'new'), '');
    expect(await gitFacts(dir)).toMatchObject({ tag: 'v1', dirty: 'dirty', repo: 'shop' });

    git('checkout', '-q', '--detach');
    expect(await gitFacts(dir)).toMatchObject({ branch: undefined, commit });
  });
});
