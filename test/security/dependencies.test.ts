import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

interface Installed {
  readonly name: string;
  readonly version: string;
  readonly license?: unknown;
  readonly scripts?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};
const { allowScripts = {} } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly allowScripts?: Readonly<Record<string, unknown>>;
};
const locked = Object.entries(packages).filter(([path]) => path !== '');

/** What may be bundled into the published package: it asks for no more than to be named. */
const PERMISSIVE = [
  'MIT',
  'MIT-0',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  '0BSD',
  'Python-2.0',
  'PSF-2.0',
  'Unlicense',
];
/** Of tools alone, which are run and never shipped: a copyleft of single files. */
const OF_TOOLS = ['MPL-2.0'];

/** What runs when dependencies are installed, and why. */
const INSTALL_SCRIPTS: Readonly<Record<string, string>> = {
  node: 'the package of Node itself: its script fetches, from the registry and by its version, the binary that tests and tools run with',
};

/** The package of a path, where it is installed here: those of other platforms are not. */
function installed(path: string): Installed | undefined {
  try {
    return JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8')) as Installed;
  } catch {
    return undefined;
  }
}

describe('the dependencies', () => {
  it('are pinned to what the registry served, with a digest of it', () => {
    const loose = locked.filter(
      ([, { resolved, integrity }]) =>
        integrity?.startsWith('sha512-') !== true || (resolved !== undefined && !resolved.startsWith('https://')),
    );
    expect(loose.map(([path]) => path)).toEqual([]);
  });

  it('run nothing when they are installed, but what is explained here and allowed by name', () => {
    const scripts = locked
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path]) => path.replace(/^.*node_modules\//, ''));
    expect(scripts).toEqual(Object.keys(INSTALL_SCRIPTS));
    expect(Object.keys(allowScripts)).toEqual(Object.keys(INSTALL_SCRIPTS));
    const hidden = locked.flatMap(([path]) => {
      const { name, scripts: own = {} } = installed(path) ?? { name: '' };
      return ['preinstall', 'install', 'postinstall'].filter((script) => own[script] !== undefined).map(() => name);
    });
    expect(hidden.filter((name) => INSTALL_SCRIPTS[name] === undefined)).toEqual([]);
  });

  it('are under licences that allow what is done with them, by the lockfile and by the packages themselves', () => {
    const wrong = locked.flatMap(([path, { license, dev }]) => {
      const allowed = dev === true ? [...PERMISSIVE, ...OF_TOOLS] : PERMISSIVE;
      const said = [license, installed(path)?.license ?? license];
      return said.every((each) => typeof each === 'string' && allowed.includes(each)) ? [] : [`${path}: ${said.map(String).join(', ')}`];
    });
    expect(wrong).toEqual([]);
  });

  it('are looked at here for the most part, and not only in the lockfile', () => {
    expect(locked.filter(([path]) => installed(path) !== undefined).length).toBeGreaterThan(100);
  });
});
