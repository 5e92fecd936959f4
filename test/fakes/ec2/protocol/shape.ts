import type { StaticOperationSchema } from '@smithy/types';

/**
 * The wire shapes of an API, read from the schemas that the SDK itself ships: the names of parameters and elements are AWS's own model, not ours.
 * A schema is a tuple `[kind, namespace, name, traits, ...]`; a member is a schema or `[schema, traits]`, and may be behind a function.
 */
export type Shape =
  | { readonly kind: 'string' | 'number' | 'boolean' | 'time' | 'blob' | 'unit' }
  | { readonly kind: 'list'; readonly item: Shape; readonly element: string }
  | Structure;

export interface Member {
  readonly name: string;
  /** Name in a query of the EC2 protocol, such as `BlockDeviceMapping`. */
  readonly ec2Query: string;
  /** Name in a query of the older protocol, such as `RoleArn`. */
  readonly query: string;
  /** Name of the element in an answer, such as `blockDeviceMapping`. */
  readonly element: string;
  /** It stands in the path of a REST request. */
  readonly httpLabel: boolean;
  /** Its name in the query of a REST request, where it stands there. */
  readonly httpQuery: string | undefined;
  readonly required: boolean;
  readonly shape: Shape;
}

interface Traits {
  readonly xmlName?: string;
  readonly ec2QueryName?: string;
  readonly httpQuery?: string;
  readonly httpLabel?: boolean;
  readonly http?: unknown;
}

/** Members are read when they are first asked for: shapes may hold themselves. */
export class Structure {
  readonly kind = 'structure' as const;
  readonly #names: readonly unknown[];
  readonly #schemas: readonly unknown[];
  readonly #required: number;
  #members: readonly Member[] | undefined;
  #index = new Map<string, Map<string, Member>>();

  constructor(schema: readonly unknown[]) {
    this.#names = list(schema[4]);
    this.#schemas = list(schema[5]);
    // The required members come first; a schema ends with how many they are.
    this.#required = typeof schema[6] === 'number' ? schema[6] : 0;
  }

  get members(): readonly Member[] {
    this.#members ??= this.#names.map((name, i) => memberOf(String(name), this.#schemas[i], i < this.#required));
    return this.#members;
  }

  /** The member of that name, in one of the three name spaces. */
  by(space: 'name' | 'query' | 'ec2Query', name: string): Member | undefined {
    let index = this.#index.get(space);
    if (index === undefined) {
      index = new Map(this.members.map((member) => [member[space], member]));
      this.#index.set(space, index);
    }
    return index.get(name);
  }
}

export interface Operation {
  readonly name: string;
  /** Of an API that is asked by REST. */
  readonly http?: { readonly method: string; readonly path: string };
  readonly input: Shape;
  readonly output: Shape;
}

export function operationOf(schema: StaticOperationSchema): Operation {
  const [method, path] = list(traitsOf(schema[3]).http);
  return {
    name: schema[2],
    ...(typeof method === 'string' && typeof path === 'string' ? { http: { method, path } } : {}),
    input: shapeOf(schema[4]),
    output: shapeOf(schema[5]),
  };
}

const shapes = new WeakMap<object, Shape>();
const SIMPLE: Readonly<Record<number, Shape>> = {
  0: { kind: 'string' },
  1: { kind: 'number' },
  2: { kind: 'boolean' },
  4: { kind: 'time' },
  5: { kind: 'time' },
  6: { kind: 'time' },
  7: { kind: 'time' },
  21: { kind: 'blob' },
};
const LIST_OF = 64;

function shapeOf(reference: unknown): Shape {
  const schema = dereference(reference);
  if (schema === 'unit') return { kind: 'unit' };
  if (typeof schema === 'number') {
    if (schema >= LIST_OF) return { kind: 'list', item: simple(schema - LIST_OF), element: 'member' };
    return simple(schema);
  }
  if (!Array.isArray(schema)) throw new TypeError(`not a schema: ${String(schema)}`);
  const known = shapes.get(schema);
  if (known !== undefined) return known;
  const shape = compound(schema);
  shapes.set(schema, shape);
  return shape;
}

function compound(schema: readonly unknown[]): Shape {
  switch (schema[0]) {
    case 0:
      return shapeOf(schema[4]);
    case 1: {
      const { of, traits } = parts(schema[4]);
      return { kind: 'list', item: shapeOf(of), element: traits.xmlName ?? 'member' };
    }
    case 3:
      return new Structure(schema);
    default:
      throw new TypeError(`no shape for a schema of kind ${String(schema[0])}`);
  }
}

function memberOf(name: string, reference: unknown, required: boolean): Member {
  const { of, traits } = parts(reference);
  const element = traits.xmlName ?? name;
  return {
    name,
    ec2Query: traits.ec2QueryName ?? element.charAt(0).toUpperCase() + element.slice(1),
    query: element,
    element,
    httpLabel: traits.httpLabel === true,
    httpQuery: traits.httpQuery,
    required,
    shape: shapeOf(of),
  };
}

function parts(reference: unknown): { readonly of: unknown; readonly traits: Traits } {
  const schema = dereference(reference);
  if (!Array.isArray(schema) || schema.length !== 2) return { of: schema, traits: {} };
  return { of: schema[0], traits: traitsOf(schema[1]) };
}

/** The first bit of those that are written as a number says that a member stands in the path. */
const IN_PATH = 1;

function traitsOf(traits: unknown): Traits {
  if (typeof traits === 'number') return { httpLabel: traits % 2 === IN_PATH };
  return typeof traits === 'object' && traits !== null ? traits : {};
}

function dereference(reference: unknown): unknown {
  return typeof reference === 'function' ? dereference(reference()) : reference;
}

function simple(kind: number): Shape {
  const shape = SIMPLE[kind];
  if (shape === undefined) throw new TypeError(`no shape for a simple schema ${String(kind)}`);
  return shape;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
