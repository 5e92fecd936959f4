import {
  AttachVolume$,
  CreateSnapshot$,
  CreateVolume$,
  DeleteSnapshot$,
  DeleteVolume$,
  DescribeSnapshots$,
  DescribeVolumes$,
  DetachVolume$,
} from '@aws-sdk/client-ec2';
import type {
  AttachVolumeRequest,
  CreateSnapshotRequest,
  CreateVolumeRequest,
  DeleteSnapshotRequest,
  DeleteVolumeRequest,
  DescribeSnapshotsRequest,
  DescribeSnapshotsResult,
  DescribeVolumesRequest,
  DescribeVolumesResult,
  DetachVolumeRequest,
  Snapshot,
  Volume,
  VolumeAttachment,
} from '@aws-sdk/client-ec2';
import { select, taggedFields } from '../filters.ts';
import type { Fields } from '../filters.ts';
import { page, refusePageOfNamed } from '../pages.ts';
import { invalidValue, refuse } from '../protocol/refusal.ts';
import { tagsOf } from '../world/tags.ts';
import type { SnapshotThing, VolumeThing } from '../world/things.ts';
import { checkToken } from '../world/tokens.ts';
import { attach, deleteVolume, detach, makeSnapshot, makeVolume, volumeFacts } from '../world/volumes.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';
import { describeSnapshot, describeVolume } from './describe.ts';

export const VOLUME_ACTIONS: readonly Action[] = [
  action<CreateVolumeRequest>(
    CreateVolume$,
    [
      'AvailabilityZone',
      'Size',
      'SnapshotId',
      'VolumeType',
      'Iops',
      'Throughput',
      'Encrypted',
      'KmsKeyId',
      'TagSpecifications',
      'ClientToken',
    ],
    createVolume,
  ),
  action<DescribeVolumesRequest>(DescribeVolumes$, ['VolumeIds', 'Filters', 'MaxResults', 'NextToken'], describeVolumes),
  action<AttachVolumeRequest>(AttachVolume$, ['VolumeId', 'InstanceId', 'Device'], attachVolume),
  action<DetachVolumeRequest>(DetachVolume$, ['VolumeId', 'InstanceId', 'Device', 'Force'], detachVolume),
  action<DeleteVolumeRequest>(DeleteVolume$, ['VolumeId'], ({ region }, { VolumeId: id = '' }) => {
    deleteVolume(region, region.get('volume', id));
    return {};
  }),
  action<CreateSnapshotRequest>(CreateSnapshot$, ['VolumeId', 'Description', 'TagSpecifications'], createSnapshot),
  action<DescribeSnapshotsRequest>(
    DescribeSnapshots$,
    ['SnapshotIds', 'OwnerIds', 'Filters', 'MaxResults', 'NextToken'],
    describeSnapshots,
  ),
  action<DeleteSnapshotRequest>(DeleteSnapshot$, ['SnapshotId'], deleteSnapshot),
];

/** The same token gives the same volume; that of a deleted volume is refused, for nothing is known of what AWS says then. */
function createVolume({ region, fingerprint }: Context, input: CreateVolumeRequest): Volume {
  const { AvailabilityZone: zone, ClientToken: token } = input;
  if (zone === undefined) return refuse('MissingParameter', 'The request must contain the parameter availabilityZone');
  if (!region.zones.includes(zone)) return refuse('InvalidZone.NotFound', `The zone '${zone}' does not exist.`);
  const facts = volumeFacts(region, {
    zone,
    sizeGiB: input.Size,
    volumeType: input.VolumeType,
    iops: input.Iops,
    throughput: input.Throughput,
    encrypted: input.Encrypted,
    kmsKeyId: input.KmsKeyId,
    snapshotId: input.SnapshotId,
  });
  const tags = tagsOf(input.TagSpecifications, ['volume'])('volume');
  if (token === undefined) return describeVolume(makeVolume(region, facts, tags));
  checkToken(token);
  const [before] = region.tokens.claim('CreateVolume', token, fingerprint) ?? [];
  if (before !== undefined) {
    const volume = region.peek('volume', before);
    return volume === undefined ? refuse('InvalidVolume.NotFound', `The volume '${before}' does not exist.`) : describeVolume(volume);
  }
  const volume = makeVolume(region, facts, tags);
  region.tokens.made('CreateVolume', token, [volume.id]);
  return describeVolume(volume);
}

