import { DescribeNetworkInterfacesCommand, DeleteNetworkInterfaceCommand, EC2Client, type Filter } from '@aws-sdk/client-ec2';
import { InternalError } from '../../../core/errors.ts';
import { OWNED, type Tags } from '../../../core/tags.ts';
import type { Call, Found, InventoryScope } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { Fault } from '../../fault.ts';
import { isClass } from '../fault-class.ts';
import { deleteGroup } from '../network/firewalls.ts';
import { groupsWith } from '../network/groups.ts';
import { terminate } from '../instances/ending.ts';
import { describeMachine, isGone } from '../instances/machine.ts';
import { machinesWith } from '../instances/machines.ts';
import { handleText } from '../observing.ts';
import { inScope, markedSince, type Owner, ownerOf, tagsFrom } from '../ownership.ts';
import { allPages, inParts } from '../pages.ts';
import type { Region } from '../region.ts';
import { drain } from '../register/draining.ts';
import { changeTags } from '../tagging.ts';

/** The part of an inventory that EC2 answers in one region, but for volumes: instances, security groups, and network interfaces of nobody. */

/** As many values as one filter of EC2 may have. */
const MOST_VALUES = 200;
/** How long a drain may hold the end of instances up: whoever asks for it has five minutes, and they need some of that to shut down. */
const DRAIN_LIMIT_MS = 120_000;

/** @throws Fault */
export async function listInstances({ cloud }: Region, scope: InventoryScope, call: Call): Promise<readonly Found[]> {
  const machines = await machinesWith(cloud, filtersOf(cloud, scope), call);
  return machines
    .filter((machine) => !isGone(machine) && inScope(machine.owner, scope, cloud.options.stateTag))
    .map((machine) => ({
      ...foundOf(cloud, machine.owner, machine.tags, machine.account),
      kind: 'service',
      what: `instance ${describeMachine(machine)}, ${machine.state}`,
      createdAt: machine.launchedAt,
      handle: { machine: machine.id },
    }));
}

/** @throws Fault */
export async function listGroups({ cloud }: Region, scope: InventoryScope, call: Call): Promise<readonly Found[]> {
  const groups = await groupsWith(cloud, filtersOf(cloud, scope), call);
  return groups
    .filter(({ owner }) => inScope(owner, scope, cloud.options.stateTag))
    .map((group) => ({
      ...foundOf(cloud, group.owner, group.tags, group.account),
      kind: 'firewall',
      what: `security group ${group.id} (${group.name})`,
      handle: { group: group.id },
    }));
}

/** Interfaces that no instance holds: those of instances go with them. @throws Fault */
export async function listInterfaces({ cloud }: Region, scope: InventoryScope, call: Call): Promise<readonly Found[]> {
  const Filters = [...filtersOf(cloud, scope), { Name: 'status', Values: ['available'] }];
  const interfaces = await allPages(async (from) => {
    const next = from === undefined ? {} : { NextToken: from };
    const command = new DescribeNetworkInterfacesCommand({ Filters, MaxResults: 1_000, ...next });
    const { NetworkInterfaces, NextToken } = await cloud.send(EC2Client, command, call);
    return { items: NetworkInterfaces, next: NextToken };
  });
  return interfaces.flatMap(({ NetworkInterfaceId, TagSet, OwnerId, Attachment }): Found[] => {
    const tags = tagsFrom(TagSet);
    const owner = ownerOf(tags);
    const held = Attachment?.Status === 'attached' || Attachment?.Status === 'attaching';
    if (NetworkInterfaceId === undefined || owner === undefined || held || !inScope(owner, scope, cloud.options.stateTag)) return [];
    return [
      {
        ...foundOf(cloud, owner, tags, OwnerId),
        kind: 'service',
        what: `network interface ${NetworkInterfaceId}`,
        handle: { interface: NetworkInterfaceId },
      },
    ];
  });
}

/**
 * Ends instances, those of one spin with one request, when they are out of the target groups and requests under way have ended, or their
 * time is up.
 * @param targetGroups ARNs of those that were found beside them
 * @throws Fault
 */
