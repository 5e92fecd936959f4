import { invalidValue, refuse } from '../protocol/refusal.ts';
import type { RegionWorld } from './region.ts';
import type { GroupThing, RuleThing, VpcThing } from './things.ts';

/** One rule as asked for: a peer, a protocol and its ports (-1 for all). */
export type RuleFacts = Pick<RuleThing, 'egress' | 'protocol' | 'from' | 'to' | 'peer' | 'description'>;

/** @throws Refusal `InvalidGroup.Duplicate`, also for one that nobody can see yet */
export function makeGroup(
  region: RegionWorld,
  group: { readonly name: string; readonly description: string; readonly vpc: VpcThing; readonly tags: Map<string, string> },
): GroupThing {
  for (const other of region.every('security-group')) {
    if (other.vpc === group.vpc && other.name === group.name) {
      refuse('InvalidGroup.Duplicate', `The security group '${group.name}' already exists for VPC '${group.vpc.id}'`);
    }
  }
  const made = region.add('security-group', {
    ...region.base('security-group', group.tags),
    name: group.name,
    description: group.description,
    vpc: group.vpc,
    rules: [],
  });
  addRules(
    region,
    made,
    [{ egress: true, protocol: '-1', from: -1, to: -1, peer: { cidr: '0.0.0.0/0' }, description: undefined }],
    new Map(),
  );
  return made;
}

/** The group that an instance gets where a request names none; made with its VPC on AWS, when first needed here. */
export function defaultGroup(region: RegionWorld, vpc: VpcThing): GroupThing {
  for (const group of region.every('security-group')) if (group.vpc === vpc && group.name === 'default') return group;
  const made = region.add('security-group', {
    ...region.base('security-group', new Map(), 0),
    name: 'default',
    description: 'default VPC security group',
    vpc,
    rules: [],
  });
  addRules(
    region,
    made,
    [
      { egress: false, protocol: '-1', from: -1, to: -1, peer: { group: made }, description: undefined },
      { egress: true, protocol: '-1', from: -1, to: -1, peer: { cidr: '0.0.0.0/0' }, description: undefined },
    ],
    new Map(),
  );
  return made;
}

/** All or none. @throws Refusal `InvalidPermission.Duplicate`, `RulesPerSecurityGroupLimitExceeded` */
export function addRules(
  region: RegionWorld,
  group: GroupThing,
  rules: readonly RuleFacts[],
  tags: Map<string, string>,
): readonly RuleThing[] {
  const seen = new Set(group.rules.map(ruleKey));
  for (const rule of rules) {
    const key = ruleKey(rule);
    if (seen.has(key)) refuse('InvalidPermission.Duplicate', `the specified rule "${describeRule(rule)}" already exists`);
    seen.add(key);
  }
  for (const egress of [true, false]) {
    const count = [...group.rules, ...rules].filter((rule) => rule.egress === egress).length;
    if (count > 60) refuse('RulesPerSecurityGroupLimitExceeded', 'The maximum number of rules per security group has been reached.');
  }
  return rules.map((rule) => {
    const made = region.add('security-group-rule', { ...region.base('security-group-rule', new Map(tags)), ...rule, group });
    group.rules.push(made);
    return made;
  });
}

/** All or none. @throws Refusal `InvalidPermission.NotFound` */
export function removeRules(region: RegionWorld, group: GroupThing, rules: readonly RuleFacts[]): readonly RuleThing[] {
  const gone = rules.map(
    (rule) =>
      group.rules.find((held) => ruleKey(held) === ruleKey(rule)) ??
      refuse('InvalidPermission.NotFound', 'The specified rule does not exist in this security group.'),
  );
  for (const rule of gone) {
    group.rules.splice(group.rules.indexOf(rule), 1);
    region.remove('security-group-rule', rule.id);
  }
  return gone;
}

/**
 * Deletes a group that nothing uses.
 * @throws Refusal `DependencyViolation` while an interface or a rule of another group names it, `CannotDelete`
 */
export function deleteGroup(region: RegionWorld, group: GroupThing): void {
  if (group.name === 'default') {
    refuse('CannotDelete', `the specified group: "${group.id}" name: "${group.name}" cannot be deleted by a user`);
  }
  if (dependentsOf(region, group).length > 0) refuse('DependencyViolation', `resource ${group.id} has a dependent object`);
  for (const rule of group.rules) region.remove('security-group-rule', rule.id);
  region.remove('security-group', group.id);
}

/** IDs of what keeps a group from being deleted. */
export function dependentsOf(region: RegionWorld, group: GroupThing): readonly string[] {
  const interfaces = [...region.every('network-interface')].filter((held) => held.groups.includes(group)).map(({ id }) => id);
  const rules = [...region.every('security-group-rule')]
    .filter((rule) => rule.group !== group && 'group' in rule.peer && rule.peer.group === group)
    .map(({ id }) => id);
  return [...interfaces, ...rules];
}

/** A rule as EC2 keeps it: of a range of IPv4 the network alone. @throws Refusal where the ports do not fit the protocol */
export function checkRule(rule: RuleFacts): RuleFacts {
  const ported = rule.protocol === 'tcp' || rule.protocol === 'udp';
  if (ported && (rule.from < 0 || rule.to > 65_535 || rule.from > rule.to)) {
    invalidValue(`Invalid value '${rule.from}-${rule.to}' for portRange. Must be between 0 and 65535.`);
  }
  if ('cidr' in rule.peer && !/^\d{1,3}(\.\d{1,3}){3}\/([0-9]|[12][0-9]|3[0-2])$/.test(rule.peer.cidr)) {
    invalidValue(`CIDR block ${rule.peer.cidr} is malformed`);
  }
  return 'cidr' in rule.peer ? { ...rule, peer: { cidr: networkOf(rule.peer.cidr) } } : rule;
}

function networkOf(cidr: string): string {
  const [address = '', bits = ''] = cidr.split('/');
  const kept = 2 ** (32 - Number(bits));
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const network = number - (number % kept);
  return `${[24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256).join('.')}/${bits}`;
}

function ruleKey(rule: RuleFacts): string {
  return [rule.egress, rule.protocol, rule.from, rule.to, peerText(rule)].join(' ');
}

function peerText({ peer }: RuleFacts): string {
  return 'group' in peer ? peer.group.id : 'cidr6' in peer ? peer.cidr6 : peer.cidr;
}

function describeRule(rule: RuleFacts): string {
  const protocol = rule.protocol === '-1' ? 'ALL' : rule.protocol.toUpperCase();
  const ports = rule.protocol === '-1' ? '' : `, from port: ${rule.from}, to port: ${rule.to}`;
  return `peer: ${peerText(rule)}, ${protocol}${ports}, ALLOW`;
}
