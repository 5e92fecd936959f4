import type { _InstanceType, BlockDeviceMapping, InstanceNetworkInterfaceSpecification, RunInstancesRequest } from '@aws-sdk/client-ec2';
import { invalidValue, refuse } from '../protocol/refusal.ts';
import { isOffered, TYPES } from '../world/catalog.ts';
import { defaultGroup } from '../world/groups.ts';
import type { LaunchFacts } from '../world/instances.ts';
import type { RegionWorld } from '../world/region.ts';
import { tagsOf } from '../world/tags.ts';
import type { GroupThing, ImageThing, InstanceThing, SubnetThing } from '../world/things.ts';
import { volumeFacts } from '../world/volumes.ts';

const USER_DATA_BYTES = 16_384;
const LAUNCHED = ['instance', 'volume', 'network-interface', 'spot-instances-request'] as const;

/** A checked launch that may still go to any of `subnets`. */
export interface CheckedLaunch {
  readonly facts: Omit<LaunchFacts, 'subnet' | 'volumes' | 'publicAddress'>;
  /** In order of preference. */
  readonly subnets: readonly SubnetThing[];
  readonly in: (subnet: SubnetThing) => LaunchFacts;
  readonly least: number;
  readonly most: number;
}

/** Checks all that can be checked before anything is made. @throws Refusal in AWS's words */
export function checkLaunch(region: RegionWorld, input: RunInstancesRequest): CheckedLaunch {
  const least = input.MinCount ?? 0;
  const most = input.MaxCount ?? 0;
  if (least < 1) invalidValue(`Value (${least}) for parameter minCount is invalid. Must be greater than 0.`);
  if (most < least) invalidValue(`Value (${most}) for parameter maxCount is invalid. Must be at least minCount.`);
  const instanceType = checkType(input.InstanceType);
  const image = checkImage(region, input.ImageId, instanceType);
  const face = checkInterface(input);
  const subnets = subnetsFor(region, face?.SubnetId ?? input.SubnetId, input.Placement?.AvailabilityZone, instanceType);
  const spot = checkMarket(input);
  const facts = {
    image,
    instanceType,
    groups: checkGroups(region, face?.Groups ?? input.SecurityGroupIds, input.SecurityGroups, subnets[0]),
    privateAddress: face?.PrivateIpAddress ?? input.PrivateIpAddress,
    interfaceDescription: face?.Description ?? '',
    tags: tagsOf(input.TagSpecifications, spot ? LAUNCHED : LAUNCHED.slice(0, 3)),
    spot,
    clientToken: input.ClientToken,
    keyName: input.KeyName,
    profile: checkProfile(region, input),
    metadata: {
      HttpTokens: input.MetadataOptions?.HttpTokens ?? 'optional',
      HttpPutResponseHopLimit: input.MetadataOptions?.HttpPutResponseHopLimit ?? 1,
      HttpEndpoint: input.MetadataOptions?.HttpEndpoint ?? 'enabled',
      HttpProtocolIpv6: input.MetadataOptions?.HttpProtocolIpv6 ?? 'disabled',
      InstanceMetadataTags: input.MetadataOptions?.InstanceMetadataTags ?? 'disabled',
    },
    shutdownBehavior: input.InstanceInitiatedShutdownBehavior ?? 'stop',
    terminationProtected: input.DisableApiTermination ?? false,
    ebsOptimized: input.EbsOptimized ?? false,
    monitoring: input.Monitoring?.Enabled ?? false,
    tenancy: input.Placement?.Tenancy ?? 'default',
    userData: checkUserData(input.UserData),
  } as const;
  checkVolumes(region, input, image, subnets[0]?.zone ?? '');
  return {
    facts,
    subnets,
    in: (subnet) => ({
      ...facts,
      subnet,
      publicAddress: face?.AssociatePublicIpAddress ?? subnet.publicByDefault,
      volumes: checkVolumes(region, input, image, subnet.zone),
    }),
    least,
    most,
  };
}

