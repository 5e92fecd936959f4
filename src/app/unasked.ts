import type { Unasked } from '../providers/provider.ts';

/** What a provider could not be asked for while it was asked for the rest: one line for each problem, however many places have it. */
export function problemsOf(unasked: readonly Unasked[]): readonly string[] {
  const groups = Map.groupBy(unasked, ({ kind, fault }) => `${kind} ${fault.class}`);
  const lines = [...groups.values()].flatMap((some) => {
    const [first] = some;
    if (first === undefined) return [];
    const regions = [...new Set(some.flatMap(({ place }) => place?.region ?? []))];
    return [`${first.kind}s${regions.length === 0 ? '' : ` in ${regions.join(', ')}`}: ${first.fault.message}`];
  });
  return lines.toSorted((one, other) => (one < other ? -1 : 1));
}
