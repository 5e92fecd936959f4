import { DescribeSecurityGroupRulesCommand, EC2Client, type IpPermission, type SecurityGroupRule } from '@aws-sdk/client-ec2';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { ownerOf, tagsFrom } from '../ownership.ts';
import { allPages } from '../pages.ts';
import type { Group } from './groups.ts';
import { allows, peerByPeer, type Rule } from './rules.ts';

/** A firewall's group, and what it is to let in by its own. */
export interface Held {
  readonly group: Group;
  readonly rules: readonly Rule[];
}

/**
 * What firewalls let in because an earlier config said so, such as a wider `aws.exposeTo`, by the ID of their groups. What people added
 * stays, and so do the rights of other firewalls: only a rule's tags tell whose it is, and a list of groups does not show them. So rules
 * are asked for, those of all groups at once, only where a group lets somebody in who is neither wanted nor of the spin.
 * @param groups all groups of the spin
 * @throws Fault
 */
export async function surplusOf(
  cloud: Cloud,
  firewalls: readonly Held[],
  groups: readonly Group[],
  call: Call,
): Promise<ReadonlyMap<string, readonly IpPermission[]>> {
  const members = new Set(groups.map(({ id }) => id));
  const doubtful = firewalls.filter(({ group, rules }) =>
    peerByPeer(group.ingress).some((entry) => !isWanted(entry, rules) && !isOfGroup(entry, members)),
  );
  if (doubtful.length === 0) return new Map();
  const ids = doubtful.map(({ group }) => group.id);
  const all = await rulesIn(cloud, ids, call);
  return new Map(doubtful.map((held) => [held.group.id, all.flatMap((rule) => surplusIn(rule, held))]));
}

/** A rule as an entry, where the firewall made it for itself and does not want it any more. */
function surplusIn(rule: SecurityGroupRule, { group, rules }: Held): readonly IpPermission[] {
  const owner = ownerOf(tagsFrom(rule.Tags));
  const isOwn = owner?.incarnation === group.owner.incarnation && owner.resource === group.owner.resource;
  if (!isOwn || rule.GroupId !== group.id || rule.IsEgress === true) return [];
  return peerByPeer([entryOf(rule)]).filter((entry) => !isWanted(entry, rules));
}

function isWanted(entry: IpPermission, rules: readonly Rule[]): boolean {
  return rules.some((rule) => allows([entry], rule));
}

function isOfGroup({ UserIdGroupPairs }: IpPermission, groups: ReadonlySet<string>): boolean {
  return UserIdGroupPairs?.some(({ GroupId }) => GroupId !== undefined && groups.has(GroupId)) === true;
}

function entryOf({ IpProtocol, FromPort, ToPort, CidrIpv4, CidrIpv6, ReferencedGroupInfo }: SecurityGroupRule): IpPermission {
  return {
    IpProtocol,
    FromPort,
    ToPort,
    IpRanges: CidrIpv4 === undefined ? [] : [{ CidrIp: CidrIpv4 }],
    Ipv6Ranges: CidrIpv6 === undefined ? [] : [{ CidrIpv6 }],
    UserIdGroupPairs: ReferencedGroupInfo?.GroupId === undefined ? [] : [{ GroupId: ReferencedGroupInfo.GroupId }],
  };
}

function rulesIn(cloud: Cloud, groups: readonly string[], call: Call): Promise<readonly SecurityGroupRule[]> {
  return allPages(async (from) => {
    const command = new DescribeSecurityGroupRulesCommand({
      Filters: [{ Name: 'group-id', Values: [...groups] }],
      MaxResults: 1_000,
      ...(from === undefined ? {} : { NextToken: from }),
    });
    const { SecurityGroupRules, NextToken } = await cloud.send(EC2Client, command, call);
    return { items: SecurityGroupRules, next: NextToken };
  });
}