/** The parameters of RunInstances that are heeded. */
export const LAUNCH_PARAMETERS = [
  'ImageId',
  'InstanceType',
  'MinCount',
  'MaxCount',
  'ClientToken',
  'KeyName',
  'SecurityGroupIds',
  'SecurityGroups',
  'SubnetId',
  'UserData',
  'TagSpecifications',
  'PrivateIpAddress',
  'EbsOptimized',
  'Monitoring',
  'DisableApiTermination',
  'InstanceInitiatedShutdownBehavior',
  'MetadataOptions',
  'IamInstanceProfile',
  'Placement.AvailabilityZone',
  'Placement.Tenancy',
  'InstanceMarketOptions.MarketType',
  'InstanceMarketOptions.SpotOptions.MaxPrice',
  'InstanceMarketOptions.SpotOptions.SpotInstanceType',
  'InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior',
  'BlockDeviceMappings.DeviceName',
  'BlockDeviceMappings.NoDevice',
  'BlockDeviceMappings.Ebs.DeleteOnTermination',
  'BlockDeviceMappings.Ebs.VolumeSize',
  'BlockDeviceMappings.Ebs.VolumeType',
  'BlockDeviceMappings.Ebs.SnapshotId',
  'BlockDeviceMappings.Ebs.Iops',
  'BlockDeviceMappings.Ebs.Throughput',
  'BlockDeviceMappings.Ebs.Encrypted',
  'BlockDeviceMappings.Ebs.KmsKeyId',
  'NetworkInterfaces.DeviceIndex',
  'NetworkInterfaces.SubnetId',
  'NetworkInterfaces.Groups',
  'NetworkInterfaces.AssociatePublicIpAddress',
  'NetworkInterfaces.DeleteOnTermination',
  'NetworkInterfaces.Description',
  'NetworkInterfaces.PrivateIpAddress',
] as const;

function checkType(type: string | undefined): _InstanceType {
  const name = type ?? 'm1.small';
  return TYPES.get(name)?.name ?? invalidValue(`Invalid value '${name}' for InstanceType.`);
}

function checkImage(region: RegionWorld, id: string | undefined, type: string): ImageThing {
  if (id === undefined) return refuse('MissingParameter', 'The request must contain the parameter ImageId');
  const image = region.get('image', resolveImage(region, id));
  const wanted = TYPES.get(type)?.architecture;
  if (wanted !== image.architecture) {
    invalidValue(
      `The architecture '${wanted ?? ''}' of the specified instance type does not match the architecture '${image.architecture}' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI.`,
    );
  }
  return image;
}

/** An ID, or `resolve:ssm:` and the name of a parameter that holds one. */
function resolveImage(region: RegionWorld, id: string): string {
  const [, name] = /^resolve:ssm:(.+)$/.exec(id) ?? [];
  if (name === undefined) return id;
  return region.parameters.get(name)?.value ?? invalidValue(`Parameter ${name} not found.`);
}

function checkInterface(input: RunInstancesRequest): InstanceNetworkInterfaceSpecification | undefined {
  const [face, ...more] = input.NetworkInterfaces ?? [];
  if (face === undefined) return undefined;
  if (more.length > 0 || (face.DeviceIndex ?? 0) !== 0) invalidValue('More than one network interface is not imitated');
  if (face.DeleteOnTermination === false) invalidValue('A network interface that outlives its instance is not imitated');
  if (input.SecurityGroupIds !== undefined || input.SecurityGroups !== undefined || input.SubnetId !== undefined) {
    refuse(
      'InvalidParameterCombination',
      `Network interfaces and an instance-level ${input.SubnetId === undefined ? 'security groups' : 'subnet ID'} may not be specified on the same request`,
    );
  }
  return face;
}

/** Where a launch may go: the named subnet, that of the named zone, or any default subnet of a zone that has the type. */
function subnetsFor(region: RegionWorld, id: string | undefined, zone: string | undefined, type: string): readonly SubnetThing[] {
  if (zone !== undefined && !region.zones.includes(zone)) invalidValue(`Invalid availability zone: [${zone}]`);
  const candidates =
    id === undefined
      ? region.visible('subnet').filter((subnet) => subnet.defaultForZone && (zone ?? subnet.zone) === subnet.zone)
      : [region.get('subnet', id)];
  const [first] = candidates;
  if (zone !== undefined && first?.zone !== zone) invalidValue(`The subnet '${id ?? ''}' is not in the Availability Zone '${zone}'`);
  const offered = candidates.filter((subnet) => isOffered(type, subnet.zone));
  if (offered.length === 0) {
    const elsewhere = region.zones.filter((name) => isOffered(type, name)).join(', ');
    refuse(
      'Unsupported',
      `Your requested instance type (${type}) is not supported in your requested Availability Zone (${first?.zone ?? ''}). Please retry your request by not specifying an Availability Zone or choosing ${elsewhere}.`,
    );
  }
  return offered;
}

