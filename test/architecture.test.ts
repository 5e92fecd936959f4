import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { parseAst } from 'rolldown/parseAst';
import { describe, expect, it } from 'vitest';
import { LAYERS, wrongArrow } from './lint/arrows.ts';

const SRC = join(import.meta.dirname, '../src');

interface Import {
  readonly from: string;
  /** Relative to src; or the name of a package. */
  readonly to: string;
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.split(sep).join('/'));
const imports = files.flatMap((file) => importsOf(file, readFileSync(join(SRC, file), 'utf8')));

describe('the architecture', () => {
  it('has imports that follow the arrows', () => {
    const ours = imports.filter((each) => files.includes(each.to));
    expect(ours.length).toBeGreaterThan(100);
    expect(ours.map(({ from, to }) => wrongArrow(from, to)).filter((problem) => problem !== undefined)).toEqual([]);
  });

  it('names every folder of src as a layer', () => {
    expect([...new Set(files.map((file) => file.split('/')[0]))].filter((folder) => LAYERS[folder ?? ''] === undefined)).toEqual([]);
  });

  it('imports only files that exist', () => {
    const relatives = imports.filter((each) => each.to.endsWith('.ts'));
    expect(relatives.filter((each) => !files.includes(each.to))).toEqual([]);
  });

  it('has no cycle of imports, types left aside', () => {
    expect(cyclesIn(imports.filter((each) => !each.typeOnly && !each.dynamic))).toEqual([]);
  });

  it('loads heavy packages only where they are asked for, never at the start of a command', () => {
    const heavy = [
      'ora',
      'chalk',
      'yaml',
      'zod',
      'execa',
      'cosmiconfig',
      'httpxy',
      '@bomb.sh/tab',
      'node:http',
      'node:crypto',
      'node:child_process',
    ];
    const atStart = reachable(['cli/main.ts', 'cli/shell.ts', 'cli/compose.ts', 'app/ls.ts', 'cli/views/ls.ts']);
    const loaded = imports.filter((each) => atStart.has(each.from) && !each.typeOnly && !each.dynamic && heavy.includes(each.to));
    expect(loaded.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  it('knows commander in one file only', () => {
    expect(imports.filter((each) => each.to === 'commander').map((each) => each.from)).toEqual(['cli/program.ts']);
  });

  it('refuses arrows that point the wrong way', () => {
    expect(wrongArrow('core/ids.ts', 'spec/spec.ts')).toContain('nothing of ours');
    expect(wrongArrow('app/up.ts', 'cli/main.ts')).toContain('app may import');
    expect(wrongArrow('plan/build.ts', 'store/store.ts')).toContain('plan may import');
    expect(wrongArrow('lifecycle/work.ts', 'providers/local/local.ts')).toContain('only cli names an adapter');
    expect(wrongArrow('app/up.ts', 'store/file-store.ts')).toContain('only cli names an adapter');
    expect(wrongArrow('providers/aws/aws.ts', 'providers/local/local.ts')).toContain('only cli names an adapter');
    expect(wrongArrow('providers/local/local.ts', 'lifecycle/work.ts')).toContain('providers may import');
    expect(wrongArrow('odds/ends.ts', 'core/ids.ts')).toContain('no layer');
    expect(wrongArrow('cli/compose.ts', 'store/file-store.ts')).toBeUndefined();
    expect(wrongArrow('providers/local/local.ts', 'providers/provider.ts')).toBeUndefined();
  });

  it('sees every form of import, and cycles', () => {
    const found = importsOf(
      'app/a.ts',
      `import x, { type Y } from './b.ts'; import type { Z } from '../core/z.ts'; export * from './c.ts'; export { q } from './d.ts'; const l = () => import('./e.ts'); import 'node:fs';`,
    );
    expect(found.map(({ to, typeOnly, dynamic }) => [to, typeOnly, dynamic])).toEqual([
      ['app/b.ts', false, false],
      ['core/z.ts', true, false],
      ['app/c.ts', false, false],
      ['app/d.ts', false, false],
      ['app/e.ts', false, true],
      ['node:fs', false, false],
    ]);
    const arrow = (from: string, to: string): Import => ({ from, to, typeOnly: false, dynamic: false });
    expect(cyclesIn([arrow('a', 'b'), arrow('b', 'c'), arrow('c', 'a'), arrow('c', 'd')])).toEqual(['a -> b -> c -> a']);
  });
});

function importsOf(file: string, text: string): readonly Import[] {
  const found: Import[] = [];
  const add = (source: unknown, typeOnly: boolean, dynamic: boolean): void => {
    if (typeof source !== 'string') return;
    const to = source.startsWith('.')
      ? relative(SRC, join(SRC, dirname(file), source))
          .split(sep)
          .join('/')
      : source;
    found.push({ from: file, to, typeOnly, dynamic });
  };
  visit(parseAst(text, { lang: 'ts', sourceType: 'module' }), (node) => {
    const source = isNode(node['source']) ? node['source']['value'] : undefined;
    switch (node['type']) {
      case 'ImportDeclaration':
        return add(source, node['importKind'] === 'type' || onlyTypes(node['specifiers']), false);
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
        return add(source, node['exportKind'] === 'type', false);
      case 'ImportExpression':
        return add(source, false, true);
      case 'TSImportType':
        return add(source, true, false);
      default:
        return undefined;
    }
  });
  return found;
}

function onlyTypes(specifiers: unknown): boolean {
  return Array.isArray(specifiers) && specifiers.length > 0 && specifiers.every((each) => isNode(each) && each['importKind'] === 'type');
}

type Node = Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

function visit(value: unknown, enter: (node: Node) => void): void {
  if (Array.isArray(value)) for (const each of value) visit(each, enter);
  else if (isNode(value)) {
    if (typeof value['type'] === 'string') enter(value);
    for (const inner of Object.values(value)) if (typeof inner === 'object') visit(inner, enter);
  }
}

function reachable(entries: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const queue = [...entries];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const each of imports) if (each.from === file && !each.typeOnly && !each.dynamic) queue.push(each.to);
  }
  return seen;
}

/** Each cycle once, by depth-first search. */
function cyclesIn(arrows: readonly Import[]): readonly string[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of arrows) next.set(from, [...(next.get(from) ?? []), to]);
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) cycles.push([...path.slice(at), file].join(' -> '));
    if (at >= 0 || done.has(file)) return;
    for (const to of next.get(file) ?? []) walk(to, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  return cycles;
}
