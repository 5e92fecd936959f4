import type { VolumeType } from '@aws-sdk/client-ec2';
import { invalidValue, refuse } from '../protocol/refusal.ts';
import type { RegionWorld } from './region.ts';
import type { InstanceThing, SnapshotThing, VolumeThing } from './things.ts';

export interface VolumeFacts {
  readonly zone: string;
  readonly sizeGiB: number;
  readonly volumeType: VolumeType;
  readonly iops: number | undefined;
  readonly throughput: number | undefined;
  readonly encrypted: boolean;
  readonly kmsKeyId: string | undefined;
  readonly snapshotId: string | undefined;
}

export interface VolumeRequest {
  readonly zone: string;
  readonly sizeGiB: number | undefined;
  readonly volumeType: VolumeType | undefined;
  readonly iops: number | undefined;
  readonly throughput: number | undefined;
  readonly encrypted: boolean | undefined;
  readonly kmsKeyId: string | undefined;
  readonly snapshotId: string | undefined;
}

/**
 * Fills in what a request leaves out: the size of its snapshot, gp2, the rates that belong to a type.
 * @throws Refusal
 */
export function volumeFacts(region: RegionWorld, request: VolumeRequest): VolumeFacts {
  const from = request.snapshotId === undefined ? undefined : sourceOf(region, request.snapshotId);
  const sizeGiB =
    request.sizeGiB ?? from?.sizeGiB ?? refuse('MissingParameter', 'The request must contain the parameter size or snapshotId');
  if (from !== undefined && sizeGiB < from.sizeGiB) {
    refuse(
      'InvalidBlockDeviceMapping',
      `Volume of size ${sizeGiB}GB is smaller than snapshot '${request.snapshotId ?? ''}', expect size >= ${from.sizeGiB}GB`,
    );
  }
  if (sizeGiB < 1 || sizeGiB > 65_536) invalidValue(`Invalid value '${sizeGiB}' for size`);
  const volumeType = request.volumeType ?? 'gp2';
  const encrypted = request.encrypted ?? from?.encrypted ?? false;
  return {
    zone: request.zone,
    sizeGiB,
    volumeType,
    iops: iopsOf(volumeType, sizeGiB, request.iops),
    throughput: volumeType === 'gp3' ? (request.throughput ?? 125) : undefined,
    encrypted,
    kmsKeyId: encrypted ? (request.kmsKeyId ?? region.arn('kms', 'key/aws/ebs')) : undefined,
    snapshotId: request.snapshotId,
  };
}

/** A volume of its own: `creating`, then `available`. */
export function makeVolume(region: RegionWorld, facts: VolumeFacts, tags: Map<string, string>): VolumeThing {
  const volume = region.add('volume', { ...region.base('volume', tags), ...facts, state: 'creating', attachment: undefined });
  region.world.later(region.world.options.volumeMs, () => {
    if (volume.state === 'creating') volume.state = 'available';
  });
  return volume;
}

/** A volume that comes with an instance. */
export function makeAttachedVolume(
  region: RegionWorld,
  facts: VolumeFacts,
  tags: Map<string, string>,
  to: { readonly instance: InstanceThing; readonly device: string; readonly deleteOnTermination: boolean },
): VolumeThing {
  const volume = region.add('volume', {
    ...region.base('volume', tags),
    ...facts,
    state: 'in-use',
    attachment: { ...to, since: region.world.now, state: 'attached' },
  });
  region.volumesOf(to.instance).push(volume);
  return volume;
}

/** @throws Refusal `VolumeInUse`, `IncorrectState`, `IncorrectInstanceState`, `InvalidVolume.ZoneMismatch` */
export function attach(region: RegionWorld, volume: VolumeThing, instance: InstanceThing, device: string): void {
  if (volume.attachment !== undefined) refuse('VolumeInUse', `${volume.id} is already attached to an instance`);
  if (volume.state !== 'available') refuse('IncorrectState', `Volume '${volume.id}' is in the '${volume.state}' state.`);
  if (instance.state !== 'running' && instance.state !== 'stopped') {
    refuse('IncorrectState', `Instance '${instance.id}' is not 'running'.`);
  }
  if (volume.zone !== instance.subnet.zone) {
    refuse('InvalidVolume.ZoneMismatch', `The volume '${volume.id}' is not in the same availability zone as instance '${instance.id}'`);
  }
  if (attachedTo(region, instance).some(({ attachment }) => attachment?.device === device)) {
    invalidValue(`Invalid value '${device}' for unixDevice. Attachment point ${device} is already in use`);
  }
  const attachment: VolumeThing['attachment'] = {
    instance,
    device,
    since: region.world.now,
    state: 'attaching',
    deleteOnTermination: false,
  };
  volume.attachment = attachment;
  volume.state = 'in-use';
  region.volumesOf(instance).push(volume);
  region.world.later(region.world.options.volumeMs, () => {
    if (volume.attachment === attachment && attachment.state === 'attaching') attachment.state = 'attached';
  });
}

