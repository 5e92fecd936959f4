import { refuseMissing } from './query.ts';
import { refuse } from './refusal.ts';
import type { Refusal } from './refusal.ts';
import type { Shape, Structure } from './shape.ts';

/**
 * Reads a body of the JSON 1.1 protocol into the input of an operation.
 * @throws Refusal `SerializationException`, `ValidationException`
 */
export function decodeJson(body: string, shape: Shape): object {
  let value: unknown;
  try {
    value = body === '' ? {} : JSON.parse(body);
  } catch {
    return refuse('SerializationException', 'the body is no JSON');
  }
  if (shape.kind !== 'structure') return {};
  return structure(value, shape, '');
}

/** Times travel as seconds since the epoch. */
export function jsonAnswer(value: object): string {
  return JSON.stringify(value, function replace(this: unknown, key: string, inner: unknown) {
    // A Date has become text before a replacer sees it; the holder still has the Date.
    const original: unknown = typeof this === 'object' && this !== null ? Reflect.get(this, key) : inner;
    return original instanceof Date ? original.getTime() / 1000 : inner;
  });
}

export function jsonError(refusal: Refusal): string {
  return JSON.stringify({ __type: refusal.code, message: refusal.message });
}

function structure(value: unknown, shape: Structure, path: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('SerializationException', `${path === '' ? 'the body' : path} is no object`);
  }
  const decoded: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    const member = shape.by('name', key) ?? refuse('ValidationException', `The parameter ${path}${key} is not recognized`);
    if (inner !== null) decoded[key] = decode(inner, member.shape, `${path}${key}`);
  }
  refuseMissing(shape, decoded, (member) => `${path}${member.name}`);
  return decoded;
}

function decode(value: unknown, shape: Shape, path: string): unknown {
  switch (shape.kind) {
    case 'structure':
      return structure(value, shape, `${path}.`);
    case 'list':
      return Array.isArray(value)
        ? value.map((item) => decode(item, shape.item, path))
        : refuse('SerializationException', `${path} is no list`);
    case 'time':
      return new Date(Number(value) * 1000);
    case 'number':
    case 'boolean':
    case 'string':
      return typeof value === shape.kind ? value : refuse('SerializationException', `${path} is no ${shape.kind}`);
    case 'blob':
      return new Uint8Array(Buffer.from(String(value), 'base64'));
    case 'unit':
      return value;
  }
}
