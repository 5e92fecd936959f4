import {
  CreateDBSubnetGroupCommand,
  type DBSubnetGroup,
  DeleteDBSubnetGroupCommand,
  DescribeDBSubnetGroupsCommand,
  ListTagsForResourceCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import { OWNED } from '../../../core/tags.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, Found, InventoryScope } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { isClass, unless } from '../fault-class.ts';
import { creationTags, inScope, markedSince, ownerOf, tagsFrom } from '../ownership.ts';
import { allPages } from '../pages.ts';

/** Where the config names subnets, a restored database lives in their VPC, which takes a subnet group; else RDS uses the default VPC's. */

const GONE = ['DBSubnetGroupNotFound'];

/** Makes the group, named as the database is. @returns its name; undefined where the default one will do @throws Fault */
export async function createSubnetGroup(cloud: Cloud, request: CreateRequest, name: string, call: Call): Promise<string | undefined> {
  const { subnets } = cloud.options.settings;
  if (subnets.length === 0) return undefined;
  const command = new CreateDBSubnetGroupCommand({
    DBSubnetGroupName: name,
    DBSubnetGroupDescription: `Database of spin ${request.spin.id}`,
    SubnetIds: [...subnets],
    Tags: creationTags(request),
  });
  // The name is derived from the incarnation and the key: what has it was made by this request.
  await unless(['DBSubnetGroupAlreadyExists'], () => cloud.send(RDSClient, command, call));
  return name;
}

/** `absent` also where there never was one. @throws Fault `transient` while the database still uses it */
export async function removeSubnetGroup(cloud: Cloud, name: string, call: Call): Promise<'requested' | 'absent'> {
  try {
    await unless(GONE, () => cloud.send(RDSClient, new DeleteDBSubnetGroupCommand({ DBSubnetGroupName: name }), call));
    return 'absent';
  } catch (thrown) {
    if (!isClass(thrown, 'InvalidDBSubnetGroupState')) throw thrown;
    throw new Fault('transient', thrown.class, `subnet group ${name} is still used by a database`, { cause: thrown });
  }
}

/** Their tags are no part of the list: one request more for each that bears a name of ours. @throws Fault */
export async function listSubnetGroups(cloud: Cloud, scope: InventoryScope, call: Call): Promise<readonly Found[]> {
  // Without subnets in the config none is ever made; those of another config are found where that one sweeps.
  if (cloud.options.settings.subnets.length === 0) return [];
  const groups = await allPages(async (Marker) => {
    const page = await cloud.send(RDSClient, new DescribeDBSubnetGroupsCommand({ Marker, MaxRecords: 100 }), call);
    return { items: page.DBSubnetGroups, next: page.Marker };
  });
  const ours = groups.filter(({ DBSubnetGroupName: name }) => name?.startsWith('spin-') === true);
  return (await Promise.all(ours.map((group) => foundOf(cloud, group, scope, call)))).flat();
}

async function foundOf(
  cloud: Cloud,
  { DBSubnetGroupName: name, DBSubnetGroupArn: arn }: DBSubnetGroup,
  scope: InventoryScope,
  call: Call,
): Promise<Found[]> {
  const answer = await unless(GONE, () => cloud.send(RDSClient, new ListTagsForResourceCommand({ ResourceName: arn }), call));
  const tags = tagsFrom(answer?.TagList);
  const owner = ownerOf(tags);
  if (name === undefined || owner === undefined || !inScope(owner, scope, cloud.options.stateTag)) return [];
  const { id, incarnation, resource } = owner;
  const place = { region: cloud.region };
  return [
    {
      provider: 'aws',
      id,
      incarnation,
      resource,
      kind: 'database',
      what: `subnet group ${name}`,
      place,
      tags,
      ...markedSince(tags[OWNED.orphan]),
      handle: { subnetGroup: name, arn },
    },
  ];
}
