import { type Answer, errorAnswer } from './answers.ts';
import type { Call } from './call.ts';
import type { States } from './states.ts';
import { type Element, find, itemsOf, keepItems, textAt } from './xml.ts';

/** What EC2 says of an ID that it does not know, by the prefix of the ID. */
const NOT_FOUND: Readonly<Record<string, readonly [code: string, message: (id: string) => string]>> = {
  i: ['InvalidInstanceID.NotFound', (id) => `The instance ID '${id}' does not exist`],
  sg: ['InvalidGroup.NotFound', (id) => `The security group '${id}' does not exist`],
  vol: ['InvalidVolume.NotFound', (id) => `The volume '${id}' does not exist.`],
  eni: ['InvalidNetworkInterfaceID.NotFound', (id) => `The networkInterface ID '${id}' does not exist`],
};

/** Where the answers to creating calls tell the ID of what was made. */
const MADE: Readonly<Record<string, readonly string[]>> = {
  CreateSecurityGroup: ['groupId'],
  CreateVolume: ['volumeId'],
  CreateNetworkInterface: ['networkInterface', 'networkInterfaceId'],
};

/** Where lists tell whose their items are. */
const LISTS: Readonly<Record<string, readonly [list: string, id: string]>> = {
  DescribeNetworkInterfaces: ['networkInterfaceSet', 'networkInterfaceId'],
  DescribeSecurityGroups: ['securityGroupInfo', 'groupId'],
  DescribeSecurityGroupRules: ['securityGroupRuleSet', 'groupId'],
  DescribeTags: ['tagSet', 'resourceId'],
  DescribeVolumes: ['volumeSet', 'volumeId'],
};

/** Refuses a call that names, whether as its object or in a filter, what cannot be seen. */
export function refuseHidden(call: Call, states: States): Answer | undefined {
  for (const [name, value] of call.params) {
    const kind = /^(i|sg|vol|eni)-[0-9a-f]+$/.exec(value)?.[1];
    if (kind === undefined || name.startsWith('Filter.') || !states.hides(value)) continue;
    const row = NOT_FOUND[kind];
    if (row !== undefined) return errorAnswer(call, 400, row[0], row[1](value));
  }
  return undefined;
}

/** Notes what an answer to a creating call has made. */
export function noteMade(action: string, answer: Element, states: States): void {
  const id = MADE[action] === undefined ? '' : textAt(answer, ...MADE[action]);
  if (id !== '') states.appear(id);
}

/** True where the answer to this call has to be read. */
export function tellsOfThings(action: string): boolean {
  return action in MADE || action in LISTS;
}

/** Leaves out of a list what cannot be seen. */
export function rewriteList(action: string, answer: Element, states: States): readonly Element[] {
  const row = LISTS[action];
  if (row === undefined) return [];
  const [list, id] = row;
  keepItems(find(answer, list), (item) => !states.hides(textAt(item, id)));
  return itemsOf(answer, list);
}
