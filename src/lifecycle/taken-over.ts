import { SpinError } from '../core/errors.ts';
import { OWNED } from '../core/tags.ts';
import type { Call, Found, Provider } from '../providers/provider.ts';
import type { SpinRecord } from '../store/record.ts';

/** What a provider does not say is ours: it has but the things of this state location. */
export function isOurs(stateTag: string, { tags }: Found): boolean {
  const state = tags?.[OWNED.state];
  return state === undefined || state === stateTag;
}

/** What other state locations own of the life that a record is of, by its tags. @throws Fault */
export async function ownedByOthers(
  provider: Provider,
  { id, incarnation, place }: SpinRecord,
  stateTag: string,
  call: Call,
): Promise<readonly Found[]> {
  // Without a place it is on this machine, where nobody takes anything over.
  if (place === undefined) return [];
  const found = await provider.inventory({ id, everyone: true, places: [place] }, call);
  return found.filter((thing) => thing.incarnation === incarnation && !isOurs(stateTag, thing));
}

/** Whose something of another state location is, for people: its tag, and who answers for it. */
export function ownerNamed({ tags }: Found): string {
  const [state, owner] = [tags?.[OWNED.state], tags?.[OWNED.owner]];
  return `another state location (${state ?? 'unknown'}${owner === undefined ? '' : `, owner ${owner}`})`;
}

/** For a spin that another state location took over: it is not ours to end any more. */
export function takenOver(id: string, first: Found, others: readonly Found[]): SpinError {
  return new SpinError('change-refused', `${id} belongs to ${ownerNamed(first)}, and was left alone`, {
    hint: `if it is yours to end: spin adopt ${id}, then spin down ${id}; else spin gc, which forgets it here`,
    data: { id, things: others.map(({ what }) => what) },
  });
}
