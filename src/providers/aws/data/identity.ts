import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  DeleteInstanceProfileCommand,
  DeleteRoleCommand,
  type DeleteRoleCommandOutput,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetInstanceProfileCommand,
  GetRoleCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListInstanceProfilesCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
  PutRolePolicyCommand,
  RemoveRoleFromInstanceProfileCommand,
  TagInstanceProfileCommand,
  TagRoleCommand,
  UpdateRoleCommand,
} from '@aws-sdk/client-iam';
import { isoTime } from '../../../core/clock.ts';
import { InternalError } from '../../../core/errors.ts';
import type { SpinId } from '../../../core/ids.ts';
import { OWNED } from '../../../core/tags.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, Found, Handle, InventoryScope, Observation, Target } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { isClass, unless } from '../fault-class.ts';
import { instancePolicy, trustPolicy } from './identity-policy.ts';
import { partitionOf, roleName, spinOfPath, spinPath } from '../names.ts';
import { onceKnown } from '../not-yet.ts';
import { handleText, made, observation, observeAll } from '../observing.ts';
import { creationTags, inScope, markedSince, tagsFrom } from '../ownership.ts';
import { allPages } from '../pages.ts';
import type { Region } from '../region.ts';

/**
 * The role that the instances of a spin run under: a role and an instance profile of one name, under a path that tells whose they are
 * (`/spin/ID/INCARNATION/`); the role's description names the state location, and bears the mark of an orphan, as lists of roles show no tags. Made only where the spin
 * has secrets.
 */

const POLICY = 'spin';
const GONE = ['NoSuchEntity'];

/** @throws Fault */
export async function createIdentity(cloud: Cloud, request: CreateRequest, call: Call): Promise<Handle> {
  if (secretsOf(request).length === 0) return made(call, { made: 'nothing' });
  const name = roleName(request.spin, request.key);
  const [, holdsRole] = await Promise.all([createRole(cloud, request, name, call), createProfile(cloud, request, name, call)]);
  const account = await cloud.account(call);
  const document = instancePolicy({
    partition: partitionOf(cloud.region),
    region: cloud.region,
    account,
    folder: spinPath(request.spin.id, request.spin.incarnation),
  });
  const grant = new PutRolePolicyCommand({ RoleName: name, PolicyName: POLICY, PolicyDocument: document });
  const fill = new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name });
  await Promise.all([
    onceKnown(GONE, () => cloud.send(IAMClient, grant, call), call),
    holdsRole ? undefined : onceKnown(GONE, () => cloud.send(IAMClient, fill, call), call),
  ]);
  return made(call, { role: name, profile: name });
}

/** One request per identity, of which a spin has one, or two for the moment of a change. */
export async function observeIdentities(
  region: Pick<Region, 'cloud' | 'asked'>,
  targets: readonly Target[],
  call: Call,
): Promise<ReadonlyMap<string, Observation>> {
  const each = await Promise.all(targets.map((target) => observeAll([target], () => lookAt(region, target, call), call)));
  return new Map(each.flatMap((map) => [...map]));
}

/** @throws Fault */
export async function releaseIdentity(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  target: Target,
  call: Call,
): Promise<'requested' | 'absent'> {
  if (secretsOf(target).length === 0) return 'absent';
  const answer = await removeIdentity(cloud, roleName(target.spin, target.key), call);
  // What was never seen may still be on its way; what was deleted before our eyes is not.
  return answer === 'destroyed' || (answer === 'absent' && !asked.mayBeHidden(target, call)) ? 'absent' : 'requested';
}

/** Roles and instance profiles are of the account, not of a region: ask for them in one region only. @throws Fault */
export async function listIdentities(cloud: Cloud, scope: InventoryScope, call: Call): Promise<readonly Found[]> {
  const PathPrefix = spinPath(scope.id);
  const [roles, profiles, account] = await Promise.all([
    allPages(async (Marker) => {
      const page = await cloud.send(IAMClient, new ListRolesCommand({ PathPrefix, Marker, MaxItems: 1000 }), call);
      return { items: page.Roles, next: page.IsTruncated === true ? page.Marker : undefined };
    }),
    allPages(async (Marker) => {
      const page = await cloud.send(IAMClient, new ListInstanceProfilesCommand({ PathPrefix, Marker, MaxItems: 1000 }), call);
      return { items: page.InstanceProfiles, next: page.IsTruncated === true ? page.Marker : undefined };
    }),
    cloud.account(call),
  ]);
  const states = new Map(roles.map(({ RoleName, Description }) => [RoleName, stateIn(Description)]));
  const things = [
    ...roles.map((role) => ({
      what: 'role',
      path: role.Path,
      name: role.RoleName,
      createdAt: role.CreateDate,
      marked: markedSince(markIn(role.Description)),
    })),
    ...profiles.map(({ Path, InstanceProfileName, CreateDate }) => ({
      what: 'instance profile',
      path: Path,
      name: InstanceProfileName,
      createdAt: CreateDate,
      // Nothing that a list of profiles shows can be changed: the role speaks for both.
      marked: {},
    })),
  ];
  const found = await Promise.all(
    things.map(async ({ what, path = '', name = '', createdAt, marked }): Promise<Found[]> => {
      const spin = spinOfPath(path);
      if (spin === undefined || (scope.id !== undefined && spin.id !== scope.id)) return [];
      // A profile whose role somebody else deleted, and a role that somebody described anew, are asked for their tags; there are few.
      const state = states.get(name) ?? (await (what === 'role' ? stateOfRole(cloud, name, call) : stateOfProfile(cloud, name, call)));
      if (state === undefined || !inScope({ id: spin.id, state }, scope, cloud.options.stateTag)) return [];
      return [
        {
          provider: 'aws',
          id: spin.id,
          incarnation: spin.incarnation,
          resource: `identity.identity@${name.slice(name.lastIndexOf('-') + 1)}`,
          kind: 'identity',
          what: `${what} ${name}`,
          ...(createdAt === undefined ? {} : { createdAt: createdAt.getTime() }),
          place: { account },
          ...marked,
          handle: { role: name },
        },
      ];
    }),
  );
  return found.flat();
}