const VOLUME_FIELDS: Fields<VolumeThing> = {
  ...taggedFields,
  'attachment.delete-on-termination': ({ attachment }) => attachment?.deleteOnTermination,
  'attachment.device': ({ attachment }) => attachment?.device,
  'attachment.instance-id': ({ attachment }) => attachment?.instance.id,
  'attachment.status': ({ attachment }) => attachment?.state,
  'availability-zone': ({ zone }) => zone,
  'create-time': ({ createdAt }) => new Date(createdAt).toISOString(),
  encrypted: ({ encrypted }) => encrypted,
  size: ({ sizeGiB }) => sizeGiB,
  'snapshot-id': ({ snapshotId }) => snapshotId,
  status: ({ state }) => state,
  'volume-id': ({ id }) => id,
  'volume-type': ({ volumeType }) => volumeType,
};

function describeVolumes({ region }: Context, input: DescribeVolumesRequest): DescribeVolumesResult {
  const { VolumeIds: ids } = input;
  refusePageOfNamed(input, ids, 'volumeSet');
  const all = region.listed('volume', ids);
  const { items, ...next } = page(select(all, input.Filters, VOLUME_FIELDS), input, {
    of: 'DescribeVolumes',
    size: region.world.options.pageSize,
    position: ({ serial }) => serial,
  });
  return { Volumes: items.map(describeVolume), ...next };
}

function attachVolume({ region }: Context, { VolumeId = '', InstanceId = '', Device = '' }: AttachVolumeRequest): VolumeAttachment {
  const volume = region.get('volume', VolumeId);
  attach(region, volume, region.get('instance', InstanceId), Device);
  return attachmentOf(volume);
}

function detachVolume({ region }: Context, { VolumeId = '', InstanceId, Device }: DetachVolumeRequest): VolumeAttachment {
  const volume = region.get('volume', VolumeId);
  const { attachment } = volume;
  if (attachment !== undefined && (InstanceId ?? attachment.instance.id) !== attachment.instance.id) {
    refuse('InvalidAttachment.NotFound', `Volume '${volume.id}' is not attached to instance '${InstanceId ?? ''}'`);
  }
  if (attachment !== undefined && (Device ?? attachment.device) !== attachment.device) {
    invalidValue(`The volume '${volume.id}' is not attached to '${attachment.instance.id}' as device '${Device ?? ''}'`);
  }
  detach(region, volume);
  return attachmentOf(volume);
}

function attachmentOf(volume: VolumeThing): VolumeAttachment {
  return describeVolume(volume).Attachments?.[0] ?? {};
}

function createSnapshot({ region }: Context, input: CreateSnapshotRequest): Snapshot {
  const volume = region.get('volume', input.VolumeId ?? '');
  const tags = tagsOf(input.TagSpecifications, ['snapshot'])('snapshot');
  return describeSnapshot(makeSnapshot(region, volume, input.Description ?? '', tags));
}

/** One's own: the snapshots behind the public images belong to others and are not listed. */
function describeSnapshots({ region }: Context, input: DescribeSnapshotsRequest): DescribeSnapshotsResult {
  const { SnapshotIds: ids, OwnerIds: owners } = input;
  refusePageOfNamed(input, ids, 'snapshotSet');
  const all = region.listed('snapshot', ids);
  const owned = owners === undefined ? all : all.filter(({ owner }) => owners.includes(owner) || owners.includes('self'));
  const { items, ...next } = page(select(owned, input.Filters, SNAPSHOT_FIELDS), input, {
    of: 'DescribeSnapshots',
    size: region.world.options.pageSize,
    position: ({ serial }) => serial,
  });
  return { Snapshots: items.map(describeSnapshot), ...next };
}

const SNAPSHOT_FIELDS: Fields<SnapshotThing> = {
  ...taggedFields,
  description: ({ description }) => description,
  encrypted: ({ encrypted }) => encrypted,
  'owner-id': ({ owner }) => owner,
  'snapshot-id': ({ id }) => id,
  'start-time': ({ createdAt }) => new Date(createdAt).toISOString(),
  status: ({ state }) => state,
  'volume-id': ({ volumeId }) => volumeId,
  'volume-size': ({ sizeGiB }) => sizeGiB,
};

function deleteSnapshot({ region }: Context, { SnapshotId: id = '' }: DeleteSnapshotRequest): object {
  const image = [...region.every('image')].find(({ snapshotId }) => snapshotId === id);
  if (image !== undefined) refuse('InvalidSnapshot.InUse', `The snapshot ${id} is currently in use by ${image.id}`);
  region.remove('snapshot', region.get('snapshot', id).id);
  return {};
}
