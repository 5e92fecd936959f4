import { decodeJson } from './json.ts';
import { refuse } from './refusal.ts';
import type { Refusal } from './refusal.ts';
import type { Operation, Shape, Structure } from './shape.ts';

/** A request of the REST protocol: its operation is told by method and path. */
export interface RestRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly body: string;
}

/** The one of some operations that a request names, or undefined. */
export function routed<Of extends Operation>(operations: Iterable<Of>, { method, url }: RestRequest): Of | undefined {
  for (const operation of operations)
    if (operation.http?.method === method && labelsOf(operation.http.path, url) !== undefined) return operation;
  return undefined;
}

/**
 * Reads path, query and body into the input of an operation.
 * @throws Refusal `SerializationException`, `ValidationException`, `MissingParameter`
 */
export function decodeRest({ url, body }: RestRequest, { input, http }: Operation): object {
  if (input.kind !== 'structure') return {};
  const outside: Record<string, unknown> = labelsOf(http?.path ?? '', url) ?? {};
  for (const [key, value] of new URLSearchParams(url.split('?')[1])) {
    const member = input.members.find(({ httpQuery }) => httpQuery === key) ?? unknown(key);
    outside[member.name] = scalar(value, member.shape, key);
  }
  // Decoded together, so that what is required is looked for in all three.
  const inside: unknown = body === '' ? {} : parse(body);
  if (typeof inside !== 'object' || inside === null) return refuse('SerializationException', 'the body is no object');
  for (const key of Object.keys(inside)) if (isOutside(input, key)) unknown(key);
  return decodeJson(JSON.stringify({ ...inside, ...outside }), input);
}

/** What of a request tells it from another, but for its token. */
export function restFingerprint({ method, url, body }: RestRequest): string {
  const inside: unknown = body === '' ? {} : parse(body);
  return `${method} ${url} ${JSON.stringify(inside, (key, value: unknown) => (key === 'ClientToken' ? undefined : value))}`;
}

/** The error's name travels in a header, `x-amzn-errortype`. */
export function restError({ message }: Refusal): string {
  return JSON.stringify({ Message: message });
}

function labelsOf(pattern: string, url: string): Record<string, string> | undefined {
  const [path = ''] = url.split('?');
  const [wanted, parts] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== parts.length) return undefined;
  const labels: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const label = /^\{(\w+)\}$/.exec(wanted[index] ?? '')?.[1];
    if (label === undefined && part !== wanted[index]) return undefined;
    if (label !== undefined) labels[label] = decodeURIComponent(part);
  }
  return labels;
}

function isOutside(input: Structure, key: string): boolean {
  const member = input.by('name', key);
  return member !== undefined && (member.httpLabel || member.httpQuery !== undefined);
}

function scalar(value: string, { kind }: Shape, key: string): string | number {
  if (kind !== 'number') return value;
  return value === '' || Number.isNaN(Number(value)) ? refuse('ValidationException', `${key} is no number`) : Number(value);
}

function unknown(key: string): never {
  return refuse('ValidationException', `The parameter ${key} is not recognized`);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return refuse('SerializationException', 'the body is no JSON');
  }
}