export async function reclaimInstances(
  region: Region,
  found: readonly Found[],
  targetGroups: readonly string[],
  call: Call,
): Promise<'requested' | 'absent'> {
  const ids = new Set(found.map((thing) => idOf(thing, 'machine')));
  const incarnations = [...new Set(found.map(({ incarnation }) => incarnation))];
  const parts = inParts(incarnations, MOST_VALUES).map((Values) =>
    machinesWith(region.cloud, [{ Name: `tag:${OWNED.incarnation}`, Values }], call),
  );
  const there = (await Promise.all(parts)).flat().filter((machine) => ids.has(machine.id) && !isGone(machine));
  const staying = there.filter(({ state }) => state !== 'shutting-down');
  if (staying.length > 0) await drainFound(region, new Set(staying.map(({ id }) => id)), targetGroups, call);
  await terminate(region, staying, call);
  return there.length === 0 ? 'absent' : 'requested';
}

/** What is not allowed, or not understood, holds nothing up: what costs must end. */
async function drainFound({ cloud }: Region, machines: ReadonlySet<string>, targetGroups: readonly string[], call: Call): Promise<void> {
  try {
    await drain(cloud, { targetGroups, machines, limitMs: DRAIN_LIMIT_MS }, call);
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.passes) throw thrown;
  }
}

/** Deletes groups, and the rights that they have in each other. @throws Fault */
export async function reclaimGroups(region: Region, found: readonly Found[], call: Call): Promise<'requested' | 'absent'> {
  const incarnations = [...new Set(found.map(({ incarnation }) => incarnation))];
  const parts = inParts(incarnations, MOST_VALUES).map((Values) =>
    groupsWith(region.cloud, [{ Name: `tag:${OWNED.incarnation}`, Values: [...Values] }], call),
  );
  const groups = (await Promise.all(parts)).flat();
  let left = 0;
  for (const thing of found) {
    const id = idOf(thing, 'group');
    if (!groups.some((group) => group.id === id)) continue;
    const { gone } = await deleteGroup(region, id, groups, call);
    if (gone === 'not-yet') left += 1;
  }
  return left === 0 ? 'absent' : 'requested';
}

/** @throws Fault */
export async function reclaimInterface({ cloud }: Region, found: Found, call: Call): Promise<'requested' | 'absent'> {
  const NetworkInterfaceId = idOf(found, 'interface');
  try {
    await cloud.send(EC2Client, new DeleteNetworkInterfaceCommand({ NetworkInterfaceId }), call);
    return 'absent';
  } catch (thrown) {
    if (isClass(thrown, 'InvalidNetworkInterfaceID.NotFound')) return 'absent';
    if (isClass(thrown, 'InvalidParameterValue', 'InvalidNetworkInterface.InUse', 'DependencyViolation')) return 'requested';
    throw thrown;
  }
}

/** Puts tags on things of EC2, or takes the mark of an orphan away. Those that are gone by now are left out. @throws Fault */
export async function retag({ cloud }: Region, found: readonly Found[], tags: Tags, without: readonly string[], call: Call): Promise<void> {
  await changeTags(cloud, found.flatMap(taggable), { put: tags, drop: without }, call);
}

/** ID of a thing that EC2 puts tags on; none for what is of other services. */
export function taggable({ handle }: Found): readonly string[] {
  return ['machine', 'group', 'interface', 'volume'].flatMap((name) => handleText(handle, name) ?? []);
}

function filtersOf({ options }: Cloud, { id, everyone }: InventoryScope): { Name: string; Values: string[] }[] {
  const whose: Filter & { Name: string; Values: string[] } =
    everyone === true ? { Name: 'tag-key', Values: [OWNED.state] } : { Name: `tag:${OWNED.state}`, Values: [options.stateTag] };
  return [whose, ...(id === undefined ? [] : [{ Name: `tag:${OWNED.id}`, Values: [id] }])];
}

function foundOf({ region }: Cloud, owner: Owner, tags: Tags, account: string | undefined) {
  return {
    provider: 'aws',
    id: owner.id,
    incarnation: owner.incarnation,
    resource: owner.resource,
    place: { region, ...(account === undefined ? {} : { account }) },
    tags,
    ...markedSince(tags[OWNED.orphan]),
  };
}

function idOf({ handle, what }: Found, name: string): string {
  const id = handleText(handle, name);
  if (id === undefined) throw new InternalError(`${what} was found without its ID`);
  return id;
}
