import {
  AuthorizeSecurityGroupEgress$,
  AuthorizeSecurityGroupIngress$,
  CreateSecurityGroup$,
  DeleteSecurityGroup$,
  DescribeSecurityGroupRules$,
  DescribeSecurityGroups$,
  RevokeSecurityGroupEgress$,
  RevokeSecurityGroupIngress$,
} from '@aws-sdk/client-ec2';
import type {
  AuthorizeSecurityGroupIngressRequest,
  AuthorizeSecurityGroupIngressResult,
  CreateSecurityGroupRequest,
  CreateSecurityGroupResult,
  DeleteSecurityGroupRequest,
  DeleteSecurityGroupResult,
  DescribeSecurityGroupRulesRequest,
  DescribeSecurityGroupRulesResult,
  DescribeSecurityGroupsRequest,
  DescribeSecurityGroupsResult,
  IpPermission,
  RevokeSecurityGroupIngressRequest,
  RevokeSecurityGroupIngressResult,
} from '@aws-sdk/client-ec2';
import { select, taggedFields } from '../filters.ts';
import type { Fields } from '../filters.ts';
import { page } from '../pages.ts';
import { invalidValue, refuse } from '../protocol/refusal.ts';
import { addRules, checkRule, defaultGroup, deleteGroup, makeGroup, removeRules } from '../world/groups.ts';
import type { RuleFacts } from '../world/groups.ts';
import type { RegionWorld } from '../world/region.ts';
import { tagsOf, tagSet } from '../world/tags.ts';
import type { GroupThing, RuleThing } from '../world/things.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';
import { describeGroup, describeRule } from './describe.ts';

const RULE_PARAMETERS = [
  'GroupId',
  'GroupName',
  'CidrIp',
  'FromPort',
  'ToPort',
  'IpProtocol',
  'IpPermissions.IpProtocol',
  'IpPermissions.FromPort',
  'IpPermissions.ToPort',
  'IpPermissions.IpRanges',
  'IpPermissions.Ipv6Ranges',
  'IpPermissions.UserIdGroupPairs.GroupId',
  'IpPermissions.UserIdGroupPairs.GroupName',
  'IpPermissions.UserIdGroupPairs.UserId',
  'IpPermissions.UserIdGroupPairs.VpcId',
  'IpPermissions.UserIdGroupPairs.Description',
];

/** Both directions ask with the same parameters, but that only ingress may name its group by name. */
type Authorize = Omit<AuthorizeSecurityGroupIngressRequest, 'SourceSecurityGroupName' | 'SourceSecurityGroupOwnerId'>;
type Revoke = Omit<RevokeSecurityGroupIngressRequest, 'SourceSecurityGroupName' | 'SourceSecurityGroupOwnerId'>;

export const GROUP_ACTIONS: readonly Action[] = [
  action<CreateSecurityGroupRequest>(CreateSecurityGroup$, ['GroupName', 'Description', 'VpcId', 'TagSpecifications'], createSecurityGroup),
  action<DeleteSecurityGroupRequest>(DeleteSecurityGroup$, ['GroupId', 'GroupName'], deleteSecurityGroup),
  action<Authorize>(AuthorizeSecurityGroupIngress$, [...RULE_PARAMETERS, 'TagSpecifications'], (at, input) => authorize(at, input, false)),
  action<Authorize>(AuthorizeSecurityGroupEgress$, [...RULE_PARAMETERS, 'TagSpecifications'], (at, input) => authorize(at, input, true)),
  action<Revoke>(RevokeSecurityGroupIngress$, [...RULE_PARAMETERS, 'SecurityGroupRuleIds'], (at, input) => revoke(at, input, false)),
  action<Revoke>(RevokeSecurityGroupEgress$, [...RULE_PARAMETERS, 'SecurityGroupRuleIds'], (at, input) => revoke(at, input, true)),
  action<DescribeSecurityGroupsRequest>(
    DescribeSecurityGroups$,
    ['GroupIds', 'GroupNames', 'Filters', 'MaxResults', 'NextToken'],
    describeSecurityGroups,
  ),
  action<DescribeSecurityGroupRulesRequest>(
    DescribeSecurityGroupRules$,
    ['SecurityGroupRuleIds', 'Filters', 'MaxResults', 'NextToken'],
    describeSecurityGroupRules,
  ),
];