/** @throws Refusal `IncorrectState` where it is not attached */
export function detach(region: RegionWorld, volume: VolumeThing): void {
  const { attachment } = volume;
  if (attachment === undefined) return refuse('IncorrectState', `Volume '${volume.id}' is in the '${volume.state}' state.`);
  attachment.state = 'detaching';
  region.world.later(region.world.options.volumeMs, () => {
    if (volume.attachment === attachment) release(region, volume, attachment.instance);
  });
}

/** @throws Refusal `VolumeInUse`, `InvalidVolume.NotFound` where it is being deleted */
export function deleteVolume(region: RegionWorld, volume: VolumeThing): void {
  const { attachment } = volume;
  if (attachment !== undefined) refuse('VolumeInUse', `Volume ${volume.id} is currently attached to ${attachment.instance.id}`);
  if (volume.state === 'deleting') refuse('InvalidVolume.NotFound', `The volume '${volume.id}' does not exist.`);
  if (volume.state === 'creating') refuse('IncorrectState', `Volume '${volume.id}' is in the 'creating' state.`);
  volume.state = 'deleting';
  region.world.later(region.world.options.volumeMs, () => region.remove('volume', volume.id));
}

/** What becomes of an instance's volumes when it is terminated. */
export function leaveVolumes(region: RegionWorld, instance: InstanceThing): void {
  for (const volume of attachedTo(region, instance)) {
    if (volume.attachment?.deleteOnTermination === true) region.remove('volume', volume.id);
    release(region, volume, instance);
  }
}

/** An instance's volumes, in the order in which it got them. */
export function attachedTo(region: RegionWorld, instance: InstanceThing): readonly VolumeThing[] {
  return [...region.volumesOf(instance)];
}

export function makeSnapshot(region: RegionWorld, volume: VolumeThing, description: string, tags: Map<string, string>): SnapshotThing {
  const snapshot = region.add('snapshot', {
    ...region.base('snapshot', tags),
    owner: region.account,
    volumeId: volume.id,
    sizeGiB: volume.sizeGiB,
    description,
    encrypted: volume.encrypted,
    kmsKeyId: volume.kmsKeyId,
    state: 'pending',
    completedAt: undefined,
  });
  region.world.later(region.world.options.snapshotMs, () => {
    snapshot.state = 'completed';
    snapshot.completedAt = region.world.now;
  });
  return snapshot;
}

function release(region: RegionWorld, volume: VolumeThing, instance: InstanceThing): void {
  const held = region.volumesOf(instance);
  held.splice(held.indexOf(volume), 1);
  volume.attachment = undefined;
  if (volume.state === 'in-use') volume.state = 'available';
}

function sourceOf(region: RegionWorld, snapshotId: string): { readonly sizeGiB: number; readonly encrypted: boolean } {
  for (const image of region.every('image')) {
    const disk = [image, ...image.further].find((one) => one.snapshotId === snapshotId);
    if (disk !== undefined) return { sizeGiB: disk.sizeGiB, encrypted: false };
  }
  const snapshot = region.get('snapshot', snapshotId);
  if (snapshot.state !== 'completed') refuse('IncorrectState', `Snapshot '${snapshot.id}' is in the '${snapshot.state}' state.`);
  return snapshot;
}

/** What AWS gives where nothing is asked: gp3 3,000, gp2 three per GiB and at least 100. */
function iopsOf(type: VolumeType, sizeGiB: number, asked: number | undefined): number | undefined {
  switch (type) {
    case 'gp3':
      return asked ?? 3000;
    case 'gp2':
      return Math.min(16_000, Math.max(100, 3 * sizeGiB));
    case 'io1':
    case 'io2':
      return asked ?? refuse('MissingParameter', `The request must contain the parameter iops for volumes of type ${type}`);
    default:
      return undefined;
  }
}
