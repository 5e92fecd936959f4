import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** Name of the violation, its text, and the rule that must fire. */
const VIOLATIONS: readonly (readonly [what: string, text: string, rule: string])[] = [
  ['console outside cli', "console.log('x');", 'eslint(no-console)'],
  ['Date.now', 'export const now = Date.now();', 'eslint(no-restricted-properties)'],
  ['Math.random', 'export const chance = Math.random();', 'eslint(no-restricted-properties)'],
  ['process.env', "export const home = process.env['HOME'];", 'eslint(no-restricted-properties)'],
  ['process.cwd', 'export const here = process.cwd();', 'eslint(no-restricted-properties)'],
  ['new Date()', 'export const now = new Date();', 'house(no-wall-clock)'],
  ['a bare Error', "export function f(): never {\n  throw new Error('x');\n}", 'house(no-bare-error)'],
  ['an import against the arrows', "export { main } from '../cli/main.ts';", 'house(arrows)'],
  ['a lazy import against the arrows', "export const load = () => import('../cli/main.ts');", 'house(arrows)'],
  ['any', 'export const x: any = 1;', 'typescript(no-explicit-any)'],
  ['a non-null assertion', 'export const f = (x: string | undefined): string => x!;', 'typescript(no-non-null-assertion)'],
  ['a promise that nobody waits for', 'export function f(): void {\n  Promise.resolve(1);\n}', 'typescript(no-floating-promises)'],
];

const ALLOWED_IN_CLI = "console.log(Date.now(), new Date(), process.env['HOME'], process.cwd());\n";
const ALLOWED_ANYWHERE = 'export const iso = (ms: number): string => new Date(ms).toISOString();\n';

let project: string;
let fired: ReadonlyMap<string, readonly string[]>;

// A project of its own with the real config and rules: a violation planted in the real src would fail whatever else looks at it.
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'spin-lint-'));
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) await cp(join(ROOT, name), join(project, name));
  await symlink(join(ROOT, 'node_modules'), join(project, 'node_modules'));
  await mkdir(join(project, 'test/lint'), { recursive: true });
  for (const name of ['arrows.ts', 'house-rules.ts']) await cp(join(import.meta.dirname, name), join(project, 'test/lint', name));
  for (const layer of ['app', 'cli']) await mkdir(join(project, 'src', layer), { recursive: true });
  for (const [index, [, text]] of VIOLATIONS.entries()) await writeFile(join(project, `src/app/planted-${index}.ts`), `${text}\n`);
  await writeFile(join(project, 'src/app/allowed.ts'), ALLOWED_ANYWHERE);
  await writeFile(join(project, 'src/cli/main.ts'), `${ALLOWED_IN_CLI}export const main = 1;\n`);
  fired = await lint();
});
afterAll(() => rm(project, { recursive: true, force: true }));

/** The rules that fire, by file. */
async function lint(): Promise<ReadonlyMap<string, readonly string[]>> {
  const run = promisify(execFile)(join(ROOT, 'node_modules/.bin/oxlint'), ['--format=json', 'src'], { cwd: project });
  const { stdout } = await run.catch((failed: { stdout: string }) => failed);
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly { code: string; filename: string }[] };
  return new Map([...Map.groupBy(diagnostics, ({ filename }) => filename)].map(([file, found]) => [file, found.map(({ code }) => code)]));
}

describe('the house rules', () => {
  it.each(VIOLATIONS.map(([what, , rule], index) => [what, rule, index] as const))('refuse %s in app, by %s', (_what, rule, index) => {
    expect(fired.get(`src/app/planted-${index}.ts`)).toContain(rule);
  });

  it('let cli read the world and write to the console', () => {
    expect(fired.get('src/cli/main.ts')).toBeUndefined();
  });

  it('let a time be converted anywhere', () => {
    expect(fired.get('src/app/allowed.ts')).toBeUndefined();
  });
});
