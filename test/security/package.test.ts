import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { homedir, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

let copy: string;
let packed: readonly { readonly path: string; readonly size: number; readonly mode: number }[];

// Of a copy: to pack the real one would build it anew, under whoever runs it now.
beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'spin-pack-'));
  const left = new Set(['node_modules', '.git']);
  for (const name of await readdir(ROOT)) if (!left.has(name)) await cp(join(ROOT, name), join(copy, name), { recursive: true });
  const npm = ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline', '--loglevel=error'];
  const { stdout } = await promisify(execFile)('npm', npm, {
    cwd: copy,
    env: { ...process.env, npm_config_cache: join(copy, '.npm'), NODE_DISABLE_COMPILE_CACHE: '1' },
  });
  packed = (JSON.parse(stdout) as readonly [{ readonly files: typeof packed }])[0].files;
}, 60_000);
afterAll(() => rm(copy, { recursive: true, force: true }));

/** Everything that a user gets, and nothing else. */
const PUBLISHED: readonly RegExp[] = [
  /^package\.json$/,
  /^(?:README|CHANGELOG)\.md$/,
  /^LICENSE$/,
  /^spin\.schema\.json$/,
  /^spin\.config\.example\.yaml$/,
  // What hints and the README point to.
  /^docs\/[a-z-]+\.(?:md|json)$/,
  /^bin\/(?:spin|keeper|load)\.js$/,
  // Says that the files beside it are CommonJS.
  /^bin\/package\.json$/,
  /^dist\/(?:main|keeper)\.(?:cjs|id)$/,
  /^dist\/chunks\/[\w.-]+\.cjs$/,
  /^templates\/[a-z-]+\/(?:[\w.-]+\/)*(?:spin\.yaml|[\w.-]+\.(?:cjs|sh|py|tar\.gz|yaml|tmpl|service))$/,
];

describe('the published package', () => {
  it('holds the program, its templates and its licence, and nothing else', () => {
    const paths = packed.map(({ path }) => path);
    expect(paths.filter((path) => !PUBLISHED.some((form) => form.test(path)))).toEqual([]);
    for (const needed of [
      'package.json',
      'README.md',
      'LICENSE',
      'docs/aws-iam.md',
      'docs/iam-policy.json',
      'docs/aws-data.md',
      'bin/spin.js',
      'bin/keeper.js',
      'dist/main.cjs',
      'dist/keeper.cjs',
      'templates/web/spin.yaml',
    ])
      expect(paths).toContain(needed);
  });

  it('starts with the mode that it needs, and is writable by nobody else', () => {
    for (const { path, mode } of packed) expect([path, mode & 0o022]).toEqual([path, 0]);
    expect((packed.find(({ path }) => path === 'bin/spin.js')?.mode ?? 0) & 0o111).not.toBe(0);
  });

  it('tells nothing of the machine that it was built on', async () => {
    const told = [ROOT, homedir(), hostname()].filter((word) => word.length > 5);
    for (const { path } of packed.filter((file) => file.path.startsWith('dist/'))) {
      const text = await readFile(join(copy, path), 'utf8');
      for (const word of told) expect(text.includes(word), `${word} in ${path}`).toBe(false);
      expect(/\/\/# sourceMappingURL=/.test(text), path).toBe(false);
    }
  });

  it('is not much larger than what it is made of', async () => {
    const total = packed.reduce((sum, { size }) => sum + size, 0);
    expect(total).toBeLessThan(30 * 1024 * 1024);
    expect((await stat(join(copy, 'package.json'))).size).toBeLessThan(20_000);
  });
});
