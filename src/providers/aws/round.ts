import type { CreateRequest } from '../provider.ts';

/** Where a request is among its alternatives. */
export interface Turn<Alternative> {
  readonly chosen: Alternative;
  /** Undefined where each has had its turn in this round. */
  readonly next: Alternative | undefined;
}

/** Whose turn it is, and whose after that; undefined where there is no alternative at all. */
export function turnOf<Alternative>(
  { attempt = 0, firstAttempt = 0 }: Pick<CreateRequest, 'attempt' | 'firstAttempt'>,
  alternatives: readonly Alternative[],
): Turn<Alternative> | undefined {
  const chosen = alternatives[attempt % alternatives.length];
  if (chosen === undefined) return undefined;
  const isLast = attempt + 1 - firstAttempt >= alternatives.length;
  return { chosen, next: isLast ? undefined : alternatives[(attempt + 1) % alternatives.length] };
}
