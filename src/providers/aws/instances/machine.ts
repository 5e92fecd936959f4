import type { Instance } from '@aws-sdk/client-ec2';
import type { Tags } from '../../../core/tags.ts';
import { ORDINALS, readOrdinals } from './ordinals.ts';
import { type Owner, ownerOf, tagsFrom } from '../ownership.ts';

/** An EC2 instance of ours, as far as spin goes by it. */
export interface Machine {
  readonly id: string;
  readonly owner: Owner;
  readonly account: string | undefined;
  /** Which instance of its service it is, from 1; 0 where its tags do not tell. */
  readonly ordinal: number;
  readonly state: MachineState;
  readonly type: string;
  /** ID of the image that it was started from. */
  readonly image: string;
  readonly zone: string;
  readonly spot: boolean;
  /** Milliseconds since the epoch. */
  readonly launchedAt: number;
  /** When it was ended, as far as EC2 tells. */
  readonly endedAt: number | undefined;
  readonly token: string | undefined;
  readonly privateAddress: string | undefined;
  readonly publicAddress: string | undefined;
  /** Why it is in its state: a code of EC2, such as `Client.UserInitiatedShutdown`. */
  readonly reason: { readonly code: string; readonly message: string } | undefined;
  /** Names under which disks are attached to it, such as `/dev/xvda`. */
  readonly devices: readonly string[];
  readonly tags: Tags;
}

export const MACHINE_STATES = ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated'] as const;
export type MachineState = (typeof MACHINE_STATES)[number];

/** Codes of a machine that ended from within: it shuts itself down where its bootstrap failed, and at its deadline. */
const ENDED_ITSELF = 'Client.InstanceInitiatedShutdown';

/** Reads an instance of EC2; undefined where it is not ours. */
export function machineOf(instance: Instance, account: string | undefined): Machine | undefined {
  const tags = tagsFrom(instance.Tags);
  const owner = ownerOf(tags);
  const { InstanceId: id, StateReason: reason } = instance;
  if (owner === undefined || id === undefined) return undefined;
  return {
    id,
    owner,
    account,
    ordinal: readOrdinals(tags[ORDINALS] ?? '')[instance.AmiLaunchIndex ?? 0] ?? 0,
    state: MACHINE_STATES.find((state) => state === instance.State?.Name) ?? 'pending',
    type: instance.InstanceType ?? '',
    image: instance.ImageId ?? '',
    zone: instance.Placement?.AvailabilityZone ?? '',
    spot: instance.InstanceLifecycle === 'spot',
    launchedAt: instance.LaunchTime?.getTime() ?? 0,
    endedAt: timeIn(instance.StateTransitionReason),
    token: instance.ClientToken,
    privateAddress: instance.PrivateIpAddress,
    publicAddress: instance.PublicIpAddress,
    reason: reason?.Code === undefined ? undefined : { code: reason.Code, message: reason.Message ?? reason.Code },
    devices: (instance.BlockDeviceMappings ?? []).flatMap(({ DeviceName }) => DeviceName ?? []),
    tags,
  };
}

/** The time that stands in `User initiated (2026-11-23 18:29:09 GMT)`: EC2 tells it nowhere else. */
function timeIn(reason: string | undefined): number | undefined {
  const time = Date.parse(/\((\d{4}-[^()]+)\)/.exec(reason ?? '')?.[1] ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** True while it can do what it is for, or is about to. */
export function lives({ state }: Machine): boolean {
  return state === 'pending' || state === 'running';
}

/** True once nothing of it is left but its name in lists. */
export function isGone({ state }: Machine): boolean {
  return state === 'terminated';
}

/** True where it ended by its own hand, and not by anyone's request. */
export function endedItself({ reason }: Machine): boolean {
  return reason?.code === ENDED_ITSELF;
}

/** Such as `web@1.2`. */
export function instanceName(machine: Pick<Machine, 'owner' | 'ordinal'>): string {
  return `${machine.owner.resource.replace(/^service\./, '')}.${machine.ordinal}`;
}

/** `i-0123 (t3.micro in eu-central-1a)` */
export function describeMachine({ id, type, zone, spot }: Machine): string {
  return `${id} (${spot ? 'spot ' : ''}${type} in ${zone})`;
}
