import {
  AttachVolumeCommand,
  CreateVolumeCommand,
  DeleteVolumeCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  EC2Client,
  type Volume,
} from '@aws-sdk/client-ec2';
import { InternalError } from '../../../core/errors.ts';
import { digest } from '../../../core/ids.ts';
import { OWNED } from '../../../core/tags.ts';
import type { Desire } from '../../../plan/plan.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, Found, Handle, InventoryScope, Observation, SpinRef, Target } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { isClass, unless } from '../fault-class.ts';
import { handleText, made, observation, observeAll } from '../observing.ts';
import { creationTags, inScope, markedSince, ownerOf, tagsFrom } from '../ownership.ts';
import { allPages } from '../pages.ts';
import type { Region } from '../region.ts';
import { turnOf } from '../round.ts';
import { diskSize } from './sources.ts';
import { zonesFor } from '../network/zones.ts';

/** A volume is an encrypted gp3 disk of EBS, in one zone; one instance at a time is given it. */

const GONE = ['InvalidVolume.NotFound'];

/** A disk of a spin, as far as whoever uses it goes by it. */
export interface Disk {
  /** Of its volume, such as `volume.data@1`; that of a service for the root disk of an instance. */
  readonly key: string;
  readonly id: string;
  readonly zone: string;
  readonly state: string;
  /** Instances that it is attached to, or about to be. */
  readonly attachedTo: readonly string[];
}

/**
 * Makes the disk in the zone whose turn it is.
 * @throws Fault `capacity` where the zone has no room for it, exhausted after the last zone
 */
export async function createVolume(cloud: Cloud, request: CreateRequest, call: Call): Promise<Handle> {
  const { source, types = [] } = desireOf(request);
  const turn = turnOf(request, await zonesFor(cloud, types, call));
  if (turn === undefined) throw noZone(cloud.region);
  const { chosen: zone } = turn;
  const size = diskSize(source);
  const command = new CreateVolumeCommand({
    AvailabilityZone: zone,
    ClientToken: digest([request.token, 'volume', request.attempt ?? 0]).slice(0, 40),
    Encrypted: true,
    VolumeType: 'gp3',
    ...(source.from === 'snapshot' ? { SnapshotId: source.snapshot } : {}),
    ...(size === undefined ? {} : { Size: size }),
    TagSpecifications: [{ ResourceType: 'volume', Tags: creationTags(request) }],
  });
  try {
    const { VolumeId } = await cloud.send(EC2Client, command, call);
    return made(call, { volume: VolumeId, zone });
  } catch (thrown) {
    // Asked for before in other words, such as before the subnets of the config changed: what that made is what is wanted.
    if (isClass(thrown, 'IdempotentParameterMismatch')) {
      const disk = await diskOf(cloud, request.spin, request.key, call);
      if (disk !== undefined) return made(call, { volume: disk.id, zone: disk.zone });
    }
    if (thrown instanceof Fault && thrown.kind === 'capacity' && turn.next === undefined) throw exhausted(thrown);
    throw thrown;
  }
}

/** One request for all volumes of a spin. */
export async function observeVolumes(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  targets: readonly Target[],
  call: Call,
): Promise<ReadonlyMap<string, Observation>> {
  const [first] = targets;
  if (first === undefined) return new Map();
  return observeAll(
    targets,
    async () => {
      const volumes = await volumesOf(cloud, first.spin, call);
      const byKey = Map.groupBy(volumes, ({ Tags }) => tagsFrom(Tags)[OWNED.resource] ?? '');
      return (target) => {
        // Another attempt may have left one behind that is on its way out.
        const [volume] = (byKey.get(target.key) ?? []).toSorted((a, b) => rank(a) - rank(b));
        return volume === undefined ? asked.missing(target, call) : seenAs(volume);
      };
    },
    call,
  );
}

/**
 * Takes the disk off whatever holds it, and deletes it.
 * @throws Fault `transient` while an instance holds it, naming the instance
 */
export async function releaseVolume(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  target: Target,
  call: Call,
): Promise<'requested' | 'absent'> {
  const volumes = (await volumesOf(cloud, target.spin, call)).filter(({ Tags }) => tagsFrom(Tags)[OWNED.resource] === target.key);
  const answers = await Promise.all(volumes.map((volume) => remove(cloud, volume, call)));
  if (answers.length > 0) return answers.includes('requested') ? 'requested' : 'absent';
  return asked.mayBeHidden(target, call) ? 'requested' : 'absent';
}

