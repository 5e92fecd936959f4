import type { Filter } from '@aws-sdk/client-ec2';
import { invalidValue } from './protocol/refusal.ts';

type Value = string | number | boolean | undefined;

/** What each filter of an action looks at; a thing with several values matches by any of them. */
export type Fields<T> = Readonly<Record<string, (thing: T) => Value | readonly Value[]>>;

interface Tagged {
  readonly tags: ReadonlyMap<string, string>;
}

/** `tag:K` and `tag-key`, which every taggable thing has. */
export const taggedFields: Fields<Tagged> = { 'tag-key': ({ tags }) => [...tags.keys()] };

/**
 * The things that pass every filter (AND), each by any of its values (OR). `*` stands for any text, `?` for one character, a backslash before them for themselves.
 * @throws Refusal where a filter is unknown or says nothing
 */
export function select<T>(things: readonly T[], filters: readonly Filter[] | undefined, fields: Fields<T>): readonly T[] {
  const tests = (filters ?? []).map((filter) => testOf(filter, fields));
  return tests.length === 0 ? things : things.filter((thing) => tests.every((test) => test(thing)));
}

function testOf<T>(filter: Filter, fields: Fields<T>): (thing: T) => boolean {
  const { Name: name = '', Values: values = [] } = filter;
  const field = fields[name] ?? tagField(name, fields) ?? invalidValue(`The filter '${name}' is invalid`);
  if (values.length > 200) invalidValue('The maximum number of filter values specified on a single call is 200');
  const exact = new Set<string>();
  const patterns: RegExp[] = [];
  for (const value of values) {
    if (/[*?\\]/.test(value)) patterns.push(patternOf(value));
    else exact.add(value);
  }
  const matches = (value: Value) => {
    if (value === undefined) return false;
    const text = String(value);
    return exact.has(text) || patterns.some((pattern) => pattern.test(text));
  };
  return (thing) => {
    const found = field(thing);
    return Array.isArray(found) ? found.some(matches) : matches(found as Value);
  };
}

function tagField<T>(name: string, fields: Fields<T>): ((thing: T) => Value) | undefined {
  if (!name.startsWith('tag:') || fields['tag-key'] === undefined) return undefined;
  const key = name.slice('tag:'.length);
  return (thing) => (isTagged(thing) ? thing.tags.get(key) : undefined);
}

function isTagged(thing: unknown): thing is Tagged {
  return typeof thing === 'object' && thing !== null && 'tags' in thing && thing.tags instanceof Map;
}

function patternOf(text: string): RegExp {
  const source = text.replace(/\\[*?\\]|[*?]|[.+^${}()|[\]\\]/g, (part) => {
    if (part === '*') return '[^]*';
    if (part === '?') return '[^]';
    return part.length === 2 ? part : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}
