import { digest, type Incarnation, isSpinId, type SpinId } from '../../core/ids.ts';
import type { SpinRef } from '../provider.ts';

/**
 * Names that are derived, so that a thing is found again without a handle, and a request that is sent again meets what the first one
 * made. None but a schedule's tells the state location, which an adoption changes: a schedule alone has no tags, and can be made anew.
 */

/** The facts of a spin that names are made of. */
type Named = Pick<SpinRef, 'id' | 'incarnation'>;

/** A resource key, taken apart: `secret.db@2` is name `db`, generation 2. */
export function partsOfKey(key: string): { readonly name: string; readonly generation: string } {
  const [address = '', generation = '1'] = key.split('@');
  return { name: address.slice(address.indexOf('.') + 1), generation };
}

/** Folder of a spin, or of all of them, among IAM paths and SSM parameters: ends with a slash. */
export function spinPath(id?: SpinId, incarnation?: Incarnation): string {
  return `/${['spin', id, incarnation].filter((part) => part !== undefined).join('/')}/`;
}

/** What a path says about the spin whose it is; undefined where it is not of spinPath's form. */
export function spinOfPath(path: string): { readonly id: SpinId; readonly incarnation: Incarnation; readonly rest: string } | undefined {
  const [empty, root, id, incarnation, ...rest] = path.split('/');
  if (empty !== '' || root !== 'spin' || id === undefined || incarnation === undefined) return undefined;
  return isSpinId(id) && incarnation.length === 26 ? { id, incarnation: incarnation as Incarnation, rest: rest.join('/') } : undefined;
}

/**
 * Name of the SSM parameter of a secret's key. The generation is part of it: SSM asks for 30 s between the deletion of a
 * parameter and another of its name (DeleteParameter, API reference).
 */
export function parameterName(spin: Named, key: string): string {
  const { name, generation } = partsOfKey(key);
  return `${spinPath(spin.id, spin.incarnation)}${name}/${generation}`;
}

/** Name of the role, and of the instance profile that holds it: at most 64 characters, one per account. */
export function roleName(spin: Named, key: string): string {
  return `spin-${spin.id.slice(0, 40)}-${spin.incarnation.slice(-12)}-${partsOfKey(key).generation}`;
}

/** Where all schedules of a state location begin: schedules carry no tags, so that their names must tell whose they are. */
export function scheduleFolder(stateTag: string | undefined, id?: SpinId): string {
  if (stateTag === undefined) return 'spin-';
  return id === undefined ? `spin-${stateTag}-` : `spin-${stateTag}-${idInSchedule(id)}-`;
}

/** Whose the schedule of a name is; undefined where the name is not of scheduleName's form. */
export function ownerOfSchedule(name: string): { readonly state: string; readonly id: string } | undefined {
  const [, state, id] = /^spin-(.+)-([^-]+)-[^-]+$/.exec(name) ?? [];
  return state === undefined || id === undefined ? undefined : { state, id };
}

/** What stands for a spin ID in the name of a schedule. */
export function idInSchedule(id: SpinId): string {
  return short(id, 8);
}

/** Name of the schedule that ends one thing of a spin: at most 64 characters. `ends` is `instances`, the ID of one of them, or the key of a database. */
export function scheduleName(stateTag: string, spin: Named, ends: string): string {
  return `${scheduleFolder(stateTag, spin.id)}${short([spin.incarnation, ends], 20)}`;
}

/** Where the names of all target groups, or of those of one spin ID, begin. */
export function targetGroupFolder(id?: SpinId): string {
  return id === undefined ? 'spin-' : `spin-${short(id, 8)}-`;
}

/** Name of the target group of a route: at most 32 letters, digits and hyphens. */
export function targetGroupName(spin: Named, key: string): string {
  return `${targetGroupFolder(spin.id)}${short([spin.incarnation, key], 16)}`;
}

/** Identifier of a database: at most 63 letters, digits and single hyphens. */
export function databaseIdentifier(spin: Named, key: string): string {
  const readable = `spin-${spin.id}-${partsOfKey(key).name}`.replace(/-{2,}/g, '-').slice(0, 50).replace(/-$/, '');
  return `${readable}-${short([spin.incarnation, key], 12)}`;
}

/** What `finalSnapshotName` puts behind the name of the spec. */
export const FINAL_SNAPSHOT_END = 13;

/**
 * Name of the snapshot that a database leaves: that of the spec, with an end of its own in each life and generation, for the snapshot of
 * an earlier one stays and has its name.
 */
export function finalSnapshotName(name: string, spin: Named, key: string): string {
  return `${name}-${short([spin.incarnation, key], FINAL_SNAPSHOT_END - 1)}`;
}

/** ARNs begin with the partition of their region. */
export function partitionOf(region: string): 'aws' | 'aws-cn' | 'aws-us-gov' {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

function short(value: unknown, length: number): string {
  return digest(value).slice(0, length);
}
