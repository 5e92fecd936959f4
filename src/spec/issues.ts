import type * as z from 'zod/mini';
import { didYouMean, type Finding, type Path, showPath, showValue } from './problems.ts';
import { jsonSchema } from './schema.ts';
import { isTreeMap, valueAt } from './source.ts';

type Issue = z.core.$ZodIssue;

/** What the schema found wrong with a tree, in words for people. */
export function findingsOf(issues: readonly Issue[], tree: unknown): Finding[] {
  return issues.flatMap((issue) => findingOf(issue, [], tree));
}

function findingOf(issue: Issue, base: Path, tree: unknown): Finding[] {
  const path = [...base, ...issue.path.filter((part) => typeof part !== 'symbol')];
  const value = valueAt(tree, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownKeys(path, issue.keys);
    case 'invalid_key':
      return [{ path, part: 'key', message: issue.issues[0]?.message ?? 'is not a name', value: path.at(-1) }];
    case 'invalid_type': {
      if (path.length === 0 && (value === null || value === undefined)) return [{ path, message: 'the document is empty' }];
      const expected = issue.expected === 'array' ? 'a list' : 'a map';
      return [
        { path, message: value === undefined ? `is missing: must be ${expected}` : `must be ${expected}, not ${showValue(value)}`, value },
      ];
    }
    case 'invalid_union':
      return branchOf(issue.errors, value).flatMap((inner) => findingOf(inner, path, tree));
    case 'custom': {
      const suggestion: unknown = issue.params?.['suggestion'];
      return [{ path, message: issue.message, value, ...(typeof suggestion === 'string' ? { suggestion } : {}) }];
    }
    default:
      return [{ path, message: issue.message, value }];
  }
}

/** Of the forms that a value may have, the one that its author seems to have meant: the one of the same type. */
function branchOf(branches: readonly (readonly Issue[])[], value: unknown): readonly Issue[] {
  const wants = isTreeMap(value) ? 'map' : Array.isArray(value) ? 'list' : 'scalar';
  const fits = (branch: readonly Issue[]) => {
    const refusal = branch.find(({ path }) => path.length === 0);
    if (refusal?.code === 'invalid_type') return false;
    return wants === 'map' ? refusal?.code !== 'custom' : wants === 'scalar' ? refusal?.code === 'custom' : true;
  };
  return branches.find(fits) ?? branches[0] ?? [];
}

function unknownKeys(path: Path, keys: readonly string[]): Finding[] {
  const known = knownKeys(path);
  return keys.map((key, n) => unknownKey(path, key, known, n < MOST_MEANT));
}

/** Unknown keys of one map for which a known one is sought: who slips a hundred times wrote another format. */
const MOST_MEANT = 100;

function unknownKey(path: Path, key: string, known: readonly string[], meant: boolean): Finding {
  const near = meant ? didYouMean(key, known) : undefined;
  const suggestion = near ?? (known.length === 0 ? undefined : `known here: ${known.filter((name) => !name.startsWith('$')).join(', ')}`);
  const where = path.length === 0 ? 'a key of a spec' : `a key of ${showPath(path)}`;
  return { path: [...path, key], part: 'key', message: `is not ${where}`, value: key, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** Made once: it takes a millisecond, and there may be thousands of maps with a slip of the hand. */
let wholeSchema: Record<string, unknown> | undefined;

/** The keys that a map at `path` may have. */
function knownKeys(path: Path): string[] {
  let schemas: Record<string, unknown>[] = [(wholeSchema ??= jsonSchema())];
  for (const part of path) schemas = schemas.flatMap(alternatives).flatMap((schema) => childrenOf(schema, part));
  return schemas.flatMap(alternatives).flatMap(({ properties }) => (isTreeMap(properties) ? Object.keys(properties) : []));
}

function alternatives(schema: Record<string, unknown>): Record<string, unknown>[] {
  return Array.isArray(schema['anyOf']) ? schema['anyOf'].filter(isTreeMap) : [schema];
}

function childrenOf(schema: Record<string, unknown>, part: string | number): Record<string, unknown>[] {
  const { properties, additionalProperties, items } = schema;
  const child =
    typeof part === 'number' ? items : isTreeMap(properties) && Object.hasOwn(properties, part) ? properties[part] : additionalProperties;
  return isTreeMap(child) ? [child] : [];
}
