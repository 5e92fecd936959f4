import { exactDuration, formatDuration } from '../core/duration.ts';
import { SpinError } from '../core/errors.ts';
import { parseSpinId, type SpinId } from '../core/ids.ts';
import type { Tags } from '../core/tags.ts';
import { buildSpec } from './build.ts';
import { addressedServices, checkTree, tooMany, unusedNames } from './checks.ts';
import type { GitFacts } from './git.ts';
import { interpolate, type Reference, usesGit } from './interpolate.ts';
import { findingsOf } from './issues.ts';
import { type Finding, type Problem, problemsError } from './problems.ts';
import { tagName, ttlReader } from './readers.ts';
import { type AuthoredSpec, specSchema } from './schema.ts';
import { isTreeMap, parseSource, type Source, valueAt } from './source.ts';
import type { Spec } from './spec.ts';

/** A value with the place that it comes from, for messages: `--ttl`, `SPIN_TTL`, `spin.config.yaml:3:6`. */
export interface Sourced<T> {
  readonly value: T;
  readonly where: string;
}

/** What the config says where a spec says nothing, and what it caps. */
export interface SpecDefaults {
  readonly provider: string;
  /** Region of a cloud. */
  readonly region?: string;
  readonly owner: string;
  readonly tags: Tags;
  readonly ttlMs?: Sourced<number>;
  /** No spin may have a longer TTL. */
  readonly maxTtlMs?: Sourced<number>;
}

/** What flags and SPIN_* variables say over the spec. */
export interface SpecOverrides {
  readonly id?: string;
  readonly provider?: string;
  readonly owner?: string;
  /** Added to the spec's, and stronger. */
  readonly tags?: Tags;
  readonly ttlMs?: Sourced<number>;
}

export interface SpecInput {
  readonly text: string;
  /** As shown in messages; `-` is standard input. */
  readonly file: string;
  /** Absolute folder that relative paths are resolved against. */
  readonly baseDir: string;
  /** The environment that `${env.*}` reads. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asked only where `${git.*}` is used. */
  readonly git: () => Promise<GitFacts>;
  readonly defaults: SpecDefaults;
  readonly overrides: SpecOverrides;
}

export interface LoadedSpec {
  readonly spec: Spec;
  readonly id: SpinId;
  /** Not wrong, but seldom meant. */
  readonly warnings: readonly Problem[];
}

/**
 * Reads, interpolates, checks and completes a spec.
 * @throws SpinError `spec-invalid` with every problem in its message and in `data.problems`; `id-invalid`;
 * `limit-exceeded` where the TTL is longer
 * than the config allows; `usage` where a flag or the config gives one that no spec may say
 */
export async function loadSpec(input: SpecInput): Promise<LoadedSpec> {
  const { defaults, overrides } = input;
  for (const ttl of [overrides.ttlMs, defaults.ttlMs]) if (ttl !== undefined) checkRange(ttl);
  for (const name of Object.keys({ ...defaults.tags, ...overrides.tags })) checkTag(name);
  const { source, problems } = parseSource(input.text, input.file);
  if (problems.length > 0) throw invalid(input.file, problems);

  const crowded = tooMany(source.tree);
  if (crowded.length > 0) throw invalid(input.file, crowded.map(source.place));

  const facts = { env: input.env, git: usesGit(source.tree) ? await input.git() : undefined };
  const { tree, references, findings } = interpolate(source, facts);
  const parsed = specSchema.safeParse(tree);
  const found = [
    ...findings,
    // A scalar whose interpolation failed is reported as that, and not again for what it still holds.
    ...withoutEchoes(findings, parsed.success ? [] : findingsOf(parsed.error.issues, tree)),
    ...checkTree(tree, references, overrides.id !== undefined),
  ];
  const ttl = overrides.ttlMs ?? ttlOf(parsed.data, source) ?? defaults.ttlMs;
  if (ttl === undefined && isTreeMap(tree) && valueAt(tree, ['ttl']) === undefined) {
    found.push({ path: ['ttl'], message: 'is missing: every spin has a deadline', suggestion: 'write ttl: 8h' });
  }
  if (found.length > 0 || !parsed.success || ttl === undefined) throw invalid(input.file, found.map(source.place));

  checkLimit(ttl, defaults.maxTtlMs);
  const region = parsed.data.region ?? defaults.region;
  const spec = buildSpec(parsed.data, {
    provider: overrides.provider ?? parsed.data.provider ?? defaults.provider,
    ...(region === undefined ? {} : { region }),
    ttlMs: ttl.value,
    owner: overrides.owner ?? parsed.data.owner ?? defaults.owner,
    tags: { ...defaults.tags, ...parsed.data.tags, ...overrides.tags },
    baseDir: input.baseDir,
    addressed: addressedServices(references),
    asked: askedBy(references),
  });
  return { spec, id: parseSpinId(overrides.id ?? spec.name), warnings: unusedNames(tree).map(source.place) };
}

function invalid(file: string, problems: readonly Problem[]): SpinError {
  return problemsError('spec-invalid', file === '-' ? 'the spec on standard input' : file, problems);
}

function withoutEchoes(first: readonly Finding[], second: readonly Finding[]): Finding[] {
  const told = new Set(first.map(({ path }) => JSON.stringify(path)));
  return second.filter(({ path }) => !told.has(JSON.stringify(path)));
}

function ttlOf(authored: AuthoredSpec | undefined, source: Source): Sourced<number> | undefined {
  if (authored?.ttl === undefined) return undefined;
  const { file, line, column } = source.place({ path: ['ttl'], message: '' });
  return { value: authored.ttl, where: `${file}:${line}:${column}` };
}

/** A TTL that is not the spec's own is held to what a spec may say. */
function checkRange({ value, where }: Sourced<number>): void {
  const held = ttlReader.read(exactDuration(value));
  if (held.ok) return;
  throw new SpinError('usage', `${where}: ${held.message}`, {
    ...(held.suggestion === undefined ? {} : { hint: held.suggestion }),
    data: { ttlMs: value, ttlFrom: where },
  });
}

/** As the tags of a spec are held to what a tag may be called. */
function checkTag(name: string): void {
  const read = tagName.read(name);
  if (!read.ok) throw new SpinError('usage', `--tag ${read.message}`, { hint: '--tag name=value', data: { tag: name } });
}

function checkLimit(ttl: Sourced<number>, limit: Sourced<number> | undefined): void {
  if (limit === undefined || ttl.value <= limit.value) return;
  throw new SpinError(
    'limit-exceeded',
    `ttl ${formatDuration(ttl.value)} (${ttl.where}) is longer than limits.maxTtl ${formatDuration(limit.value)} (${limit.where}) allows`,
    { data: { ttlMs: ttl.value, maxTtlMs: limit.value, ttlFrom: ttl.where, maxTtlFrom: limit.where } },
  );
}

function askedBy(references: readonly Reference[]): Map<string, string[]> {
  const asked = new Map<string, string[]>();
  for (const { path, service } of references) {
    if (path[0] !== 'services') continue;
    const name = String(path[1]);
    asked.set(name, [...(asked.get(name) ?? []), service]);
  }
  return asked;
}
