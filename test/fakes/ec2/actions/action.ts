import type { StaticOperationSchema } from '@smithy/types';
import { operationOf } from '../protocol/shape.ts';
import type { Operation } from '../protocol/shape.ts';
import { unknownParameter } from '../protocol/query.ts';
import type { Identity } from '../world/identities.ts';
import type { RegionWorld } from '../world/region.ts';

/** What a call is made in. */
export interface Context {
  readonly region: RegionWorld;
  readonly identity: Identity;
  /** The request without its token, as text: what a client token stands for. */
  readonly fingerprint: string;
}

export interface Action extends Operation {
  /** All that can be said against a call without doing it. @throws Refusal */
  readonly check: (context: Context, input: object) => void;
  /** @throws Refusal */
  readonly run: (context: Context, input: object) => object;
}

/**
 * An action of the API. `knows` are the parameters that it heeds, each with all that is below it; any other that AWS has is refused:
 * what is not imitated must not look as if it had worked.
 */
export function action<Input extends object>(
  schema: StaticOperationSchema,
  knows: readonly string[],
  run: (context: Context, input: Input) => object,
  check?: (context: Context, input: Input) => unknown,
): Action {
  const known = new Set<string>([...knows, 'DryRun']);
  return {
    ...operationOf(schema),
    check: (context, input) => {
      refuseUnheeded(input, known, '');
      // The schema that decoded the input is the one that its type was generated from.
      check?.(context, input as Input);
    },
    run: (context, input) => run(context, input as Input),
  };
}

function refuseUnheeded(value: unknown, known: ReadonlySet<string>, path: string): void {
  if (known.has(path)) return;
  if (Array.isArray(value)) {
    for (const item of value) refuseUnheeded(item, known, path);
  } else if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    for (const [name, inner] of Object.entries(value)) refuseUnheeded(inner, known, path === '' ? name : `${path}.${name}`);
  } else {
    unknownParameter(path);
  }
}
