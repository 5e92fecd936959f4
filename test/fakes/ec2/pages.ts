import { invalidValue, refuse } from './protocol/refusal.ts';

export interface PageRequest {
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

export interface PageRules<T> {
  /** Action; a token of one is refused by another. */
  readonly of: string;
  /** Items of a page where the request does not say. */
  readonly size: number;
  readonly least?: number;
  readonly most?: number;
  /** Grows along the list, and stays when other items come and go. */
  readonly position: (item: T) => number;
  /** How much of a page an item fills; 1 where absent. An item is never split: a page holds at least one. */
  readonly weight?: (item: T) => number;
}

/** @throws Refusal for a size out of bounds or a token that was never given out */
export function page<T>(
  items: readonly T[],
  request: PageRequest,
  rules: PageRules<T>,
): { readonly items: readonly T[]; readonly NextToken?: string } {
  const { least = 5, most = 1000 } = rules;
  const { MaxResults: asked, NextToken: token } = request;
  if (asked !== undefined && (asked < least || asked > most)) {
    const bound = asked < least ? `greater than ${least}` : `less than ${most}`;
    invalidValue(`Value ( ${asked} ) for parameter maxResults is invalid. Expecting a value ${bound}.`);
  }
  const rest = token === undefined ? items : after(items, token, rules);
  const size = asked ?? Math.min(rules.size, most);
  let filled = 0;
  let end = 0;
  for (; end < rest.length; end++) {
    const item = rest[end];
    if (item === undefined) break;
    filled += rules.weight?.(item) ?? 1;
    if (filled > size && end > 0) break;
  }
  const last = rest[end - 1];
  if (last === undefined || end === rest.length) return { items: rest };
  return { items: rest.slice(0, end), NextToken: Buffer.from(`${rules.of} ${rules.position(last)}`).toString('base64url') };
}

/** @throws Refusal: a page of things that were named is not to be had */
export function refusePageOfNamed(request: PageRequest, ids: readonly string[] | undefined, what: string): void {
  if (request.MaxResults === undefined || ids === undefined || ids.length === 0) return;
  refuse('InvalidParameterCombination', `The parameter ${what} cannot be used with the parameter maxResults`);
}

function after<T>(items: readonly T[], token: string, rules: PageRules<T>): readonly T[] {
  const [of, position] = Buffer.from(token, 'base64url').toString().split(' ');
  if (of !== rules.of || !/^\d+$/.test(position ?? '')) invalidValue(`Invalid value '${token}' for nextToken`);
  return items.filter((item) => rules.position(item) > Number(position));
}
