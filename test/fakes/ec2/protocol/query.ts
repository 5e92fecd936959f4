import { invalidValue, refuse } from './refusal.ts';
import type { Member, Shape, Structure } from './shape.ts';

/** How names and lists are spelt: `Filter.1.Name` (ec2) or `Tags.member.1.Key` (query). */
export type Dialect = 'ec2' | 'query';

type Tree = Map<string, Tree | string>;

const ENVELOPE: ReadonlySet<string> = new Set(['Action', 'Version']);

/**
 * Reads a form body into the input of an operation.
 * @throws Refusal `UnknownParameter`, `MissingParameter` or `InvalidParameterValue`
 */
export function decodeQuery(form: URLSearchParams, shape: Shape, dialect: Dialect): object {
  const tree: Tree = new Map();
  for (const [key, value] of form) if (!ENVELOPE.has(key)) plant(tree, key, value);
  if (shape.kind === 'structure') return structure(tree, shape, dialect, '');
  const [extra] = tree.keys();
  return extra === undefined ? {} : unknownParameter(extra);
}

/** The parameters of a form as sorted text, without those that do not count for idempotency. */
export function fingerprint(form: URLSearchParams): string {
  return [...form]
    .filter(([key]) => !ENVELOPE.has(key) && key !== 'ClientToken' && key !== 'DryRun')
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join('&');
}

export function unknownParameter(name: string): never {
  return refuse('UnknownParameter', `The parameter ${name} is not recognized`);
}

function plant(tree: Tree, key: string, value: string): void {
  const path = key.split('.');
  const last = path.pop() ?? '';
  let at = tree;
  for (const part of path) {
    let next = at.get(part);
    if (!(next instanceof Map)) {
      next = new Map();
      at.set(part, next);
    }
    at = next;
  }
  at.set(last, value);
}

function structure(tree: Tree, shape: Structure, dialect: Dialect, path: string): object {
  const value: Record<string, unknown> = {};
  const space = dialect === 'ec2' ? 'ec2Query' : 'query';
  for (const [key, node] of tree) {
    const member = shape.by(space, key) ?? unknownParameter(path + key);
    value[member.name] = decode(node, member.shape, dialect, `${path}${key}`);
  }
  refuseMissing(shape, value, (member) => `${path}${member[space]}`);
  return value;
}

/** @throws Refusal `MissingParameter` */
export function refuseMissing(shape: Structure, value: Readonly<Record<string, unknown>>, nameOf: (member: Member) => string): void {
  for (const member of shape.members) {
    if (!member.required) break;
    if (value[member.name] === undefined) refuse('MissingParameter', `The request must contain the parameter ${nameOf(member)}`);
  }
}

function decode(node: Tree | string, shape: Shape, dialect: Dialect, path: string): unknown {
  if (shape.kind === 'list') return list(node, shape, dialect, path);
  if (shape.kind === 'structure') {
    return node instanceof Map ? structure(node, shape, dialect, `${path}.`) : invalidValue(`Invalid value '${node}' for ${path}`);
  }
  if (node instanceof Map) return unknownParameter(`${path}.${[...node.keys()].join(',')}`);
  return scalar(node, shape.kind, path);
}

function list(node: Tree | string, shape: Shape & { readonly kind: 'list' }, dialect: Dialect, path: string): readonly unknown[] {
  const items = dialect === 'query' && node instanceof Map ? (node.get(shape.element) ?? node) : node;
  // An empty list of the older protocol is an empty text.
  if (!(items instanceof Map)) return items === '' ? [] : invalidValue(`Invalid value '${items}' for ${path}`);
  return [...items]
    .map(([key, item]) => ({ at: Number(key), key, item }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, key, item }) => {
      if (!Number.isInteger(at) || at < 1) unknownParameter(`${path}.${key}`);
      return decode(item, shape.item, dialect, `${path}.${key}`);
    });
}

function scalar(text: string, kind: 'string' | 'number' | 'boolean' | 'time' | 'blob' | 'unit', path: string): unknown {
  switch (kind) {
    case 'number': {
      const number = Number(text);
      return text === '' || Number.isNaN(number) ? invalidValue(`Invalid value '${text}' for ${path}`) : number;
    }
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : invalidValue(`Invalid value '${text}' for ${path}`);
    case 'time': {
      const time = new Date(text);
      return Number.isNaN(time.getTime()) ? invalidValue(`Invalid value '${text}' for ${path}`) : time;
    }
    case 'blob':
      return new Uint8Array(Buffer.from(text, 'base64'));
    case 'string':
    case 'unit':
      return text;
  }
}
