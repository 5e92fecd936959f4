import type { _InstanceType, InstanceMetadataOptionsResponse, InstanceStateName, ResourceType, VolumeType } from '@aws-sdk/client-ec2';

/** Everything that has an ID and can be tagged. */
export interface Thing {
  readonly id: string;
  readonly type: ResourceType;
  /** Grows with every thing that is made; the order of every list. */
  readonly serial: number;
  readonly createdAt: number;
  /** Before that, nobody but its maker knows of it. */
  readonly visibleAt: number;
  readonly tags: Map<string, string>;
}

export interface ReservationThing {
  readonly id: string;
  readonly serial: number;
  readonly instances: InstanceThing[];
}

export interface InstanceThing extends Thing {
  readonly type: 'instance';
  readonly reservation: ReservationThing;
  readonly launchIndex: number;
  readonly image: ImageThing;
  instanceType: _InstanceType;
  readonly subnet: SubnetThing;
  readonly clientToken: string | undefined;
  readonly keyName: string | undefined;
  readonly profile: { readonly Arn: string; readonly Id: string } | undefined;
  readonly metadata: InstanceMetadataOptionsResponse;
  readonly spotRequest: SpotRequestThing | undefined;
  readonly ebsOptimized: boolean;
  readonly monitoring: boolean;
  readonly tenancy: string;
  readonly interfaces: InterfaceThing[];
  readonly launchedAt: number;
  /** Gives back what the launch took of scripted limits. */
  readonly giveBack: () => void;
  state: InstanceStateName;
  stateReason: { readonly Code: string; readonly Message: string } | undefined;
  transitionReason: string;
  runningAt: number | undefined;
  shutdownBehavior: 'stop' | 'terminate';
  terminationProtected: boolean;
  sourceDestCheck: boolean;
  /** Base64, as it came. */
  userData: string | undefined;
  impairedSince: number | undefined;
  console: { readonly text: string; readonly at: number } | undefined;
}

export interface SpotRequestThing extends Thing {
  readonly type: 'spot-instances-request';
}

export interface InterfaceThing extends Thing {
  readonly type: 'network-interface';
  readonly attachmentId: string;
  readonly instance: InstanceThing;
  readonly subnet: SubnetThing;
  readonly description: string;
  readonly privateAddress: string;
  readonly publicAddress: string | undefined;
  readonly macAddress: string;
  groups: GroupThing[];
}

export interface GroupThing extends Thing {
  readonly type: 'security-group';
  readonly name: string;
  readonly description: string;
  readonly vpc: VpcThing;
  readonly rules: RuleThing[];
}

export interface RuleThing extends Thing {
  readonly type: 'security-group-rule';
  readonly group: GroupThing;
  readonly egress: boolean;
  readonly protocol: string;
  readonly from: number;
  readonly to: number;
  readonly peer: { readonly cidr: string } | { readonly cidr6: string } | { readonly group: GroupThing };
  readonly description: string | undefined;
}

export interface VolumeThing extends Thing {
  readonly type: 'volume';
  readonly zone: string;
  readonly sizeGiB: number;
  readonly volumeType: VolumeType;
  readonly iops: number | undefined;
  readonly throughput: number | undefined;
  readonly encrypted: boolean;
  readonly kmsKeyId: string | undefined;
  readonly snapshotId: string | undefined;
  state: 'creating' | 'available' | 'in-use' | 'deleting';
  attachment: Attachment | undefined;
}

export interface Attachment {
  readonly instance: InstanceThing;
  readonly device: string;
  readonly since: number;
  state: 'attaching' | 'attached' | 'detaching';
  deleteOnTermination: boolean;
}

export interface SnapshotThing extends Thing {
  readonly type: 'snapshot';
  readonly owner: string;
  readonly volumeId: string;
  readonly sizeGiB: number;
  readonly description: string;
  readonly encrypted: boolean;
  readonly kmsKeyId: string | undefined;
  state: 'pending' | 'completed';
  completedAt: number | undefined;
}

export interface ImageThing extends Thing {
  readonly type: 'image';
  readonly name: string;
  readonly description: string;
  readonly owner: string;
  readonly ownerAlias: string | undefined;
  readonly architecture: 'x86_64' | 'arm64';
  readonly rootDevice: string;
  readonly snapshotId: string;
  readonly sizeGiB: number;
  readonly further: readonly { readonly device: string; readonly snapshotId: string; readonly sizeGiB: number }[];
}

export interface VpcThing extends Thing {
  readonly type: 'vpc';
  readonly cidr: string;
  readonly isDefault: boolean;
}

export interface SubnetThing extends Thing {
  readonly type: 'subnet';
  readonly vpc: VpcThing;
  readonly zone: string;
  readonly zoneId: string;
  readonly cidr: string;
  readonly defaultForZone: boolean;
  readonly publicByDefault: boolean;
  readonly used: Set<string>;
  /** How many addresses are taken. */
  taken: number;
}

export const STATE_CODES: Readonly<Record<InstanceStateName, number>> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};
