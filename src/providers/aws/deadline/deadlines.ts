import { DescribeTagsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { isoTime } from '../../../core/clock.ts';
import { OWNED } from '../../../core/tags.ts';
import type { Call, SpinRef } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { allPages } from '../pages.ts';
import { changeTags } from '../tagging.ts';

/**
 * The deadline as a tag of everything that EC2 has of a spin. The timer inside each instance reads it, and so does whoever sweeps without
 * a record.
 */

/**
 * Writes the deadline on all of a spin's EC2 resources that say another one, and that no other state location took over; the instances last,
 * so that where they all agree the rest does too. Three requests where nothing is to be changed. @throws Fault
 */
export async function moveDeadline(cloud: Cloud, spin: SpinRef, deadline: number, call: Call): Promise<void> {
  const value = isoTime(deadline);
  const [all, agreeing, ours] = await Promise.all([
    resourcesWith(cloud, OWNED.incarnation, spin.incarnation, call),
    idsWith(cloud, OWNED.deadline, value, call),
    idsWith(cloud, OWNED.state, cloud.options.stateTag, call),
  ]);
  const stale = all.filter(({ id }) => ours.has(id) && !agreeing.has(id));
  const ordered = [...stale.filter(({ type }) => type !== 'instance'), ...stale.filter(({ type }) => type === 'instance')];
  await changeTags(
    cloud,
    ordered.map(({ id }) => id),
    { put: { [OWNED.deadline]: value }, drop: [] },
    call,
  );
}

async function idsWith(cloud: Cloud, key: string, value: string, call: Call): Promise<ReadonlySet<string>> {
  return new Set((await resourcesWith(cloud, key, value, call)).map(({ id }) => id));
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