/** @throws Fault */
export async function listVolumes(cloud: Cloud, scope: InventoryScope, call: Call): Promise<readonly Found[]> {
  const { stateTag } = cloud.options;
  const filters = [
    ...(scope.everyone === true ? [{ Name: 'tag-key', Values: [OWNED.state] }] : [{ Name: `tag:${OWNED.state}`, Values: [stateTag] }]),
    ...(scope.id === undefined ? [] : [{ Name: `tag:${OWNED.id}`, Values: [scope.id] }]),
  ];
  return (await describe(cloud, filters, call)).flatMap((volume): Found[] => {
    const tags = tagsFrom(volume.Tags);
    const owner = ownerOf(tags);
    if (volume.VolumeId === undefined || owner === undefined || !inScope(owner, scope, stateTag)) return [];
    // The root disk of an instance carries the key of its service, and goes with the instance.
    const isRoot = owner.resource.startsWith('service.') && (volume.Attachments ?? []).length > 0;
    if (isRoot) return [];
    return [
      {
        provider: 'aws',
        id: owner.id,
        incarnation: owner.incarnation,
        resource: owner.resource,
        kind: 'volume',
        what: `volume ${volume.VolumeId} (${volume.Size ?? '?'} GiB in ${volume.AvailabilityZone ?? cloud.region})`,
        ...(volume.CreateTime === undefined ? {} : { createdAt: volume.CreateTime.getTime() }),
        place: { region: cloud.region },
        tags,
        ...markedSince(tags[OWNED.orphan]),
        handle: { volume: volume.VolumeId },
      },
    ];
  });
}

/** @throws Fault `transient` while an instance holds it */
export async function reclaimVolume(cloud: Cloud, found: Found, call: Call): Promise<'requested' | 'absent'> {
  const id = handleText(found.handle, 'volume');
  if (id === undefined) throw new InternalError(`${found.what} was found without an ID`);
  const seen = await unless(GONE, () => cloud.send(EC2Client, new DescribeVolumesCommand({ VolumeIds: [id] }), call));
  const [volume] = seen?.Volumes ?? [];
  return volume === undefined ? 'absent' : remove(cloud, volume, call);
}

/** The disk of a volume's key, from its tags; undefined where there is none. @throws Fault */
export async function diskOf(cloud: Cloud, spin: SpinRef, key: string, call: Call): Promise<Disk | undefined> {
  return (await disksOf(cloud, spin, call)).find((disk) => disk.key === key);
}

/** All disks of a spin, those that are being deleted last. @throws Fault */
export async function disksOf(cloud: Cloud, spin: SpinRef, call: Call): Promise<readonly Disk[]> {
  return (await volumesOf(cloud, spin, call))
    .toSorted((a, b) => rank(a) - rank(b))
    .map((volume) => ({
      key: tagsFrom(volume.Tags)[OWNED.resource] ?? '',
      id: volume.VolumeId ?? '',
      zone: volume.AvailabilityZone ?? '',
      state: volume.State ?? '',
      attachedTo: (volume.Attachments ?? []).flatMap(({ InstanceId, State }) =>
        InstanceId === undefined || State === 'detached' ? [] : [InstanceId],
      ),
    }));
}

/**
 * Gives a volume to a running instance, as `device` (such as `/dev/sdp`); an instance that has it keeps it.
 * @throws Fault `transient` while the disk is made or another instance still holds it; `not-found` where there is none
 */
