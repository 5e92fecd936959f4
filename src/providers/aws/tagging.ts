import { CreateTagsCommand, DeleteTagsCommand, DescribeTagsCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { Tags } from '../../core/tags.ts';
import type { Call } from '../provider.ts';
import type { Cloud } from './cloud.ts';
import { isClass } from './fault-class.ts';
import { inParts } from './pages.ts';

/** CreateTags takes 1,000 resources; AWS recommends smaller parts (CreateTags, API reference). */
const RESOURCES_PER_REQUEST = 200;

const GONE = [
  'InvalidInstanceID.NotFound',
  'InvalidVolume.NotFound',
  'InvalidGroup.NotFound',
  'InvalidNetworkInterfaceID.NotFound',
  'InvalidSpotInstanceRequestID.NotFound',
  'InvalidSecurityGroupRuleId.NotFound',
  'InvalidID',
];
/** Where a permission depends on a tag, what is gone has none, and AWS says that it is not allowed. */
const DENIED = 'UnauthorizedOperation';

/** Tags to put on, and names of tags to take off. */
export interface TagChange {
  readonly put: Tags;
  readonly drop: readonly string[];
}

/** Changes tags of what EC2 has, by ID; what is gone by now is left out. @throws Fault, `denied` only for what is still there */
export async function changeTags(cloud: Cloud, ids: readonly string[], change: TagChange, call: Call): Promise<void> {
  for (const part of inParts(ids, RESOURCES_PER_REQUEST)) await changePart(cloud, part, change, call);
}

/** One that is gone makes AWS refuse the whole part: what is left is found by halves. */
async function changePart(cloud: Cloud, ids: readonly string[], change: TagChange, call: Call): Promise<void> {
  try {
    await send(cloud, [...ids], change, call);
  } catch (thrown) {
    if (!isClass(thrown, ...GONE, DENIED)) throw thrown;
    if (ids.length === 1) {
      if (isClass(thrown, DENIED) && (await isTagged(cloud, ids, call))) throw thrown;
      return;
    }
    const half = Math.ceil(ids.length / 2);
    await changePart(cloud, ids.slice(0, half), change, call);
    await changePart(cloud, ids.slice(half), change, call);
  }
}

async function send(cloud: Cloud, Resources: string[], { put, drop }: TagChange, call: Call): Promise<void> {
  const Tags = Object.entries(put).map(([Key, Value]) => ({ Key, Value }));
  if (Tags.length > 0) await cloud.send(EC2Client, new CreateTagsCommand({ Resources, Tags }), call);
  if (drop.length > 0) await cloud.send(EC2Client, new DeleteTagsCommand({ Resources, Tags: drop.map((Key) => ({ Key })) }), call);
}

/** All that is ours carries tags, for as long as it is there. */
async function isTagged(cloud: Cloud, ids: readonly string[], call: Call): Promise<boolean> {
  const Filters = [{ Name: 'resource-id', Values: [...ids] }];
  const { Tags = [] } = await cloud.send(EC2Client, new DescribeTagsCommand({ Filters }), call);
  return Tags.length > 0;
}
