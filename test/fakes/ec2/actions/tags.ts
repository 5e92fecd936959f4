import { CreateTags$, DeleteTags$, DescribeTags$ } from '@aws-sdk/client-ec2';
import type { CreateTagsRequest, DeleteTagsRequest, DescribeTagsRequest, DescribeTagsResult } from '@aws-sdk/client-ec2';
import { select } from '../filters.ts';
import { page } from '../pages.ts';
import { refuse } from '../protocol/refusal.ts';
import { removeTags, setTags } from '../world/tags.ts';
import type { Thing } from '../world/things.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';

export const TAG_ACTIONS: readonly Action[] = [
  action<CreateTagsRequest>(CreateTags$, ['Resources', 'Tags'], createTags),
  action<DeleteTagsRequest>(DeleteTags$, ['Resources', 'Tags'], deleteTags),
  action<DescribeTagsRequest>(DescribeTags$, ['Filters', 'MaxResults', 'NextToken'], describeTags),
];

const MOST_RESOURCES = 1000;

/** All or none: every resource is looked up, and every count checked, before a tag is set. */
function createTags(context: Context, { Resources: ids = [], Tags: tags = [] }: CreateTagsRequest): object {
  const things = thingsOf(context, ids);
  for (const thing of things) setTags(new Map(thing.tags), tags);
  for (const thing of things) setTags(thing.tags, tags);
  return {};
}

function deleteTags(context: Context, { Resources: ids = [], Tags: tags }: DeleteTagsRequest): object {
  for (const thing of thingsOf(context, ids)) removeTags(thing.tags, tags);
  return {};
}

function thingsOf({ region }: Context, ids: readonly string[]): readonly Thing[] {
  if (ids.length > MOST_RESOURCES) refuse('InvalidParameterValue', `A maximum of ${MOST_RESOURCES} resources may be tagged in one request`);
  return ids.map((id) => region.anything(id));
}

/** 50 tags are the most that a thing may have: a place in the list is that of the thing, and of the tag on it. */
const PLACES = 64;

function describeTags({ region }: Context, input: DescribeTagsRequest): DescribeTagsResult {
  const all = region
    .tagged()
    .flatMap((thing) => [...thing.tags].map(([key, value], n) => ({ key, value, thing, at: thing.serial * PLACES + n })));
  // `tag:K` is a value of the key here, not a tag of what is listed.
  const byTag = Object.fromEntries(
    (input.Filters ?? [])
      .flatMap(({ Name: name = '' }) => (name.startsWith('tag:') ? [name] : []))
      .map((name) => [name, (tag: (typeof all)[number]) => (tag.key === name.slice('tag:'.length) ? tag.value : undefined)]),
  );
  const found = select(all, input.Filters, {
    ...byTag,
    key: ({ key }) => key,
    value: ({ value }) => value,
    'resource-id': ({ thing }) => thing.id,
    'resource-type': ({ thing }) => thing.type,
  });
  const { items, ...next } = page(found, input, { of: 'DescribeTags', size: region.world.options.pageSize, position: ({ at }) => at });
  return {
    Tags: items.map(({ key, value, thing }) => ({ Key: key, Value: value, ResourceId: thing.id, ResourceType: thing.type })),
    ...next,
  };
}
