import type {
  GroupIdentifier,
  Instance,
  InstanceBlockDeviceMapping,
  InstanceNetworkInterface,
  InstanceState,
  InstanceStateName,
  IpPermission,
  NetworkInterface,
  Reservation,
  SecurityGroup,
  SecurityGroupRule,
  Snapshot,
  Volume,
} from '@aws-sdk/client-ec2';
import type { RegionWorld } from '../world/region.ts';
import { tagList, tagSet } from '../world/tags.ts';
import { STATE_CODES } from '../world/things.ts';
import type {
  GroupThing,
  InstanceThing,
  InterfaceThing,
  ReservationThing,
  RuleThing,
  SnapshotThing,
  VolumeThing,
} from '../world/things.ts';
import { attachedTo } from '../world/volumes.ts';

export function stateOf(name: InstanceStateName): InstanceState {
  return { Code: STATE_CODES[name], Name: name };
}

export function describeReservation(
  region: RegionWorld,
  reservation: ReservationThing,
  instances: readonly InstanceThing[] = reservation.instances,
): Reservation {
  return {
    ReservationId: reservation.id,
    OwnerId: region.account,
    Groups: [],
    Instances: instances.map((instance) => describeInstance(region, instance)),
  };
}

/** As DescribeInstances tells it. What a terminated instance has given back is left out; a public address comes with `running`. */
export function describeInstance(region: RegionWorld, instance: InstanceThing): Instance {
  const [primary] = instance.interfaces;
  const volumes = attachedTo(region, instance);
  const gone = instance.state === 'terminated';
  const publicAddress = shownPublicAddress(instance);
  return {
    InstanceId: instance.id,
    ImageId: instance.image.id,
    State: stateOf(instance.state),
    PrivateDnsName: primary === undefined ? '' : privateName(region, primary.privateAddress),
    PublicDnsName: publicAddress === undefined ? '' : publicName(region, publicAddress),
    StateTransitionReason: instance.transitionReason,
    ...(instance.keyName === undefined ? {} : { KeyName: instance.keyName }),
    AmiLaunchIndex: instance.launchIndex,
    ProductCodes: [],
    InstanceType: instance.instanceType,
    LaunchTime: new Date(instance.launchedAt),
    Placement: {
      AvailabilityZone: instance.subnet.zone,
      AvailabilityZoneId: instance.subnet.zoneId,
      GroupName: '',
      Tenancy: instance.tenancy === 'dedicated' ? 'dedicated' : 'default',
    },
    Monitoring: { State: instance.monitoring ? 'enabled' : 'disabled' },
    ...(gone ? {} : { SubnetId: instance.subnet.id, VpcId: instance.subnet.vpc.id }),
    ...(primary === undefined ? {} : { PrivateIpAddress: primary.privateAddress }),
    ...(publicAddress === undefined ? {} : { PublicIpAddress: publicAddress }),
    ...(instance.stateReason === undefined ? {} : { StateReason: instance.stateReason }),
    Architecture: instance.image.architecture,
    RootDeviceType: 'ebs',
    RootDeviceName: instance.image.rootDevice,
    BlockDeviceMappings: volumes.map(describeMapping),
    VirtualizationType: 'hvm',
    ...(instance.spotRequest === undefined ? {} : { InstanceLifecycle: 'spot', SpotInstanceRequestId: instance.spotRequest.id }),
    ClientToken: instance.clientToken ?? '',
    ...tagSet(instance.tags),
    SecurityGroups: groupSet(primary?.groups ?? []),
    ...(gone ? {} : { SourceDestCheck: instance.sourceDestCheck }),
    Hypervisor: 'xen',
    NetworkInterfaces: instance.interfaces.map((held) => describeOwnInterface(region, held)),
    ...(instance.profile === undefined ? {} : { IamInstanceProfile: instance.profile }),
    EbsOptimized: instance.ebsOptimized,
    EnaSupport: true,
    MetadataOptions: { ...instance.metadata, State: instance.state === 'pending' ? 'pending' : 'applied' },
    PlatformDetails: 'Linux/UNIX',
    UsageOperation: 'RunInstances',
    CurrentInstanceBootMode: instance.image.architecture === 'arm64' ? 'uefi' : 'legacy-bios',
  };
}