function checkGroups(
  region: RegionWorld,
  ids: readonly string[] | undefined,
  names: readonly string[] | undefined,
  subnet: SubnetThing | undefined,
): readonly GroupThing[] {
  const vpc = subnet?.vpc ?? region.defaultVpc;
  const named = (names ?? []).map(
    (name) =>
      region.visible('security-group').find((group) => group.vpc === vpc && group.name === name) ??
      refuse('InvalidGroup.NotFound', `The security group '${name}' does not exist in VPC '${vpc.id}'`),
  );
  const groups = [...region.find('security-group', ids ?? []), ...named];
  const stranger = groups.find((group) => group.vpc !== vpc);
  if (stranger !== undefined) {
    refuse('InvalidParameter', `Security group ${stranger.id} and subnet ${subnet?.id ?? ''} belong to different networks.`);
  }
  if (groups.length > 5)
    refuse('SecurityGroupsPerInterfaceLimitExceeded', 'The maximum number of security groups per interface has been reached.');
  return groups.length === 0 ? [defaultGroup(region, vpc)] : groups;
}

function checkMarket({ InstanceMarketOptions: market }: RunInstancesRequest): boolean {
  if (market === undefined) return false;
  if (market.MarketType !== 'spot') return invalidValue(`Invalid value '${market.MarketType ?? ''}' for marketType`);
  const { SpotInstanceType: kind = 'one-time', InstanceInterruptionBehavior: behavior = 'terminate' } = market.SpotOptions ?? {};
  if (kind !== 'one-time' || behavior !== 'terminate') invalidValue('A spot request that outlives its instance is not imitated');
  return true;
}

function checkProfile(region: RegionWorld, { IamInstanceProfile: profile }: RunInstancesRequest): InstanceThing['profile'] {
  if (profile === undefined) return undefined;
  const { Name: name, Arn: arn } = profile;
  if (name !== undefined && arn !== undefined) {
    refuse(
      'InvalidParameterCombination',
      "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'",
    );
  }
  const of = name ?? arn?.split('/').at(-1) ?? '';
  if (of === '') invalidValue('Value () for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name');
  return {
    Arn: arn ?? `arn:aws:iam::${region.account}:instance-profile/${of}`,
    Id: `AIPA${Buffer.from(of).toString('hex').toUpperCase().slice(0, 17)}`,
  };
}

/** @throws Refusal where it is no base64, or more than 16 KB when decoded */
function checkUserData(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== text.replace(/[\s=]+/g, '')) invalidValue('Invalid BASE64 encoding of user data.');
  if (bytes.length > USER_DATA_BYTES) invalidValue(`User data is limited to ${USER_DATA_BYTES} bytes`);
  return text;
}

/** The image's own volumes, changed and added to by the request. */
function checkVolumes(region: RegionWorld, input: RunInstancesRequest, image: ImageThing, zone: string): LaunchFacts['volumes'] {
  const asked = new Map((input.BlockDeviceMappings ?? []).map((mapping) => [mapping.DeviceName ?? '', mapping]));
  const root = asked.get(image.rootDevice);
  asked.delete(image.rootDevice);
  const rootVolume = volumeOf(
    region,
    image.rootDevice,
    { ...root, Ebs: { VolumeType: 'gp3', SnapshotId: image.snapshotId, ...root?.Ebs } },
    zone,
    true,
  );
  for (const { device, snapshotId: SnapshotId } of image.further) {
    const given = asked.get(device);
    asked.set(device, { ...given, DeviceName: device, Ebs: { VolumeType: 'gp2', SnapshotId, ...given?.Ebs } });
  }
  const others = [...asked].filter(([, mapping]) => mapping.NoDevice === undefined);
  return [rootVolume, ...others.map(([device, mapping]) => volumeOf(region, device, mapping, zone, false))];
}

function volumeOf(region: RegionWorld, device: string, { Ebs: ebs }: BlockDeviceMapping, zone: string, deleteByDefault: boolean) {
  if (device === '') refuse('MissingParameter', 'The request must contain the parameter BlockDeviceMapping.DeviceName');
  if (ebs === undefined) return invalidValue(`Device ${device}: only EBS volumes are imitated`);
  const facts = volumeFacts(region, {
    zone,
    sizeGiB: ebs.VolumeSize,
    volumeType: ebs.VolumeType,
    iops: ebs.Iops,
    throughput: ebs.Throughput,
    encrypted: ebs.Encrypted,
    kmsKeyId: ebs.KmsKeyId,
    snapshotId: ebs.SnapshotId,
  });
  return { device, facts, deleteOnTermination: ebs.DeleteOnTermination ?? deleteByDefault };
}
