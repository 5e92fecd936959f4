import { isoTime } from './clock.ts';
import type { Incarnation, SpinId } from './ids.ts';

/** Free tags of a spec or config: names to values. */
export type Tags = Readonly<Record<string, string>>;

/** The tags by which a provider's things are known as ours. They travel inside every creating call. */
export const OWNED = {
  id: 'spin:id',
  incarnation: 'spin:incarnation',
  resource: 'spin:resource',
  state: 'spin:state',
  deadline: 'spin:deadline',
  owner: 'spin:owner',
  orphan: 'spin:orphan-since',
} as const;

/** Who a provider's thing belongs to, as its tags tell. */
export interface Ownership {
  readonly id: SpinId;
  readonly incarnation: Incarnation;
  /** Resource key, such as `service.web@1`. */
  readonly resource: string;
  /** Tells the state location that owns the spin, so that no sweep touches another's. */
  readonly state: string;
}

/** The ownership tags of a resource, to go with its creating call. */
export function ownershipTags(owner: Ownership): Tags {
  return {
    [OWNED.id]: owner.id,
    [OWNED.incarnation]: owner.incarnation,
    [OWNED.resource]: owner.resource,
    [OWNED.state]: owner.state,
  };
}

/** `keep` and its date: gc leaves the spin alone until the end of that day (UTC); undefined where it is not a date. */
export const KEEP_TAG = 'keep';

/** The end of a `keep` tag's day in milliseconds since the epoch, or undefined where the value is no date `YYYY-MM-DD`. */
export function keepUntil(value: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(value)) return undefined;
  const start = Date.parse(`${value}T00:00:00.000Z`);
  // Date.parse reads 30 February as 2 March.
  return Number.isNaN(start) || !isoTime(start).startsWith(value) ? undefined : start + 86_400_000;
}

/** True while a `keep` tag holds, and for one that is no date: nothing is deleted because of a slip of the hand. */
export function isKept(tags: Tags, now: number): boolean {
  const keep = tags[KEEP_TAG];
  return keep !== undefined && now < (keepUntil(keep) ?? Infinity);
}
