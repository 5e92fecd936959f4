import { isoTime, parseTime } from '../../core/clock.ts';
import { type Incarnation, isIncarnation, isSpinId, type SpinId } from '../../core/ids.ts';
import { OWNED, type Tags } from '../../core/tags.ts';
import { Fault } from '../fault.ts';
import type { CreateRequest, Found, InventoryScope } from '../provider.ts';

/** A tag in the form that EC2, SSM, IAM, ELB and RDS share. */
export interface TagEntry {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

/** All tags of a creating call: the request's, when the spin must be gone, and a name for people. */
export function creationTags(request: CreateRequest): { Key: string; Value: string }[] {
  const tags = { ...request.tags, [OWNED.deadline]: isoTime(request.deadline), Name: `spin/${request.spin.id}/${request.address}` };
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

export function tagsFrom(entries: readonly TagEntry[] | undefined): Tags {
  return Object.fromEntries((entries ?? []).flatMap(({ Key, Value }) => (Key === undefined ? [] : [[Key, Value ?? ''] as const])));
}

/** Whose a tagged thing is; undefined where its tags are not ours. */
export interface Owner {
  readonly id: SpinId;
  readonly incarnation: Incarnation;
  readonly resource: string;
  readonly state: string;
}

export function ownerOf(tags: Tags): Owner | undefined {
  const [id, incarnation, state] = [tags[OWNED.id], tags[OWNED.incarnation], tags[OWNED.state]];
  if (id === undefined || !isSpinId(id) || incarnation === undefined || !isIncarnation(incarnation) || state === undefined)
    return undefined;
  return { id, incarnation, resource: tags[OWNED.resource] ?? '', state };
}

/**
 * Nothing is released or moved that another state location has taken over: what is looked at for that anyway tells whose it is.
 * @throws Fault `denied` `other-state`
 */
export function refuseOthers(things: readonly { readonly owner: Pick<Owner, 'id' | 'resource' | 'state'> }[], stateTag: string): void {
  const other = things.find(({ owner }) => owner.state !== stateTag)?.owner;
  if (other === undefined) return;
  throw new Fault('denied', 'other-state', `${other.resource} belongs to another state location (${other.state})`, {
    hint: `if it is yours to work with: spin adopt ${other.id}; else spin gc, which forgets it here`,
  });
}

/** True where an inventory of this scope lists what the owner has; `stateTag` is that of this process. */
export function inScope(owner: Pick<Owner, 'id' | 'state'>, scope: InventoryScope, stateTag: string): boolean {
  return (scope.id === undefined || owner.id === scope.id) && (scope.everyone === true || owner.state === stateTag);
}

/** The mark of an orphan, as tags to put on and to take off; `since` undefined takes it away. */
export function orphanMark(since: number | undefined): { readonly put: Tags; readonly drop: readonly string[] } {
  return since === undefined ? { put: {}, drop: [OWNED.orphan] } : { put: { [OWNED.orphan]: isoTime(since) }, drop: [] };
}

/** What an inventory says of a thing that can be marked, as `mark` stands there. */
export function markedSince(mark: string | undefined): Pick<Found, 'marks' | 'orphanSince'> {
  const since = parseTime(mark ?? '');
  return { marks: true, ...(Number.isNaN(since) ? {} : { orphanSince: since }) };
}
