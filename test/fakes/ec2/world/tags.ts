import type { ResourceType, Tag, TagSpecification } from '@aws-sdk/client-ec2';
import { invalidValue, refuse } from '../protocol/refusal.ts';

const MOST = 50;
const KEY_LENGTH = 128;
const VALUE_LENGTH = 256;

/** Tags by the kind of thing that they are for. */
export type TagsFor = (type: ResourceType) => Map<string, string>;

/**
 * Reads the tags of a creating request.
 * @param allowed kinds that the request makes
 * @throws Refusal
 */
export function tagsOf(specifications: readonly TagSpecification[] | undefined, allowed: readonly ResourceType[]): TagsFor {
  const byType = new Map<ResourceType, Map<string, string>>();
  for (const { ResourceType: type, Tags: tags } of specifications ?? []) {
    if (type === undefined) refuse('MissingParameter', 'Tag specification resource type must have a value');
    if (!allowed.includes(type)) invalidValue(`'${type}' is not a valid taggable resource type for this operation.`);
    if (byType.has(type)) invalidValue(`Duplicate tag specification for resource type '${type}'`);
    const map = new Map<string, string>();
    for (const tag of tags ?? []) {
      const key = checkKey(tag);
      if (map.has(key)) invalidValue(`Duplicate tag key '${key}' specified.`);
      map.set(key, tag.Value ?? '');
    }
    checkCount(map);
    byType.set(type, map);
  }
  return (type) => new Map(byType.get(type));
}

/** @throws Refusal where a tag is not allowed, or there would be too many */
export function setTags(tags: Map<string, string>, changes: readonly Tag[]): void {
  const after = new Map(tags);
  for (const tag of changes) after.set(checkKey(tag), tag.Value ?? '');
  checkCount(after);
  for (const [key, value] of after) tags.set(key, value);
}

/** A tag without a value goes whatever its value; one with a value only where it is the same. No tags at all: every one goes. */
export function removeTags(tags: Map<string, string>, gone: readonly Tag[] | undefined): void {
  if (gone === undefined || gone.length === 0) {
    tags.clear();
    return;
  }
  for (const { Key: key = '', Value: value } of gone) if (value === undefined || tags.get(key) === value) tags.delete(key);
}

/** The element of an answer; absent where there are none. */
export function tagSet(tags: ReadonlyMap<string, string>): { Tags?: Tag[] } {
  return tags.size === 0 ? {} : { Tags: tagList(tags) };
}

export function tagList(tags: ReadonlyMap<string, string>): Tag[] {
  return [...tags].map(([Key, Value]) => ({ Key, Value }));
}

function checkKey(tag: Tag): string {
  const key = tag.Key ?? '';
  if (key === '') invalidValue('Tag key cannot be empty.');
  if (key.length > KEY_LENGTH) invalidValue(`Tag key exceeds the maximum length of ${KEY_LENGTH} characters`);
  if ((tag.Value ?? '').length > VALUE_LENGTH) invalidValue(`Tag value exceeds the maximum length of ${VALUE_LENGTH} characters`);
  if (key.toLowerCase().startsWith('aws:')) invalidValue("Tag keys starting with 'aws:' are reserved for internal use");
  return key;
}

function checkCount(tags: ReadonlyMap<string, string>): void {
  if (tags.size > MOST) refuse('TagLimitExceeded', 'The maximum number of Tags for a resource has been reached.');
}
