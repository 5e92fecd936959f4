import type { Unasked } from '../providers/provider.ts';

/** What a provider could not be asked for while it was asked for the rest: one line for each problem, however many places have it. */
export function problemsOf(unasked: readonly Unasked[]): readonly string[] {
  const groups = Map.groupBy(unasked, (one) => `${one.kind ?? ''} ${accountOf(one) ?? ''} ${one.fault.class}`);
  const lines = [...groups.values()].flatMap((some) => {
    const [first] = some;
    if (first === undefined) return [];
    const what = first.kind === undefined ? 'everything' : `${first.kind}s`;
    const account = accountOf(first);
    const regions = [...new Set(some.flatMap(({ place }) => place?.region ?? []))];
    const where = account === undefined ? regions.join(', ') : `account ${account}`;
    return [`${what}${where === '' ? '' : ` in ${where}`}: ${first.fault.message}`];
  });
  return lines.toSorted((one, other) => (one < other ? -1 : 1));
}

/** The account that is out of reach. */
function accountOf({ place, outOfReach }: Unasked): string | undefined {
  return outOfReach === true ? place?.account : undefined;
}
