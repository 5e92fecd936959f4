/** What git says about the folder of a spec. A fact that does not hold, such as the tag of an untagged commit, is undefined. */
export interface GitFacts {
  readonly branch: string | undefined;
  readonly commit: string | undefined;
  readonly short: string | undefined;
  readonly tag: string | undefined;
  /** `dirty` where files differ from the commit, else `clean`. */
  readonly dirty: string | undefined;
  /** Last part of the origin's URL, or else the name of the top folder. */
  readonly repo: string | undefined;
}

export const GIT_WORDS = ['branch', 'commit', 'short', 'tag', 'dirty', 'repo'] as const satisfies readonly (keyof GitFacts)[];

/** Runs git with arguments and gives what it prints, or undefined where it fails or is not installed. */
export type RunGit = (args: readonly string[]) => Promise<string | undefined>;

/** Asks git about a folder; never throws: outside a repository every fact is undefined. */
export async function gitFacts(dir: string, run: RunGit = runGit(dir)): Promise<GitFacts> {
  const [top, commit, short, branch, tag, status, origin] = await Promise.all([
    run(['rev-parse', '--show-toplevel']),
    run(['rev-parse', '--verify', 'HEAD']),
    run(['rev-parse', '--short', '--verify', 'HEAD']),
    run(['symbolic-ref', '--short', 'HEAD']),
    run(['describe', '--tags', '--exact-match', 'HEAD']),
    run(['status', '--porcelain']),
    run(['config', '--get', 'remote.origin.url']),
  ]);
  return {
    branch,
    commit,
    short,
    tag,
    dirty: top === undefined || status === undefined ? undefined : status === '' ? 'clean' : 'dirty',
    repo: repoName(origin) ?? repoName(top),
  };
}

function repoName(location: string | undefined): string | undefined {
  const name = location
    ?.replace(/\/+$/, '')
    .split(/[/:]/)
    .at(-1)
    ?.replace(/\.git$/, '');
  return name === '' ? undefined : name;
}

function runGit(dir: string): RunGit {
  return async (args) => {
    const { execa } = await import('execa');
    // A status that refreshes the index would take a lock on the user's repository.
    // And a repository's own config may name a program that tells what has changed: facts are no reason to run it.
    const result = await execa('git', ['--no-optional-locks', '-c', 'core.fsmonitor=false', ...args], {
      cwd: dir,
      reject: false,
      stdin: 'ignore',
      timeout: 10_000,
    });
    return result.exitCode === 0 ? result.stdout : undefined;
  };
}
