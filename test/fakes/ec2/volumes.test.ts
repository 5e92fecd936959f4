import {
  AttachVolumeCommand,
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  DeleteVolumeCommand,
  DescribeSnapshotsCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';
import { ManualClock } from '../clock.ts';
import { clientOf, ec2For, idsOf, launchOf } from './fixture.ts';

const disk = { AvailabilityZone: 'us-east-1a', Size: 10, VolumeType: 'gp3', Encrypted: true } as const;

it('is creating, available, attached, detached and deleted, each in its time', async () => {
  const clock = new ManualClock();
  const ec2 = await ec2For({ clock, volumeMs: 1_000 });
  const client = clientOf(ec2);
  const { VolumeId = '', State } = await client.send(
    new CreateVolumeCommand({ ...disk, TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'a', Value: 'b' }] }] }),
  );
  expect(State).toBe('creating');
  const volume = async () => (await client.send(new DescribeVolumesCommand({ Filters: [{ Name: 'tag:a', Values: ['b'] }] }))).Volumes?.[0];
  const [InstanceId = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf({ Placement: { AvailabilityZone: 'us-east-1a' } }))));
  const attach = new AttachVolumeCommand({ VolumeId, InstanceId, Device: '/dev/sdf' });
  await expect(client.send(attach)).rejects.toMatchObject({ name: 'IncorrectState' });
  await clock.advance(1_000);
  expect(await volume()).toMatchObject({ State: 'available', Encrypted: true, KmsKeyId: expect.stringContaining('arn:aws:kms') });
  expect(await client.send(attach)).toMatchObject({ State: 'attaching', Device: '/dev/sdf' });
  await clock.advance(1_000);
  expect(await volume()).toMatchObject({ State: 'in-use', Attachments: [{ State: 'attached', InstanceId }] });
  await expect(client.send(new DeleteVolumeCommand({ VolumeId }))).rejects.toMatchObject({
    name: 'VolumeInUse',
    message: `Volume ${VolumeId} is currently attached to ${InstanceId}`,
  });
  await client.send(new DetachVolumeCommand({ VolumeId }));
  await clock.advance(1_000);
  await client.send(new DeleteVolumeCommand({ VolumeId }));
  expect(await volume()).toMatchObject({ State: 'deleting' });
  await clock.advance(1_000);
  await expect(client.send(new DeleteVolumeCommand({ VolumeId }))).rejects.toMatchObject({ name: 'InvalidVolume.NotFound' });
});

it('replays the token of a volume, and refuses it for another', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const create = { ...disk, ClientToken: 'token' };
  const one = await client.send(new CreateVolumeCommand(create));
  const again = await client.send(new CreateVolumeCommand(create));
  expect(again.VolumeId).toBe(one.VolumeId);
  expect(again.State).toBe('available');
  await expect(client.send(new CreateVolumeCommand({ ...create, Size: 11 }))).rejects.toMatchObject({
    name: 'IdempotentParameterMismatch',
  });
  expect(ec2.snapshot().made.volume).toBe(1);
});

it('does not attach across zones', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const { VolumeId = '' } = await client.send(new CreateVolumeCommand(disk));
  const [InstanceId = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf({ Placement: { AvailabilityZone: 'us-east-1b' } }))));
  const attach = client.send(new AttachVolumeCommand({ VolumeId, InstanceId, Device: '/dev/sdf' }));
  await expect(attach).rejects.toMatchObject({ name: 'InvalidVolume.ZoneMismatch' });
});

it('makes a volume from a snapshot, no smaller than it', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const { VolumeId } = await client.send(new CreateVolumeCommand(disk));
  const { SnapshotId, State } = await client.send(new CreateSnapshotCommand({ VolumeId, Description: 'seed' }));
  expect(State).toBe('pending');
  const { Snapshots: mine } = await client.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }));
  expect(mine).toMatchObject([{ SnapshotId, State: 'completed', Progress: '100%', VolumeSize: 10, Encrypted: true }]);
  const from = { AvailabilityZone: 'us-east-1a', SnapshotId };
  expect(await client.send(new CreateVolumeCommand(from))).toMatchObject({ Size: 10, Encrypted: true, SnapshotId });
  await expect(client.send(new CreateVolumeCommand({ ...from, Size: 9 }))).rejects.toMatchObject({ name: 'InvalidBlockDeviceMapping' });
  await client.send(new DeleteSnapshotCommand({ SnapshotId }));
  await expect(client.send(new CreateVolumeCommand(from))).rejects.toMatchObject({ name: 'InvalidSnapshot.NotFound' });
});