export async function attachVolume(
  cloud: Cloud,
  spin: SpinRef,
  volumeKey: string,
  instanceId: string,
  device: string,
  call: Call,
): Promise<Disk> {
  const disk = await diskOf(cloud, spin, volumeKey, call);
  if (disk === undefined) throw new Fault('not-found', 'volume-missing', `${volumeKey} is not there to be attached to ${instanceId}`);
  if (disk.attachedTo.includes(instanceId)) return disk;
  const [holder] = disk.attachedTo;
  if (holder !== undefined) throw held(disk.id, holder);
  try {
    await cloud.send(EC2Client, new AttachVolumeCommand({ VolumeId: disk.id, InstanceId: instanceId, Device: device }), call);
  } catch (thrown) {
    // The disk is still being made, or the instance does not run yet.
    if (isClass(thrown, 'IncorrectState', 'IncorrectInstanceState'))
      throw new Fault('transient', thrown.class, thrown.message, { cause: thrown });
    if (!isClass(thrown, 'VolumeInUse')) throw thrown;
    const now = await diskOf(cloud, spin, volumeKey, call);
    if (now?.attachedTo.includes(instanceId) !== true) throw held(disk.id, now?.attachedTo[0] ?? 'another instance');
  }
  return { ...disk, attachedTo: [instanceId] };
}

/** Under which instance types, by preference, a service uses the volume: the zone must offer one of them. */
type VolumeDesire = Extract<Desire, { kind: 'volume' }>;

function desireOf({ desire, key }: Target): VolumeDesire {
  if (desire.kind !== 'volume') throw new InternalError(`${key} is no volume`);
  return desire;
}

function volumesOf(cloud: Cloud, spin: SpinRef, call: Call): Promise<readonly Volume[]> {
  const filters = [
    { Name: `tag:${OWNED.id}`, Values: [spin.id] },
    { Name: `tag:${OWNED.incarnation}`, Values: [spin.incarnation] },
  ];
  return describe(cloud, filters, call);
}

function describe(cloud: Cloud, Filters: { Name: string; Values: string[] }[], call: Call): Promise<readonly Volume[]> {
  return allPages(async (NextToken) => {
    const page = await cloud.send(EC2Client, new DescribeVolumesCommand({ Filters, MaxResults: 500, NextToken }), call);
    return { items: page.Volumes, next: page.NextToken };
  });
}

function seenAs({ VolumeId = '', State, Attachments }: Volume): Observation {
  switch (State) {
    case 'available':
      return observation('running', `${VolumeId} is made`);
    case 'in-use':
      return observation('running', `${VolumeId} is attached to ${Attachments?.[0]?.InstanceId ?? 'an instance'}`);
    case 'deleting':
      return observation('stopping', `${VolumeId} is being deleted`);
    case 'deleted':
      return observation('absent', 'is deleted');
    case 'error':
      return observation('pending', `${VolumeId} could not be made`, {
        failure: { class: 'volume-failed', message: `${VolumeId} is in the state error: its snapshot or its key cannot be used` },
      });
    default:
      return observation('pending', `${VolumeId} is ${State ?? 'being made'}`);
  }
}

function rank({ State }: Volume): number {
  return State === 'deleting' || State === 'deleted' ? 1 : 0;
}

async function remove(cloud: Cloud, { VolumeId = '', State, Attachments }: Volume, call: Call): Promise<'requested' | 'absent'> {
  if (State === 'deleted') return 'absent';
  if (State === 'deleting') return 'requested';
  const holders = (Attachments ?? []).filter((attachment) => attachment.State !== 'detached');
  const [attachment] = holders;
  if (attachment !== undefined) {
    if (attachment.State !== 'detaching') {
      await unless(['IncorrectState', ...GONE], () => cloud.send(EC2Client, new DetachVolumeCommand({ VolumeId }), call));
    }
    throw held(VolumeId, attachment.InstanceId ?? 'an instance');
  }
  try {
    await cloud.send(EC2Client, new DeleteVolumeCommand({ VolumeId }), call);
    return 'requested';
  } catch (thrown) {
    if (isClass(thrown, ...GONE)) return 'absent';
    if (isClass(thrown, 'VolumeInUse', 'IncorrectState', 'DependencyViolation'))
      throw new Fault('transient', thrown.class, thrown.message, { cause: thrown });
    throw thrown;
  }
}

function held(volume: string, by: string): Fault {
  return new Fault('transient', 'volume-held', `volume ${volume} is still attached to ${by}`);
}

function noZone(region: string): Fault {
  const why = `no zone of ${region} offers an instance type of the services that use it`;
  return new Fault('capacity', 'no-zone', `the volume can be made nowhere: ${why}`, { exhausted: true });
}

function exhausted(fault: Fault): Fault {
  return new Fault(fault.kind, fault.class, fault.message, { cause: fault, exhausted: true });
}
