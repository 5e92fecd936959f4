import type { GitFacts } from '../../src/spec/git.ts';
import { loadSpec, type LoadedSpec, type SpecInput } from '../../src/spec/load.ts';
import type { Problem } from '../../src/spec/problems.ts';
import { isSpinError } from '../../src/core/errors.ts';

export const GIT: GitFacts = {
  branch: 'feature/Login',
  commit: 'a'.repeat(40),
  short: 'aaaaaaa',
  tag: undefined,
  dirty: 'clean',
  repo: 'shop',
};

/** Loads a spec text as `spin.yaml` in /work, with an environment of its own. */
export function load(text: string, input: Partial<SpecInput> = {}): Promise<LoadedSpec> {
  return loadSpec({
    text,
    file: 'spin.yaml',
    baseDir: '/work',
    env: {},
    git: () => Promise.resolve(GIT),
    defaults: { provider: 'local', owner: 'ada', tags: {} },
    overrides: {},
    ...input,
  });
}

/** The problems of a spec that does not load. */
export async function problemsOf(text: string, input: Partial<SpecInput> = {}): Promise<readonly Problem[]> {
  const thrown = await load(text, input).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isSpinError(thrown) || thrown.code !== 'spec-invalid')
    throw new Error(`expected spec-invalid, got ${String(thrown)}`, { cause: thrown });
  return thrown.data['problems'] as readonly Problem[];
}

/** `line:column path: message; suggestion` of each problem. */
export async function linesOf(text: string, input: Partial<SpecInput> = {}): Promise<string[]> {
  const problems = await problemsOf(text, input);
  return problems.map(
    ({ line, column, path, message, suggestion }) =>
      `${line}:${column} ${path}: ${message}${suggestion === undefined ? '' : `; ${suggestion}`}`,
  );
}

/** A valid spec with one service, whose lines the caller gives. */
export function withService(...lines: string[]): string {
  return ['name: demo', 'ttl: 1h', 'services:', '  web:', ...lines.map((line) => `    ${line}`), ''].join('\n');
}
