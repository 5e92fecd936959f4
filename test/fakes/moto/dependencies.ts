import { type Answer, errorAnswer } from './answers.ts';
import { asking, type Call } from './call.ts';
import { stateIn } from './instances.ts';
import type { States } from './states.ts';
import { type Element, itemsOf, textAt } from './xml.ts';

/** Asks moto itself. */
export type Ask = (call: Call) => Promise<Element>;

const LIVING = ['pending', 'running', 'stopping', 'stopped'] as const;

/** Refuses to delete a security group that something still needs, and the default one, as moto never does. */
export async function refuseNeededGroup(call: Call, ask: Ask, states: States): Promise<Answer | undefined> {
  const group = await groupOf(call, ask);
  if (group === undefined) return undefined;
  const { id, name } = group;
  if (name === 'default') {
    return errorAnswer(call, 400, 'CannotDelete', `the specified group: "${id}" name: "default" cannot be deleted by a user`);
  }
  const needed = await Promise.all([
    neededByInstance(call, id, ask, states),
    neededByInterface(call, id, ask, states),
    neededByGroup(call, id, ask),
  ]);
  return needed.includes(true) ? errorAnswer(call, 400, 'DependencyViolation', `resource ${id} has a dependent object`) : undefined;
}

async function groupOf(call: Call, ask: Ask): Promise<{ readonly id: string; readonly name: string } | undefined> {
  const [id, name] = [call.params.get('GroupId'), call.params.get('GroupName')];
  const filter: Readonly<Record<string, string>> =
    id === null
      ? { 'Filter.1.Name': 'group-name', 'Filter.1.Value.1': name ?? '' }
      : { 'Filter.1.Name': 'group-id', 'Filter.1.Value.1': id };
  const found = itemsOf(await ask(asking(call, 'DescribeSecurityGroups', filter)), 'securityGroupInfo')[0];
  return found === undefined ? undefined : { id: textAt(found, 'groupId'), name: textAt(found, 'groupName') };
}

async function neededByInstance(call: Call, group: string, ask: Ask, states: States): Promise<boolean> {
  const wanted = [...LIVING, ...(states.anyEnding ? ['terminated'] : [])];
  const filters = { 'Filter.1.Name': 'instance.group-id', 'Filter.1.Value.1': group, 'Filter.2.Name': 'instance-state-name' };
  const values = Object.fromEntries(wanted.map((state, index) => [`Filter.2.Value.${index + 1}`, state]));
  const found = await ask(asking(call, 'DescribeInstances', { ...filters, ...values, MaxResults: '1000' }));
  return itemsOf(found, 'reservationSet')
    .flatMap((reservation) => itemsOf(reservation, 'instancesSet'))
    .some((instance) => states.stateOf(textAt(instance, 'instanceId'), stateIn(instance, 'instanceState')) !== 'terminated');
}

/** The interfaces of a terminated instance stay behind in moto, and are hidden. */
async function neededByInterface(call: Call, group: string, ask: Ask, states: States): Promise<boolean> {
  const found = await ask(asking(call, 'DescribeNetworkInterfaces', { 'Filter.1.Name': 'group-id', 'Filter.1.Value.1': group }));
  return itemsOf(found, 'networkInterfaceSet').some((nic) => !states.isGone(textAt(nic, 'networkInterfaceId')));
}

async function neededByGroup(call: Call, group: string, ask: Ask): Promise<boolean> {
  const found = await ask(asking(call, 'DescribeSecurityGroups', {}));
  return itemsOf(found, 'securityGroupInfo')
    .filter((other) => textAt(other, 'groupId') !== group)
    .flatMap((other) => [...itemsOf(other, 'ipPermissions'), ...itemsOf(other, 'ipPermissionsEgress')])
    .some((permission) => itemsOf(permission, 'groups').some((pair) => textAt(pair, 'groupId') === group));
}
