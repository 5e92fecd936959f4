import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cosmiconfig, type Loader } from 'cosmiconfig';
import type { Problem } from './problems.ts';
import { type ParsedSource, parseSource } from './source.ts';

export interface ConfigFile extends ParsedSource {
  /** Absolute. */
  readonly file: string;
}

/** Files by which a project makes cosmiconfig itself run code, whatever its caller asked for. */
const CODE_PLACES = ['js', 'ts', 'cjs', 'mjs'].map((ending) => join('.config', `config.${ending}`));

/**
 * Reads the first of `places` that `dir` has, YAML only. Nothing that a config file or its folder holds is ever executed.
 * @param cwd where the process runs
 */
export async function readConfigFile(dir: string, places: readonly string[], cwd: string): Promise<ConfigFile | undefined> {
  // cosmiconfig looks for settings of its own in the working directory first, and runs those that are scripts.
  if (CODE_PLACES.some((place) => existsSync(join(cwd, place)))) return readFirst(dir, places);
  const explorer = cosmiconfig('spin', {
    searchPlaces: [...places],
    searchStrategy: 'none',
    // An empty config file is a config file: it must end the search like any other.
    ignoreEmptySearchPlaces: false,
    cache: false,
    // Ours keep positions, and answer with the document in a box, so that a `$import` key is an unknown setting like any other.
    loaders: {
      '.yaml': boxed,
      '.yml': boxed,
      '.json': nothing,
      '.js': nothing,
      '.cjs': nothing,
      '.mjs': nothing,
      '.ts': nothing,
      noExt: nothing,
    },
  });
  const found: { readonly config?: unknown; readonly filepath: string } | null = await explorer.search(dir);
  if (found === null) return unreadable(dir, places);
  return isConfigFile(found.config) ? found.config : { file: found.filepath, ...parseSource('', found.filepath) };
}

const boxed: Loader = (file, content): ConfigFile => ({ file, ...parseSource(content, file) });
const nothing: Loader = () => null;

async function readFirst(dir: string, places: readonly string[]): Promise<ConfigFile | undefined> {
  const file = places.map((place) => join(dir, place)).find((candidate) => existsSync(candidate));
  if (file === undefined) return undefined;
  const content = await readFile(file, 'utf8').catch(() => undefined);
  return content === undefined ? unreadable(dir, places) : { file, ...parseSource(content, file) };
}

/** A file that is there and was passed over, for want of a permission or because it is a folder. */
function unreadable(dir: string, places: readonly string[]): ConfigFile | undefined {
  const file = places.map((place) => join(dir, place)).find((candidate) => existsSync(candidate));
  if (file === undefined) return undefined;
  const problem: Problem = { file, line: 0, column: 0, path: '', message: 'cannot be read' };
  return { file, source: parseSource('', file).source, problems: [problem] };
}

function isConfigFile(value: unknown): value is ConfigFile {
  return typeof value === 'object' && value !== null && 'source' in value && 'problems' in value && 'file' in value;
}
