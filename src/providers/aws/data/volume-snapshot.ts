import { CreateSnapshotCommand, DeleteSnapshotCommand, DescribeSnapshotsCommand, EC2Client, type Snapshot } from '@aws-sdk/client-ec2';
import { rename, rm, writeFile } from 'node:fs/promises';
import { messageOf } from '../../../core/errors.ts';
import { digest } from '../../../core/ids.ts';
import { Fault } from '../../fault.ts';
import type { Call, SnapshotFile, SpinRef } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { unless } from '../fault-class.ts';
import { partsOfKey } from '../names.ts';
import { tagsFrom } from '../ownership.ts';
import { allPages } from '../pages.ts';
import { type Disk, disksOf } from './volumes.ts';

/** Tag that says which volume a snapshot was made of. It bears no ownership tag of a spin: it is made to outlive it. */
export const SNAPSHOT_OF = 'spin:snapshot-of';

/** Tag that tells one request from another. */
const REQUEST = 'spin:snapshot-request';

const GONE = ['InvalidSnapshot.NotFound'];
const FIRST_LOOK_MS = 1_000;
const LAST_LOOK_MS = 15_000;
/** A whole disk is copied; AWS gives no bound. */
const LIMIT_MS = 4 * 3_600_000;

/**
 * Makes a snapshot of a disk as it is at this moment, waits until it can be started from, and writes a small JSON file that names it. It
 * is paid for until somebody deletes it. A snapshot of the same volume that is under way, such as one whose wait was broken off, is
 * waited for instead of another.
 * @throws Fault `volume-missing`, `snapshot-failed`
 */
export async function snapshotVolume(cloud: Cloud, spin: SpinRef, volume: string, file: string, call: Call): Promise<SnapshotFile> {
  const disks = await disksOf(cloud, spin, call);
  const [disk] = disks
    .filter(({ key }) => key.startsWith('volume.') && partsOfKey(key).name === volume)
    .toSorted((a, b) => Number(partsOfKey(b.key).generation) - Number(partsOfKey(a.key).generation));
  if (disk === undefined) throw new Fault('not-found', 'volume-missing', `${spin.id} has no volume ${volume}`);
  const snapshot = await completed(cloud, (await underWay(cloud, disk, call)) ?? (await begin(cloud, spin, volume, disk, call)), call);
  await removeTwins(cloud, snapshot, call);
  const id = snapshot.SnapshotId ?? '';
  const text = `${JSON.stringify({ snapshot: id, region: cloud.region, sizeGiB: snapshot.VolumeSize, of: `${spin.id}/${volume}` })}\n`;
  const partial = `${file}.partial`;
  try {
    await writeFile(partial, text, { mode: 0o600 });
    await rename(partial, file);
  } catch (thrown) {
    await rm(partial, { force: true }).catch(() => undefined);
    const message = `snapshot ${id} is made, but ${file} cannot be written: ${messageOf(thrown)}`;
    throw new Fault('denied', 'snapshot-failed', message, { cause: thrown });
  }
  const deleteWith = `aws ec2 delete-snapshot --region ${cloud.region} --snapshot-id ${id}`;
  return { bytes: Buffer.byteLength(text), kept: { id, deleteWith } };
}

async function underWay(cloud: Cloud, disk: Disk, call: Call): Promise<Snapshot | undefined> {
  const [found] = await snapshotsWith(cloud, { 'volume-id': disk.id, status: 'pending', 'tag-key': SNAPSHOT_OF }, call);
  return found;
}

/** CreateSnapshot takes no client token: the tag tells what the same request made twice, where an answer was lost. */
function begin(cloud: Cloud, spin: SpinRef, volume: string, disk: Disk, call: Call): Promise<Snapshot> {
  const of = `${spin.id}/${volume}`;
  const tags = {
    [SNAPSHOT_OF]: of,
    [REQUEST]: digest([spin.incarnation, disk.id, call.clock.now()]).slice(0, 26),
    Name: `spin/${of}`,
  };
  const command = new CreateSnapshotCommand({
    VolumeId: disk.id,
    Description: `Volume ${volume} of spin ${spin.id}`,
    TagSpecifications: [{ ResourceType: 'snapshot', Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }],
  });
  return cloud.send(EC2Client, command, call);
}

async function removeTwins(cloud: Cloud, { SnapshotId: kept, Tags }: Snapshot, call: Call): Promise<void> {
  const request = tagsFrom(Tags)[REQUEST];
  if (request === undefined) return;
  const twins = (await snapshotsWith(cloud, { [`tag:${REQUEST}`]: request }, call)).filter(({ SnapshotId }) => SnapshotId !== kept);
  await Promise.all(
    twins.map(({ SnapshotId }) => unless(GONE, () => cloud.send(EC2Client, new DeleteSnapshotCommand({ SnapshotId }), call))),
  );
}

function snapshotsWith(cloud: Cloud, filters: Readonly<Record<string, string>>, call: Call): Promise<readonly Snapshot[]> {
  const Filters = Object.entries(filters).map(([Name, value]) => ({ Name, Values: [value] }));
  return allPages(async (NextToken) => {
    const command = new DescribeSnapshotsCommand({ OwnerIds: ['self'], Filters, MaxResults: 1_000, NextToken });
    const page = await cloud.send(EC2Client, command, call);
    return { items: page.Snapshots, next: page.NextToken };
  });
}

async function completed(cloud: Cloud, begun: Snapshot, call: Call): Promise<Snapshot> {
  const id = begun.SnapshotId ?? '';
  const giveUp = call.clock.now() + LIMIT_MS;
  let seen: Snapshot = begun;
  for (let pause = FIRST_LOOK_MS; seen.State !== 'completed'; pause = Math.min(pause * 2, LAST_LOOK_MS)) {
    if (seen.State === 'error')
      throw new Fault('invalid', 'snapshot-failed', `snapshot ${id} failed: ${seen.StateMessage ?? 'AWS gives no reason'}`);
    if (call.clock.now() >= giveUp)
      throw new Fault('transient', 'snapshot-failed', `snapshot ${id} is not done; run the command again to wait on`);
    call.emit({ type: 'resource.waiting', message: `snapshot ${id} is at ${seen.Progress === '' ? '0%' : (seen.Progress ?? '0%')}` });
    await call.clock.sleep(pause, call.signal);
    const command = new DescribeSnapshotsCommand({ SnapshotIds: [id] });
    const answer = await unless(GONE, () => cloud.send(EC2Client, command, call));
    seen = answer?.Snapshots?.[0] ?? seen;
  }
  return seen;
}