export function shownPublicAddress(instance: InstanceThing): string | undefined {
  return instance.state === 'running' ? instance.interfaces[0]?.publicAddress : undefined;
}

function describeMapping({ id, attachment }: VolumeThing): InstanceBlockDeviceMapping {
  if (attachment === undefined) return {};
  return {
    DeviceName: attachment.device,
    Ebs: {
      AttachTime: new Date(attachment.since),
      DeleteOnTermination: attachment.deleteOnTermination,
      Status: attachment.state,
      VolumeId: id,
    },
  };
}

function describeOwnInterface(region: RegionWorld, held: InterfaceThing): InstanceNetworkInterface {
  return {
    ...interfaceCommons(region, held),
    Attachment: {
      AttachTime: new Date(held.createdAt),
      AttachmentId: held.attachmentId,
      DeleteOnTermination: true,
      DeviceIndex: 0,
      Status: 'attached',
      NetworkCardIndex: 0,
    },
  };
}

export function describeInterface(region: RegionWorld, held: InterfaceThing): NetworkInterface {
  return {
    ...interfaceCommons(region, held),
    Attachment: {
      AttachTime: new Date(held.createdAt),
      AttachmentId: held.attachmentId,
      DeleteOnTermination: true,
      DeviceIndex: 0,
      NetworkCardIndex: 0,
      InstanceId: held.instance.id,
      InstanceOwnerId: region.account,
      Status: 'attached',
    },
    AvailabilityZone: held.subnet.zone,
    RequesterManaged: false,
    TagSet: tagList(held.tags),
  };
}

function interfaceCommons(region: RegionWorld, held: InterfaceThing) {
  const publicAddress = shownPublicAddress(held.instance);
  const association =
    publicAddress === undefined
      ? {}
      : { Association: { IpOwnerId: 'amazon', PublicDnsName: publicName(region, publicAddress), PublicIp: publicAddress } };
  const name = privateName(region, held.privateAddress);
  return {
    ...association,
    Description: held.description,
    Groups: groupSet(held.groups),
    Ipv6Addresses: [],
    MacAddress: held.macAddress,
    NetworkInterfaceId: held.id,
    OwnerId: region.account,
    PrivateDnsName: name,
    PrivateIpAddress: held.privateAddress,
    PrivateIpAddresses: [{ ...association, Primary: true, PrivateDnsName: name, PrivateIpAddress: held.privateAddress }],
    SourceDestCheck: held.instance.sourceDestCheck,
    Status: 'in-use' as const,
    SubnetId: held.subnet.id,
    VpcId: held.subnet.vpc.id,
    InterfaceType: 'interface' as const,
  };
}

export function groupSet(groups: readonly GroupThing[]): GroupIdentifier[] {
  return groups.map(({ id, name }) => ({ GroupId: id, GroupName: name }));
}

function privateName(region: RegionWorld, address: string): string {
  const domain = region.name === 'us-east-1' ? 'ec2.internal' : `${region.name}.compute.internal`;
  return `ip-${address.replaceAll('.', '-')}.${domain}`;
}

function publicName(region: RegionWorld, address: string): string {
  const domain = region.name === 'us-east-1' ? 'compute-1' : `${region.name}.compute`;
  return `ec2-${address.replaceAll('.', '-')}.${domain}.amazonaws.com`;
}

export function describeVolume(volume: VolumeThing): Volume {
  const { attachment } = volume;
  return {
    VolumeId: volume.id,
    Size: volume.sizeGiB,
    SnapshotId: volume.snapshotId ?? '',
    AvailabilityZone: volume.zone,
    State: volume.state,
    CreateTime: new Date(volume.createdAt),
    Attachments:
      attachment === undefined
        ? []
        : [
            {
              VolumeId: volume.id,
              InstanceId: attachment.instance.id,
              Device: attachment.device,
              State: attachment.state,
              AttachTime: new Date(attachment.since),
              DeleteOnTermination: attachment.deleteOnTermination,
            },
          ],
    ...tagSet(volume.tags),
    VolumeType: volume.volumeType,
    ...(volume.iops === undefined ? {} : { Iops: volume.iops }),
    ...(volume.throughput === undefined ? {} : { Throughput: volume.throughput }),
    Encrypted: volume.encrypted,
    ...(volume.kmsKeyId === undefined ? {} : { KmsKeyId: volume.kmsKeyId }),
    MultiAttachEnabled: false,
  };
}

