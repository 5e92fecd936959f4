import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Tags } from '../core/tags.ts';
import type { ConfigFile } from './config-file.ts';
import { didYouMean, type Finding, nearest, type Path, type Problem, showValue } from './problems.ts';
import { tagName } from './readers.ts';
import { isSettingPath, SETTING_PATHS, SETTINGS, type SettingPath, TAGS_VARIABLE, tagValue } from './settings.ts';

export type Origin = 'default' | 'user' | 'project' | 'env' | 'flag';

/** One setting as `spin config` shows it. */
export interface ConfigValue {
  /** As its author wrote it: `8h`, `512MiB`, `0.05`. */
  readonly value: string | number;
  readonly origin: Origin;
  /** `file:line:column`, the variable, the flag, or `built in`. */
  readonly where: string;
}

/** What one place says; every value has been accepted by its reader. */
export interface Layer {
  readonly entries: ReadonlyMap<SettingPath, ConfigValue>;
  readonly tags: ReadonlyMap<string, ConfigValue>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings given as flags, as typed; their `where` is `--` and the last part of the path. */
export type ConfigFlags = Readonly<Partial<Record<SettingPath, string>>> & { readonly tags?: Tags };

export function flagLayer({ tags = {}, ...flags }: ConfigFlags, cwd: string, problems: Problem[]): Layer {
  const given = SETTING_PATHS.flatMap((path) => {
    const value = flags[path];
    return value === undefined ? [] : [[path, value, `--${kebab(path.split('.').at(-1) ?? path)}`] as const];
  });
  return textLayer('flag', given, Object.entries(tags), '--tag', cwd, problems);
}

export function envLayer(env: Environment, cwd: string, problems: Problem[]): Layer {
  const given = SETTING_PATHS.flatMap((path) => {
    const { variable } = SETTINGS[path];
    const value = env[variable];
    return value === undefined || value === '' ? [] : [[path, value, variable] as const];
  });
  const pairs = (env[TAGS_VARIABLE] ?? '').split(',').map((pair) => pair.trim());
  const tags = pairs.flatMap((pair): [string, string][] => {
    if (pair === '') return [];
    const equals = pair.indexOf('=');
    if (equals > 0) return [[pair.slice(0, equals), pair.slice(equals + 1)]];
    problems.push(problemAt(TAGS_VARIABLE, 'tags', `${JSON.stringify(pair)} is not NAME=VALUE`, 'write a=b,c=d'));
    return [];
  });
  return textLayer('env', given, tags, TAGS_VARIABLE, cwd, problems);
}

function textLayer(
  origin: 'flag' | 'env',
  given: readonly (readonly [path: SettingPath, value: string, where: string])[],
  tags: readonly (readonly [name: string, value: string])[],
  tagsWhere: string,
  cwd: string,
  problems: Problem[],
): Layer {
  const entries = new Map<SettingPath, ConfigValue>();
  for (const [path, value, where] of given) {
    const read = SETTINGS[path].reader.read(value);
    if (read.ok) entries.set(path, { value: path === 'state' ? placeOf(cwd, value) : value, origin, where });
    else problems.push(problemAt(where, path, read.message, read.suggestion));
  }
  for (const [name] of tags) {
    const read = tagName.read(name);
    if (!read.ok) problems.push(problemAt(tagsWhere, 'tags', read.message, read.suggestion));
  }
  return { entries, tags: new Map(tags.map(([name, value]) => [name, { value, origin, where: tagsWhere }])) };
}

export function fileLayer(origin: 'project' | 'user', { file, source, problems: broken }: ConfigFile, problems: Problem[]): Layer {
  const entries = new Map<SettingPath, ConfigValue>();
  const tags = new Map<string, ConfigValue>();
  const report = (finding: Finding) => problems.push(source.place(finding));
  const where = (path: Path) => {
    const { line, column } = source.place({ path, message: '' });
    return `${file}:${line}:${column}`;
  };
  problems.push(...broken);

  const visit = (value: unknown, path: Path): void => {
    const name = path.join('.');
    if (value === null) return;
    if (isSettingPath(name)) {
      const read = SETTINGS[name].reader.read(value);
      if (!read.ok) return void report({ path, value, ...read });
      // Every reader of a setting accepts text, numbers and lists of texts only; a list is kept as the text that a variable would hold.
      const flat = Array.isArray(value) ? value.join(',') : value;
      if (typeof flat !== 'string' && typeof flat !== 'number') return;
      entries.set(name, { value: name === 'state' ? placeOf(dirname(file), String(flat)) : flat, origin, where: where(path) });
    } else if (path[0] === 'tags' && path.length === 2) {
      const named = tagName.read(path[1]);
      const read = tagValue.read(typeof value === 'string' ? value : (source.written(path) ?? value));
      if (!named.ok) report({ path, part: 'key', value: path[1], ...named });
      else if (read.ok) tags.set(String(path[1]), { value: read.value, origin, where: where(path) });
      else report({ path, value, ...read });
    } else if (!isSection(path)) {
      report({ path, part: 'key', message: 'is not a setting', value: path.at(-1), ...suggest(path) });
    } else if (typeof value !== 'object' || Array.isArray(value)) {
      report({ path, message: `must be a map, not ${showValue(value)}`, value });
    } else {
      for (const [key, inner] of Object.entries(value)) visit(inner, [...path, key]);
    }
  };
  if (broken.length === 0) visit(source.tree, []);
  return { entries, tags };
}

/** A state location: a bucket as it is, a folder absolute. */
function placeOf(dir: string, state: string): string {
  return state.startsWith('s3://') ? state : resolve(dir, state);
}

export function builtInLayer(env: Environment, home: string, user: () => string): Layer {
  const entries = new Map<SettingPath, ConfigValue>();
  const set = (path: SettingPath, value: string | number, where: string) => {
    entries.set(path, { value, origin: 'default', where });
  };
  for (const path of SETTING_PATHS) {
    const { builtIn } = SETTINGS[path];
    if (builtIn !== undefined) set(path, builtIn, 'built in');
  }
  const variable = ['USER', 'LOGNAME'].find((name) => (env[name] ?? '') !== '');
  if (variable === undefined) set('owner', user(), 'the account that spin runs as');
  else set('owner', env[variable] ?? '', variable);
  const stateHome = folderOf(env['XDG_STATE_HOME'], join(home, '.local', 'state'));
  set('state', join(stateHome, 'spin'), 'built in');
  return { entries, tags: new Map() };
}

/** Names that are nearly those of variables, which would be ignored without a word. */
export function nearMisses(env: Environment): string[] {
  const known = [...SETTING_PATHS.map((path) => SETTINGS[path].variable), TAGS_VARIABLE];
  return Object.keys(env)
    .filter((name) => name.startsWith('SPIN_') && !known.includes(name) && !GIVEN.includes(name))
    .flatMap((name) => {
      const near = nearest(
        name.slice('SPIN_'.length),
        known.map((variable) => variable.slice('SPIN_'.length)),
      );
      return near === undefined ? [] : [`${name} is not read; did you mean SPIN_${near}?`];
    });
}

/** What spin gives to the processes that it starts, and therefore finds where it is started by one of them. */
const GIVEN = ['SPIN_ID', 'SPIN_MARK', 'SPIN_INSTANCE_DIR', 'SPIN_SERVICE', 'SPIN_INSTANCE'];

function isSection(path: Path): boolean {
  const name = path.join('.');
  return path.length === 0 || name === 'tags' || SETTING_PATHS.some((setting) => setting.startsWith(`${name}.`));
}

function suggest(path: Path): { readonly suggestion?: string } {
  const parent = path.length === 1 ? '' : `${path.slice(0, -1).join('.')}.`;
  const siblings = [...SETTING_PATHS, 'tags']
    .filter((setting) => setting.startsWith(parent))
    .map((setting) => setting.slice(parent.length).split('.')[0] ?? '');
  const near = didYouMean(String(path.at(-1)), new Set(siblings));
  return { suggestion: near ?? `settings here: ${[...new Set(siblings)].join(', ')}` };
}

export function problemAt(where: string, path: string, message: string, suggestion?: string): Problem {
  return { file: where, line: 0, column: 0, path, message, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** An XDG folder, which counts only where it is absolute. */
export function folderOf(variable: string | undefined, fallback: string): string {
  return variable !== undefined && isAbsolute(variable) ? variable : fallback;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
