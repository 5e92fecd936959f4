import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { isSpinError, SpinError, systemCode } from '../core/errors.ts';
import type { SpinId } from '../core/ids.ts';
import { parseSpinId } from '../core/ids.ts';
import type { LoadedSpec } from '../spec/load.ts';
import type { Spec } from '../spec/spec.ts';
import type { App } from './context.ts';
import { durationOf } from './durations.ts';

/** Which spec a command is about, and what its flags override. */
export interface SpecRequest {
  /** Path of the spec; `-` reads standard input; absent: `spin.yaml` or `spin.yml` in the working directory. */
  readonly file?: string;
  readonly id?: string;
  /** A duration such as `8h`. */
  readonly ttl?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly provider?: string;
  readonly owner?: string;
}

export type RequestedSpec = LoadedSpec & { readonly file: string };

const DEFAULT_FILES = ['spin.yaml', 'spin.yml'];

/**
 * Reads, checks and resolves the spec of a request.
 * @throws SpinError `spec-not-found`, `spec-invalid`, `limit-exceeded`, `id-invalid`
 */
export async function loadRequest(app: App, request: SpecRequest): Promise<RequestedSpec> {
  const { text, path } = await readSpec(app, request.file);
  const shown = path === '-' ? '-' : relative(app.cwd, path) || path;
  const baseDir = path === '-' ? app.cwd : dirname(path);
  const { loadSpec } = await import('../spec/load.ts');
  const { gitFacts } = await import('../spec/git.ts');
  const { specInputs } = await import('../spec/config.ts');
  const { defaults, overrides } = specInputs(app.config);
  const loaded = await loadSpec({
    text,
    file: shown,
    baseDir,
    env: app.env,
    git: () => gitFacts(baseDir),
    defaults,
    overrides: {
      ...overrides,
      ...(request.id === undefined ? {} : { id: request.id }),
      ...(request.provider === undefined ? {} : { provider: request.provider }),
      ...(request.owner === undefined ? {} : { owner: request.owner }),
      ...(request.ttl === undefined ? {} : { ttlMs: { value: durationOf('--ttl', request.ttl), where: '--ttl' } }),
      tags: { ...overrides.tags, ...request.tags },
    },
  });
  return { ...loaded, file: path };
}

/**
 * The spin that a command without a spec is about: the ID given, else the one that the spec file here names.
 * @throws SpinError `id-invalid`; `usage` where there is neither
 */
export async function requestedId(app: App, id: string | undefined, file?: string): Promise<SpinId> {
  if (id !== undefined) return parseSpinId(id);
  try {
    return (await loadRequest(app, file === undefined ? {} : { file })).id;
  } catch (thrown) {
    if (file !== undefined || !(thrown instanceof SpinError) || thrown.code !== 'spec-not-found') throw thrown;
    throw new SpinError('usage', 'no spin ID was given, and there is no spin.yaml here that names one', { hint: 'spin ls' });
  }
}

/** The spec at hand, by its file or in the working directory. Of one that cannot be read, `plan` says why. */
export async function specHere(app: App, file?: string): Promise<Spec | undefined> {
  // Standard input can be read but once, and was.
  if (file === '-') return undefined;
  try {
    return (await loadRequest(app, file === undefined ? {} : { file })).spec;
  } catch (thrown) {
    app.signal.throwIfAborted();
    if (isSpinError(thrown)) return undefined;
    throw thrown;
  }
}

async function readSpec(app: App, file: string | undefined): Promise<{ text: string; path: string }> {
  if (file === '-') return { text: await app.readStdin(), path: '-' };
  for (const candidate of file === undefined ? DEFAULT_FILES : [file]) {
    const path = resolve(app.cwd, candidate);
    try {
      return { text: await readFile(path, 'utf8'), path };
    } catch (thrown) {
      const code = systemCode(thrown);
      if (code === 'ENOENT' || code === 'ENOTDIR') continue;
      throw new SpinError('spec-not-found', `${candidate} cannot be read: ${code ?? String(thrown)}`, { cause: thrown });
    }
  }
  const where = file === undefined ? 'there is no spin.yaml in this folder' : `there is no file ${file}`;
  throw new SpinError('spec-not-found', where, file === undefined ? {} : { hint: `check the path, or: spin init web` });
}
