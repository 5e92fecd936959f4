import {
  DescribeAvailabilityZones$,
  DescribeNetworkInterfaces$,
  DescribeRegions$,
  DescribeSubnets$,
  DescribeVpcs$,
} from '@aws-sdk/client-ec2';
import type {
  DescribeAvailabilityZonesRequest,
  DescribeAvailabilityZonesResult,
  DescribeNetworkInterfacesRequest,
  DescribeNetworkInterfacesResult,
  DescribeRegionsRequest,
  DescribeRegionsResult,
  DescribeSubnetsRequest,
  DescribeSubnetsResult,
  DescribeVpcsRequest,
  DescribeVpcsResult,
  Subnet,
  Vpc,
} from '@aws-sdk/client-ec2';
import { select, taggedFields } from '../filters.ts';
import type { Fields } from '../filters.ts';
import { page, refusePageOfNamed } from '../pages.ts';
import { invalidValue } from '../protocol/refusal.ts';
import { freeOf } from '../world/addresses.ts';
import type { RegionWorld } from '../world/region.ts';
import { tagSet } from '../world/tags.ts';
import type { InterfaceThing, SubnetThing, VpcThing } from '../world/things.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';
import { describeInterface, shownPublicAddress } from './describe.ts';

export const NETWORK_ACTIONS: readonly Action[] = [
  action<DescribeVpcsRequest>(DescribeVpcs$, ['VpcIds', 'Filters', 'MaxResults', 'NextToken'], describeVpcs),
  action<DescribeSubnetsRequest>(DescribeSubnets$, ['SubnetIds', 'Filters', 'MaxResults', 'NextToken'], describeSubnets),
  action<DescribeNetworkInterfacesRequest>(
    DescribeNetworkInterfaces$,
    ['NetworkInterfaceIds', 'Filters', 'MaxResults', 'NextToken'],
    describeNetworkInterfaces,
  ),
  action<DescribeAvailabilityZonesRequest>(
    DescribeAvailabilityZones$,
    ['ZoneNames', 'ZoneIds', 'AllAvailabilityZones', 'Filters'],
    describeAvailabilityZones,
  ),
  action<DescribeRegionsRequest>(DescribeRegions$, ['RegionNames', 'AllRegions', 'Filters'], describeRegions),
];

function describeVpcs({ region }: Context, input: DescribeVpcsRequest): DescribeVpcsResult {
  const { VpcIds: ids } = input;
  const all = region.listed('vpc', ids);
  const found = select(all, input.Filters, {
    ...taggedFields,
    cidr: ({ cidr }) => cidr,
    'is-default': ({ isDefault }) => isDefault,
    'owner-id': () => region.account,
    state: () => 'available',
    'vpc-id': ({ id }) => id,
  });
  const { items, ...next } = page(found, input, {
    of: 'DescribeVpcs',
    size: region.world.options.pageSize,
    position: ({ serial }) => serial,
  });
  return { Vpcs: items.map((vpc) => describeVpc(region, vpc)), ...next };
}

function describeVpc(region: RegionWorld, vpc: VpcThing): Vpc {
  return {
    VpcId: vpc.id,
    CidrBlock: vpc.cidr,
    IsDefault: vpc.isDefault,
    State: 'available',
    OwnerId: region.account,
    InstanceTenancy: 'default',
    ...tagSet(vpc.tags),
  };
}

const SUBNET_FIELDS: Fields<SubnetThing> = {
  ...taggedFields,
  'availability-zone': ({ zone }) => zone,
  'availability-zone-id': ({ zoneId }) => zoneId,
  'available-ip-address-count': freeOf,
  'cidr-block': ({ cidr }) => cidr,
  'default-for-az': ({ defaultForZone }) => defaultForZone,
  'map-public-ip-on-launch': ({ publicByDefault }) => publicByDefault,
  state: () => 'available',
  'subnet-id': ({ id }) => id,
  'vpc-id': ({ vpc }) => vpc.id,
};

function describeSubnets({ region }: Context, input: DescribeSubnetsRequest): DescribeSubnetsResult {
  const { SubnetIds: ids } = input;
  const all = region.listed('subnet', ids);
  const { items, ...next } = page(select(all, input.Filters, SUBNET_FIELDS), input, {
    of: 'DescribeSubnets',
    size: region.world.options.pageSize,
    position: ({ serial }) => serial,
  });
  return { Subnets: items.map((subnet) => describeSubnet(region, subnet)), ...next };
}

