import { CreateTagsCommand, DescribeTagsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { isoTime } from '../../../core/clock.ts';
import { OWNED } from '../../../core/tags.ts';
import type { Call, SpinRef } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { isClass } from '../fault-class.ts';
import { allPages, inParts } from '../pages.ts';

/**
 * The deadline as a tag of everything that EC2 has of a spin. The timer inside each instance reads it, and so does whoever sweeps without
 * a record.
 */

/** CreateTags takes 1,000 resources; AWS recommends smaller parts (CreateTags, API reference). */
const RESOURCES_PER_REQUEST = 200;

/**
 * Writes the deadline on all of a spin's EC2 resources that say another one; the instances last, so that where they all agree the rest
 * does too. Two requests where nothing is to be changed. @throws Fault
 */
export async function moveDeadline(cloud: Cloud, spin: SpinRef, deadline: number, call: Call): Promise<void> {
  const value = isoTime(deadline);
  const [all, agreeing] = await Promise.all([
    resourcesWith(cloud, OWNED.incarnation, spin.incarnation, call),
    resourcesWith(cloud, OWNED.deadline, value, call),
  ]);
  const known = new Set(agreeing.map(({ id }) => id));
  const stale = all.filter(({ id }) => !known.has(id));
  const ordered = [...stale.filter(({ type }) => type !== 'instance'), ...stale.filter(({ type }) => type === 'instance')];
  for (const part of inParts(ordered, RESOURCES_PER_REQUEST)) {
    await tag(
      cloud,
      part.map(({ id }) => id),
      value,
      call,
    );
  }
}

interface Tagged {
  readonly id: string;
  readonly type: string;
}

async function resourcesWith(cloud: Cloud, key: string, value: string, call: Call): Promise<readonly Tagged[]> {
  const Filters = [
    { Name: 'key', Values: [key] },
    { Name: 'value', Values: [value] },
  ];
  const tags = await allPages(async (NextToken) => {
    const page = await cloud.send(EC2Client, new DescribeTagsCommand({ Filters, MaxResults: 1_000, NextToken }), call);
    return { items: page.Tags, next: page.NextToken };
  });
  return tags.flatMap(({ ResourceId, ResourceType }) => (ResourceId === undefined ? [] : [{ id: ResourceId, type: ResourceType ?? '' }]));
}

/** One that is gone by now makes AWS refuse the whole part: what is left is found by halves. */
async function tag(cloud: Cloud, Resources: readonly string[], deadline: string, call: Call): Promise<void> {
  try {
    const command = new CreateTagsCommand({ Resources: [...Resources], Tags: [{ Key: OWNED.deadline, Value: deadline }] });
    await cloud.send(EC2Client, command, call);
  } catch (thrown) {
    if (!isGone(thrown)) throw thrown;
    if (Resources.length === 1) return;
    const half = Math.ceil(Resources.length / 2);
    await tag(cloud, Resources.slice(0, half), deadline, call);
    await tag(cloud, Resources.slice(half), deadline, call);
  }
}

function isGone(thrown: unknown): boolean {
  return isClass(
    thrown,
    'InvalidInstanceID.NotFound',
    'InvalidVolume.NotFound',
    'InvalidGroup.NotFound',
    'InvalidNetworkInterfaceID.NotFound',
    'InvalidSpotInstanceRequestID.NotFound',
    'InvalidSecurityGroupRuleId.NotFound',
    'InvalidID',
  );
}