function createSecurityGroup({ region }: Context, input: CreateSecurityGroupRequest): CreateSecurityGroupResult {
  const { GroupName: name = '', Description: description = '', VpcId: vpcId } = input;
  if (!/^[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/.test(name)) invalidValue(`Value (${name}) for parameter GroupName is invalid.`);
  if (name.startsWith('sg-')) invalidValue(`Invalid group name '${name}': may not start with sg-`);
  if (!/^[\w .:/()#,@[\]+=&;{}!$*-]{0,255}$/.test(description)) {
    invalidValue(
      'Invalid security group description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*',
    );
  }
  const vpc = vpcId === undefined ? region.defaultVpc : region.get('vpc', vpcId);
  const tags = tagsOf(input.TagSpecifications, ['security-group'])('security-group');
  // Its name is taken from the beginning.
  defaultGroup(region, vpc);
  const group = makeGroup(region, { name, description, vpc, tags });
  return { GroupId: group.id, ...tagSet(group.tags), SecurityGroupArn: region.arn('ec2', `security-group/${group.id}`) };
}

function deleteSecurityGroup({ region }: Context, input: DeleteSecurityGroupRequest): DeleteSecurityGroupResult {
  const group = groupOf(region, input.GroupId, input.GroupName);
  deleteGroup(region, group);
  return { Return: true, GroupId: group.id };
}

function authorize({ region }: Context, input: Authorize, egress: boolean): AuthorizeSecurityGroupIngressResult {
  const group = groupOf(region, input.GroupId, input.GroupName);
  const tags = tagsOf(input.TagSpecifications, ['security-group-rule'])('security-group-rule');
  const added = addRules(region, group, rulesOf(region, input, egress), tags);
  return { Return: true, SecurityGroupRules: added.map((rule) => describeRule(region, rule)) };
}

function revoke({ region }: Context, input: Revoke, egress: boolean): RevokeSecurityGroupIngressResult {
  const group = groupOf(region, input.GroupId, input.GroupName);
  const { SecurityGroupRuleIds: ids } = input;
  const rules =
    ids === undefined
      ? rulesOf(region, input, egress)
      : region.find('security-group-rule', ids).map((rule) => {
          if (rule.group !== group || rule.egress !== egress) {
            refuse('InvalidSecurityGroupRuleId.NotFound', `The security group rule ID '${rule.id}' does not exist`);
          }
          return rule;
        });
  const gone = removeRules(region, group, rules);
  return {
    Return: true,
    RevokedSecurityGroupRules: gone.map((rule) => ({
      SecurityGroupRuleId: rule.id,
      GroupId: group.id,
      IsEgress: egress,
      IpProtocol: rule.protocol,
      FromPort: rule.from,
      ToPort: rule.to,
      ...('group' in rule.peer
        ? { ReferencedGroupId: rule.peer.group.id }
        : 'cidr6' in rule.peer
          ? { CidrIpv6: rule.peer.cidr6 }
          : { CidrIpv4: rule.peer.cidr }),
    })),
  };
}

function groupOf(region: RegionWorld, id: string | undefined, name: string | undefined): GroupThing {
  if (id !== undefined) return region.get('security-group', id);
  if (name === undefined) return refuse('MissingParameter', 'The request must contain the parameter groupName or groupId');
  return (
    groupsOf(region).find((group) => group.vpc === region.defaultVpc && group.name === name) ??
    refuse('InvalidGroup.NotFound', `The security group '${name}' does not exist in default VPC '${region.defaultVpc.id}'`)
  );
}

/** One rule per peer of each permission. */
function rulesOf(region: RegionWorld, input: Authorize | Revoke, egress: boolean): readonly RuleFacts[] {
  const { CidrIp, IpProtocol, FromPort, ToPort } = input;
  const single: readonly IpPermission[] = CidrIp === undefined ? [] : [{ IpProtocol, FromPort, ToPort, IpRanges: [{ CidrIp }] }];
  const rules = [...(input.IpPermissions ?? []), ...single].flatMap((permission) => rulesOfPermission(region, permission, egress));
  return rules.length === 0 ? refuse('MissingParameter', 'The request must contain the parameter ipPermissions') : rules.map(checkRule);
}

function rulesOfPermission(region: RegionWorld, permission: IpPermission, egress: boolean): readonly RuleFacts[] {
  const { IpProtocol = '', IpRanges = [], Ipv6Ranges = [], UserIdGroupPairs = [] } = permission;
  const protocol = { '6': 'tcp', '17': 'udp', '1': 'icmp', all: '-1' }[IpProtocol] ?? IpProtocol;
  if (!/^(tcp|udp|icmp|icmpv6|-1|\d+)$/.test(protocol)) invalidValue(`Invalid value '${IpProtocol}' for IP protocol. Unknown protocol.`);
  const all = protocol === '-1';
  if (!all && (permission.FromPort === undefined || permission.ToPort === undefined)) {
    invalidValue(`Invalid value 'Must specify both from and to ports with ${protocol.toUpperCase()}.' for portRange.`);
  }
  const ports = { egress, protocol, from: all ? -1 : (permission.FromPort ?? -1), to: all ? -1 : (permission.ToPort ?? -1) };
  const byId = (id: string) => region.get('security-group', id);
  return [
    ...IpRanges.map(({ CidrIp, Description }) => ({ ...ports, peer: { cidr: CidrIp ?? '' }, description: Description })),
    ...Ipv6Ranges.map(({ CidrIpv6, Description }) => ({ ...ports, peer: { cidr6: CidrIpv6 ?? '' }, description: Description })),
    ...UserIdGroupPairs.map(({ GroupId, GroupName, Description }) => ({
      ...ports,
      peer: { group: GroupId === undefined ? groupOf(region, undefined, GroupName) : byId(GroupId) },
      description: Description,
    })),
  ];
}

function groupsOf(region: RegionWorld): readonly GroupThing[] {
  defaultGroup(region, region.defaultVpc);
  return region.visible('security-group');
}

function groupFields(region: RegionWorld): Fields<GroupThing> {
  return {
    ...taggedFields,
    description: ({ description }) => description,
    'group-id': ({ id }) => id,
    'group-name': ({ name }) => name,
    'owner-id': () => region.account,
    'vpc-id': ({ vpc }) => vpc.id,
    ...ruleFields('ip-permission', false),
    ...ruleFields('egress.ip-permission', true),
  };
}

function ruleFields(prefix: string, egress: boolean): Fields<GroupThing> {
  const each =
    <V>(of: (rule: RuleThing) => V) =>
    ({ rules }: GroupThing) =>
      rules.filter((rule) => rule.egress === egress).map(of);
  return {
    [`${prefix}.cidr`]: each(({ peer }) => ('cidr' in peer ? peer.cidr : undefined)),
    [`${prefix}.group-id`]: each(({ peer }) => ('group' in peer ? peer.group.id : undefined)),
    [`${prefix}.from-port`]: each(({ from }) => from),
    [`${prefix}.to-port`]: each(({ to }) => to),
    [`${prefix}.protocol`]: each(({ protocol }) => protocol),
  };
}

function describeSecurityGroups({ region }: Context, input: DescribeSecurityGroupsRequest): DescribeSecurityGroupsResult {
  const { GroupIds: ids, GroupNames: names } = input;
  const all =
    ids !== undefined && ids.length > 0
      ? region.find('security-group', ids)
      : names !== undefined && names.length > 0
        ? names.map((name) => groupOf(region, undefined, name))
        : groupsOf(region);
  const { items, ...next } = page(select(all, input.Filters, groupFields(region)), input, {
    of: 'DescribeSecurityGroups',
    size: region.world.options.pageSize,
    position: ({ serial }) => serial,
  });
  return { SecurityGroups: items.map((group) => describeGroup(region, group)), ...next };
}

function describeSecurityGroupRules({ region }: Context, input: DescribeSecurityGroupRulesRequest): DescribeSecurityGroupRulesResult {
  const { SecurityGroupRuleIds: ids } = input;
  const all = region.listed('security-group-rule', ids);
  const found = select(all, input.Filters, {
    ...taggedFields,
    'group-id': ({ group }) => group.id,
    'security-group-rule-id': ({ id }) => id,
  });
  const { items, ...next } = page(found, input, {
    of: 'DescribeSecurityGroupRules',
    size: region.world.options.pageSize,
    position: ({ serial }) => serial,
  });
  return { SecurityGroupRules: items.map((rule) => describeRule(region, rule)), ...next };
}