function describeSubnet(region: RegionWorld, subnet: SubnetThing): Subnet {
  return {
    SubnetId: subnet.id,
    VpcId: subnet.vpc.id,
    State: 'available',
    CidrBlock: subnet.cidr,
    AvailableIpAddressCount: freeOf(subnet),
    AvailabilityZone: subnet.zone,
    AvailabilityZoneId: subnet.zoneId,
    DefaultForAz: subnet.defaultForZone,
    MapPublicIpOnLaunch: subnet.publicByDefault,
    OwnerId: region.account,
    SubnetArn: region.arn('ec2', `subnet/${subnet.id}`),
    ...tagSet(subnet.tags),
  };
}

const INTERFACE_FIELDS: Fields<InterfaceThing> = {
  ...taggedFields,
  'addresses.private-ip-address': ({ privateAddress }) => privateAddress,
  'association.public-ip': ({ instance }) => shownPublicAddress(instance),
  'attachment.attachment-id': ({ attachmentId }) => attachmentId,
  'attachment.device-index': () => 0,
  'attachment.instance-id': ({ instance }) => instance.id,
  'attachment.status': () => 'attached',
  'availability-zone': ({ subnet }) => subnet.zone,
  description: ({ description }) => description,
  'group-id': ({ groups }) => groups.map(({ id }) => id),
  'mac-address': ({ macAddress }) => macAddress,
  'network-interface-id': ({ id }) => id,
  'private-ip-address': ({ privateAddress }) => privateAddress,
  'requester-managed': () => false,
  status: () => 'in-use',
  'subnet-id': ({ subnet }) => subnet.id,
  'vpc-id': ({ subnet }) => subnet.vpc.id,
};

function describeNetworkInterfaces({ region }: Context, input: DescribeNetworkInterfacesRequest): DescribeNetworkInterfacesResult {
  const { NetworkInterfaceIds: ids } = input;
  refusePageOfNamed(input, ids, 'networkInterfaceSet');
  const all = region.listed('network-interface', ids);
  const { items, ...next } = page(select(all, input.Filters, INTERFACE_FIELDS), input, {
    of: 'DescribeNetworkInterfaces',
    size: region.world.options.pageSize,
    position: ({ serial }) => serial,
  });
  return { NetworkInterfaces: items.map((held) => describeInterface(region, held)), ...next };
}

function describeAvailabilityZones({ region }: Context, input: DescribeAvailabilityZonesRequest): DescribeAvailabilityZonesResult {
  const subnets = region.visible('subnet').filter(({ defaultForZone }) => defaultForZone);
  const all = subnets.filter(({ zone, zoneId }) => input.ZoneNames?.includes(zone) ?? input.ZoneIds?.includes(zoneId) ?? true);
  const stranger = input.ZoneNames?.find((name) => !region.zones.includes(name));
  if (stranger !== undefined) invalidValue(`Invalid availability zone: [${stranger}]`);
  const found = select(all, input.Filters, {
    'region-name': () => region.name,
    state: () => 'available',
    'zone-id': ({ zoneId }) => zoneId,
    'zone-name': ({ zone }) => zone,
    'zone-type': () => 'availability-zone',
    'opt-in-status': () => 'opt-in-not-required',
    'group-name': () => region.name,
  });
  return {
    AvailabilityZones: found.map(({ zone, zoneId }) => ({
      ZoneName: zone,
      ZoneId: zoneId,
      State: 'available',
      RegionName: region.name,
      ZoneType: 'availability-zone',
      OptInStatus: 'opt-in-not-required',
      GroupName: region.name,
      NetworkBorderGroup: region.name,
      Messages: [],
    })),
  };
}

const REGIONS = ['eu-central-1', 'eu-west-1', 'us-east-1', 'us-east-2', 'us-west-2'];

function describeRegions({ region }: Context, input: DescribeRegionsRequest): DescribeRegionsResult {
  const all = [...new Set([...REGIONS, region.name])].toSorted();
  const stranger = input.RegionNames?.find((name) => !all.includes(name));
  if (stranger !== undefined) invalidValue(`Invalid region provided: [${stranger}]`);
  const found = select(
    all.filter((name) => input.RegionNames?.includes(name) ?? true),
    input.Filters,
    { 'region-name': (name) => name, 'opt-in-status': () => 'opt-in-not-required', endpoint: endpointOf },
  );
  return { Regions: found.map((name) => ({ RegionName: name, Endpoint: endpointOf(name), OptInStatus: 'opt-in-not-required' })) };
}

function endpointOf(name: string): string {
  return `ec2.${name}.amazonaws.com`;
}
