import {
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeTagsCommand,
  DescribeVolumesCommand,
  EC2Client,
  type Filter,
} from '@aws-sdk/client-ec2';
import { OWNED } from '../../../core/tags.ts';
import type { SpinId } from '../../../core/ids.ts';
import type { Call, Check, SpinRef } from '../../provider.ts';
import { aheadPerCloud } from '../ahead.ts';
import type { Cloud } from '../cloud.ts';
import { unless } from '../fault-class.ts';
import { type Owner, ownerOf, type TagEntry, tagsFrom } from '../ownership.ts';
import { allPages } from '../pages.ts';
import { Together } from '../together.ts';
import { check, judged } from './checks.ts';

/** Something that carries the ID of a spin. */
interface Thing {
  readonly id: string;
  readonly owner: Owner;
}

/** As many values as one filter of EC2 may have. */
const MOST_VALUES = 200;
const SHOWN = 3;
const things = new WeakMap<Cloud, Together<Thing>>();
const earlyOf = aheadPerCloud<readonly Thing[]>();

/**
 * One spin ID is one environment: what carries the ID and is of another life, or of another state location, is in the way.
 * @param onNothing told where nothing at all carries the ID, not even what is of this life
 * @throws Fault
 */
export function checkLeftovers(cloud: Cloud, spin: SpinRef, call: Call, onNothing: () => void): Promise<readonly Check[]> {
  // Whoever waited for a `down` of the same ID asked ahead while that was still at work.
  return judged(async (fresh) => {
    const { value: all, kept } = await earlyOf(cloud).take(spin.id, call, () => thingsOf(cloud).of([spin.id], call), fresh);
    if (all.length === 0) onNothing();
    return { checks: [leftovers(cloud, spin, all)], kept };
  });
}

export function askLeftoversAhead(cloud: Cloud, id: SpinId, call: Call): void {
  earlyOf(cloud).start(id, call, () => thingsOf(cloud).of([id], call));
}

function leftovers(cloud: Cloud, spin: SpinRef, all: readonly Thing[]): Check {
  const { stateTag } = cloud.options;
  // Of this life too, where another state location took it over.
  const found = all.filter(({ owner }) => owner.incarnation !== spin.incarnation || owner.state !== stateTag);
  const foreign = found.filter(({ owner }) => owner.state !== stateTag);
  const own = found.filter((thing) => !foreign.includes(thing));
  if (found.length === 0) return check('leftovers', true, `nothing else carries the ID ${spin.id}`);
  if (foreign.length > 0) {
    const detail = `${list(foreign)} in ${cloud.region} carry the ID ${spin.id} and are of another state location (${foreign[0]?.owner.state})`;
    return check('leftovers', false, detail, `choose another ID, or work with that state; spin adopt ${spin.id} takes it over`);
  }
  return check('leftovers', false, `${list(own)} in ${cloud.region} are left of an earlier ${spin.id}`, `spin down ${spin.id}`);
}

function list(found: readonly Thing[]): string {
  const ids = found.slice(0, SHOWN).map(({ id }) => id);
  return found.length > SHOWN ? `${ids.join(', ')} and ${found.length - SHOWN} more` : ids.join(', ');
}

function thingsOf(cloud: Cloud): Together<Thing> {
  const together =
    things.get(cloud) ??
    new Together<Thing>({
      most: MOST_VALUES,
      keyOf: ({ owner }) => owner.id,
      ask: async (ids, call) => {
        // An emulator that lacks the call may well have the lists.
        const borne = (await unless(['unimplemented'], () => borneOf(cloud, ids, call))) ?? ids;
        if (borne.length === 0) return [];
        const tagged = { Name: `tag:${OWNED.id}`, Values: [...borne] };
        return (await Promise.all([instances(cloud, tagged, call), volumes(cloud, tagged, call), groups(cloud, tagged, call)])).flat();
      },
    });
  things.set(cloud, together);
  return together;
}

/**
 * Those of the IDs that an instance, a volume or a security group carries, whatever has become of it: one question instead of three, and
 * mostly the only one. It is about the tags themselves, as filters by tag are. A list of all instances, as quotas need it, would not do:
 * tags may be missing there, as AWS support is quoted in https://github.com/ansible/ansible/pull/12642.
 */
async function borneOf(cloud: Cloud, ids: readonly string[], call: Call): Promise<readonly string[]> {
  const Filters = [
    { Name: 'key', Values: [OWNED.id] },
    { Name: 'value', Values: [...ids] },
    { Name: 'resource-type', Values: ['instance', 'volume', 'security-group'] },
  ];
  const found = await allPages(async (NextToken) => {
    const page = await cloud.send(EC2Client, new DescribeTagsCommand({ Filters, MaxResults: 1_000, NextToken }), call);
    return { items: page.Tags, next: page.NextToken };
  });
  const values = new Set(found.map(({ Value }) => Value));
  return ids.filter((id) => values.has(id));
}

async function instances(cloud: Cloud, tagged: Filter, call: Call): Promise<readonly Thing[]> {
  // What is shutting down costs nothing any more and goes by itself.
  const living = { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] };
  const reservations = await allPages(async (NextToken) => {
    const command = new DescribeInstancesCommand({ Filters: [tagged, living], MaxResults: 1_000, NextToken });
    const page = await cloud.send(EC2Client, command, call);
    return { items: page.Reservations, next: page.NextToken };
  });
  return reservations.flatMap(({ Instances }) => (Instances ?? []).flatMap(({ InstanceId, Tags }) => thing(InstanceId, Tags)));
}

async function volumes(cloud: Cloud, tagged: Filter, call: Call): Promise<readonly Thing[]> {
  const found = await allPages(async (NextToken) => {
    const page = await cloud.send(EC2Client, new DescribeVolumesCommand({ Filters: [tagged], MaxResults: 500, NextToken }), call);
    return { items: page.Volumes, next: page.NextToken };
  });
  // A root disk goes with its instance, which is told by itself.
  const own = found.filter(
    ({ Attachments, State }) => State !== 'deleting' && Attachments?.some((one) => one.DeleteOnTermination) !== true,
  );
  return own.flatMap(({ VolumeId, Tags }) => thing(VolumeId, Tags));
}

async function groups(cloud: Cloud, tagged: Filter, call: Call): Promise<readonly Thing[]> {
  const found = await allPages(async (NextToken) => {
    const page = await cloud.send(EC2Client, new DescribeSecurityGroupsCommand({ Filters: [tagged], MaxResults: 1_000, NextToken }), call);
    return { items: page.SecurityGroups, next: page.NextToken };
  });
  return found.flatMap(({ GroupId, Tags }) => thing(GroupId, Tags));
}

function thing(id: string | undefined, tags: readonly TagEntry[] | undefined): readonly Thing[] {
  const owner = ownerOf(tagsFrom(tags));
  return id === undefined || owner === undefined ? [] : [{ id, owner }];
}