export function describeSnapshot(snapshot: SnapshotThing): Snapshot {
  return {
    SnapshotId: snapshot.id,
    VolumeId: snapshot.volumeId,
    State: snapshot.state,
    StartTime: new Date(snapshot.createdAt),
    Progress: snapshot.state === 'completed' ? '100%' : '0%',
    OwnerId: snapshot.owner,
    Description: snapshot.description,
    VolumeSize: snapshot.sizeGiB,
    Encrypted: snapshot.encrypted,
    ...(snapshot.kmsKeyId === undefined ? {} : { KmsKeyId: snapshot.kmsKeyId }),
    ...tagSet(snapshot.tags),
    StorageTier: 'standard',
    ...(snapshot.completedAt === undefined ? {} : { CompletionTime: new Date(snapshot.completedAt) }),
  };
}

export function describeGroup(region: RegionWorld, group: GroupThing): SecurityGroup {
  return {
    OwnerId: region.account,
    GroupName: group.name,
    GroupId: group.id,
    Description: group.description,
    VpcId: group.vpc.id,
    SecurityGroupArn: region.arn('ec2', `security-group/${group.id}`),
    IpPermissions: permissions(
      region,
      group.rules.filter(({ egress }) => !egress),
    ),
    IpPermissionsEgress: permissions(
      region,
      group.rules.filter(({ egress }) => egress),
    ),
    ...tagSet(group.tags),
  };
}

/** Rules of the same protocol and ports are one permission with several peers. */
function permissions(region: RegionWorld, rules: readonly RuleThing[]): IpPermission[] {
  const byPorts = new Map<string, Required<Pick<IpPermission, 'UserIdGroupPairs' | 'IpRanges' | 'Ipv6Ranges'>> & IpPermission>();
  for (const rule of rules) {
    const key = `${rule.protocol} ${rule.from} ${rule.to}`;
    let permission = byPorts.get(key);
    if (permission === undefined) {
      permission = { IpProtocol: rule.protocol, ...portsOf(rule), UserIdGroupPairs: [], IpRanges: [], Ipv6Ranges: [], PrefixListIds: [] };
      byPorts.set(key, permission);
    }
    const description = rule.description === undefined ? {} : { Description: rule.description };
    if ('group' in rule.peer) permission.UserIdGroupPairs?.push({ GroupId: rule.peer.group.id, UserId: region.account, ...description });
    else if ('cidr6' in rule.peer) permission.Ipv6Ranges?.push({ CidrIpv6: rule.peer.cidr6, ...description });
    else permission.IpRanges?.push({ CidrIp: rule.peer.cidr, ...description });
  }
  return [...byPorts.values()];
}

export function describeRule(region: RegionWorld, rule: RuleThing): SecurityGroupRule {
  return {
    SecurityGroupRuleId: rule.id,
    GroupId: rule.group.id,
    GroupOwnerId: region.account,
    IsEgress: rule.egress,
    IpProtocol: rule.protocol,
    FromPort: rule.from,
    ToPort: rule.to,
    ...('group' in rule.peer
      ? { ReferencedGroupInfo: { GroupId: rule.peer.group.id, UserId: region.account, VpcId: rule.group.vpc.id } }
      : 'cidr6' in rule.peer
        ? { CidrIpv6: rule.peer.cidr6 }
        : { CidrIpv4: rule.peer.cidr }),
    ...(rule.description === undefined ? {} : { Description: rule.description }),
    Tags: tagList(rule.tags),
    SecurityGroupRuleArn: region.arn('ec2', `security-group-rule/${rule.id}`),
  };
}

function portsOf({ protocol, from, to }: RuleThing): Pick<IpPermission, 'FromPort' | 'ToPort'> {
  return protocol === '-1' ? {} : { FromPort: from, ToPort: to };
}