/** Marks a role as an orphan since then, or takes the mark away. @throws Fault */
export async function markIdentity(cloud: Cloud, found: Found, since: number | undefined, call: Call): Promise<void> {
  if (found.marks !== true) return;
  const RoleName = handleText(found.handle, 'role');
  const command = new UpdateRoleCommand({ RoleName, Description: described(found.id, cloud.options.stateTag, since) });
  await unless(GONE, () => cloud.send(IAMClient, command, call));
}

/** Makes a role and its profile those of this state location, and no orphans. @throws Fault */
export async function ownIdentity(cloud: Cloud, found: Found, call: Call): Promise<void> {
  const name = handleText(found.handle, 'role');
  const Tags = [{ Key: OWNED.state, Value: cloud.options.stateTag }];
  await Promise.all([
    unless(GONE, async () => {
      await cloud.send(
        IAMClient,
        new UpdateRoleCommand({ RoleName: name, Description: described(found.id, cloud.options.stateTag) }),
        call,
      );
      return cloud.send(IAMClient, new TagRoleCommand({ RoleName: name, Tags }), call);
    }),
    unless(GONE, () => cloud.send(IAMClient, new TagInstanceProfileCommand({ InstanceProfileName: name, Tags }), call)),
  ]);
}

/** @throws Fault */
export async function reclaimIdentity(cloud: Cloud, found: Found, call: Call): Promise<'requested' | 'absent'> {
  const name = handleText(found.handle, 'role');
  if (name === undefined) throw new InternalError(`${found.what} was found without a name`);
  return (await removeIdentity(cloud, name, call)) === 'requested' ? 'requested' : 'absent';
}

function secretsOf({ desire }: Target): readonly string[] {
  return desire.kind === 'identity' ? desire.secrets : [];
}

async function createRole(cloud: Cloud, request: CreateRequest, name: string, call: Call): Promise<void> {
  const { permissionsBoundary } = cloud.options.settings;
  const path = spinPath(request.spin.id, request.spin.incarnation);
  try {
    await cloud.send(
      IAMClient,
      new CreateRoleCommand({
        RoleName: name,
        Path: path,
        AssumeRolePolicyDocument: trustPolicy(partitionOf(cloud.region)),
        Description: described(request.spin.id, cloud.options.stateTag),
        Tags: creationTags(request),
        ...(permissionsBoundary === undefined ? {} : { PermissionsBoundary: permissionsBoundary }),
      }),
      call,
    );
  } catch (thrown) {
    if (!isClass(thrown, 'EntityAlreadyExists')) throw thrown;
    const { Role } = await onceKnown(GONE, () => cloud.send(IAMClient, new GetRoleCommand({ RoleName: name }), call), call);
    if (Role?.Path !== path) throw foreign(`role ${name}`);
  }
}

/** @returns true where an earlier try made it and put the role in: a second role would be refused */
async function createProfile(cloud: Cloud, request: CreateRequest, name: string, call: Call): Promise<boolean> {
  const path = spinPath(request.spin.id, request.spin.incarnation);
  try {
    const command = new CreateInstanceProfileCommand({ InstanceProfileName: name, Path: path, Tags: creationTags(request) });
    await cloud.send(IAMClient, command, call);
    return false;
  } catch (thrown) {
    if (!isClass(thrown, 'EntityAlreadyExists')) throw thrown;
    const get = new GetInstanceProfileCommand({ InstanceProfileName: name });
    const { InstanceProfile } = await onceKnown(GONE, () => cloud.send(IAMClient, get, call), call);
    if (InstanceProfile?.Path !== path) throw foreign(`instance profile ${name}`);
    return InstanceProfile.Roles?.some(({ RoleName }) => RoleName === name) === true;
  }
}

async function lookAt(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  target: Target,
  call: Call,
): Promise<(target: Target) => Observation> {
  if (secretsOf(target).length === 0) return () => observation('running', 'the spin has no secrets and needs no role');
  const InstanceProfileName = roleName(target.spin, target.key);
  const seen = await unless(GONE, () => cloud.send(IAMClient, new GetInstanceProfileCommand({ InstanceProfileName }), call));
  const filled = seen?.InstanceProfile?.Roles?.some(({ RoleName }) => RoleName === InstanceProfileName);
  return () => {
    if (seen === undefined) return asked.missing(target, call);
    return filled === true
      ? observation('running', `role ${InstanceProfileName}`)
      : observation('pending', 'the instance profile holds no role yet', { stalled: true });
  };
}

/**
 * Takes both apart, whatever half of them is there, and looks whether they are gone. `destroyed`: both were there and are gone. `absent`:
 * one of them was not there, and neither is now. `requested`: AWS has taken the deletion and still shows one.
 */
async function removeIdentity(cloud: Cloud, name: string, call: Call): Promise<'destroyed' | 'absent' | 'requested'> {
  const [profile, role] = [{ InstanceProfileName: name }, { RoleName: name }];
  await unless(GONE, () => cloud.send(IAMClient, new RemoveRoleFromInstanceProfileCommand({ ...profile, ...role }), call));
  const [profileDeleted] = await Promise.all([
    unless(GONE, () => cloud.send(IAMClient, new DeleteInstanceProfileCommand(profile), call)),
    unless(GONE, () => cloud.send(IAMClient, new DeleteRolePolicyCommand({ ...role, PolicyName: POLICY }), call)),
  ]);
  const roleDeleted = await unless(GONE, () => deleteRole(cloud, name, call));
  const left = await Promise.all([
    unless(GONE, () => cloud.send(IAMClient, new GetRoleCommand(role), call)),
    unless(GONE, () => cloud.send(IAMClient, new GetInstanceProfileCommand(profile), call)),
  ]);
  if (left.some((answer) => answer !== undefined)) return 'requested';
  return profileDeleted === undefined || roleDeleted === undefined ? 'absent' : 'destroyed';
}

/** A role that others hung policies on is in their way, not in ours: it was made for this spin alone. */
async function deleteRole(cloud: Cloud, RoleName: string, call: Call): Promise<DeleteRoleCommandOutput> {
  try {
    return await cloud.send(IAMClient, new DeleteRoleCommand({ RoleName }), call);
  } catch (thrown) {
    if (!isClass(thrown, 'DeleteConflict')) throw thrown;
    const [attached, inline] = await Promise.all([
      cloud.send(IAMClient, new ListAttachedRolePoliciesCommand({ RoleName }), call),
      cloud.send(IAMClient, new ListRolePoliciesCommand({ RoleName }), call),
    ]);
    await Promise.all([
      ...(attached.AttachedPolicies ?? []).map(({ PolicyArn }) =>
        unless(GONE, () => cloud.send(IAMClient, new DetachRolePolicyCommand({ RoleName, PolicyArn }), call)),
      ),
      ...(inline.PolicyNames ?? []).map((PolicyName) =>
        unless(GONE, () => cloud.send(IAMClient, new DeleteRolePolicyCommand({ RoleName, PolicyName }), call)),
      ),
    ]);
    return cloud.send(IAMClient, new DeleteRoleCommand({ RoleName }), call);
  }
}

function described(id: SpinId, stateTag: string, orphanSince?: number): string {
  const mark = orphanSince === undefined ? '' : `, orphan since ${isoTime(orphanSince)}`;
  return `Instances of spin ${id}, state ${stateTag}${mark}`;
}

function stateIn(description: string | undefined): string | undefined {
  return / state (\w+)(?:, orphan since \S+)?$/.exec(description ?? '')?.[1];
}

function markIn(description: string | undefined): string | undefined {
  return /, orphan since (\S+)$/.exec(description ?? '')?.[1];
}

async function stateOfRole(cloud: Cloud, RoleName: string, call: Call): Promise<string | undefined> {
  const answer = await unless(GONE, () => cloud.send(IAMClient, new GetRoleCommand({ RoleName }), call));
  return tagsFrom(answer?.Role?.Tags)[OWNED.state];
}

async function stateOfProfile(cloud: Cloud, InstanceProfileName: string, call: Call): Promise<string | undefined> {
  const answer = await unless(GONE, () => cloud.send(IAMClient, new GetInstanceProfileCommand({ InstanceProfileName }), call));
  return tagsFrom(answer?.InstanceProfile?.Tags)[OWNED.state];
}

function foreign(what: string): Fault {
  return new Fault('conflict', 'name-taken', `${what} exists already and is not of this spin`);
}
