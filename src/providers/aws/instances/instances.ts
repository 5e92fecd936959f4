import {
  type BlockDeviceMapping,
  EC2Client,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { digest } from '../../../core/ids.ts';
import { KEEP_TAG } from '../../../core/tags.ts';
import type { ServiceSpec } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, Handle, Target } from '../../provider.ts';
import { bindService } from '../../bind.ts';
import { deviceOf } from './devices.ts';
import { isClass, unless } from '../fault-class.ts';
import { type Image, resolveImage } from './images.ts';
import { isGone, type Machine } from './machine.ts';
import { machinesIn } from './machines.ts';
import { parameterName } from '../names.ts';
import { networkOf } from '../network/network.ts';
import { onceKnown } from '../not-yet.ts';
import { serviceOf } from './observe-instances.ts';
import { CONSISTENCY_WINDOW_MS, made } from '../observing.ts';
import { oneLaunch, ORDINALS, writeOrdinals } from './ordinals.ts';
import { creationTags, refuseOthers } from '../ownership.ts';
import { inParts } from '../pages.ts';
import { guard } from '../place.ts';
import { describePool, type Pool, poolsOf } from './pools.ts';
import { PROFILE_WINDOW_MS, profileFor } from '../data/profile.ts';
import type { Region } from '../region.ts';
import { rosterOf } from './roster.ts';
import { type Turn, turnOf } from '../round.ts';
import { type BootPrograms, userData } from './user-data.ts';
import { attachVolume, type Disk, diskOf } from '../data/volumes.ts';

/** As many machines as one request ends: TerminateInstances, API reference. */
const MOST_IDS = 1_000;
/** So often a token that belongs to a terminated machine is followed by the next, in one call. */
const MOST_LIVES = 20;
const LOOK_AGAIN_MS = 500;
/** What a load balancer may need to let go of a machine beyond the drain of its service. */
const NOTICE_MS = 30_000;

/** All that a launch needs to know, asked for at once. */
interface Ground {
  readonly service: ServiceSpec;
  readonly machines: readonly Machine[];
  readonly image: Image;
  readonly pools: readonly Pool[];
  readonly disks: ReadonlyMap<string, Disk>;
  readonly groups: readonly string[];
}

/**
 * Makes the machines that are missing, with one request; drains and ends those that are too many; attaches volumes to those that run.
 * @throws Fault `capacity`, exhausted after the last pool; also where only some came up: those are kept, and the next attempt makes the rest
 */
export async function createService(region: Region, programs: BootPrograms, request: CreateRequest, call: Call): Promise<Handle> {
  region.leaving.forget(request.spin, request.key);
  // What was made before may well be whole, and then nothing else need be known.
  const before = request.handle === undefined ? [] : ownOf(request, await region.machines.of(request.spin, call));
  if (isWhole(before, request)) return request.handle ?? {};
  const ground = await survey(region, request, call);
  const { kept, missing, surplus } = rosterOf(ground.machines, request.count);
  if (surplus.length > 0) {
    await drainSurplus(region, request, surplus, call);
    await terminate(region, surplus, call);
  }
  if (missing.length > 0) await launch(region, programs, request, ground, missing, call);
  await attachAll(region, request, ground.service, [...kept.values()], call);
  const launchedAt = Math.min(...[...kept.values()].map((machine) => machine.launchedAt));
  return missing.length > 0 ? made(call, {}) : (request.handle ?? { madeAt: launchedAt });
}

function ownOf(request: CreateRequest, machines: readonly Machine[]): readonly Machine[] {
  return machines.filter(({ owner }) => owner.resource === request.key);
}

function isWhole(machines: readonly Machine[], request: CreateRequest): boolean {
  const { missing, surplus } = rosterOf(machines, request.count);
  return missing.length === 0 && surplus.length === 0 && serviceOf(request).volumes.length === 0;
}

/**
 * Takes machines that are too many out of the target groups of their spin, of which their registration cannot know yet, and waits until
 * requests under way have ended, or their time is up.
 */
async function drainSurplus(region: Region, request: CreateRequest, surplus: readonly Machine[], call: Call): Promise<void> {
  const { cloud } = region;
  const serving = surplus.filter(({ state }) => state === 'running');
  if (serving.length === 0 || cloud.options.settings.listener === undefined) return;
  const [{ drain, LONGEST_DRAIN_MS }, { targetGroupsOf }] = await Promise.all([
    import('../register/draining.ts'),
    import('../register/target-groups.ts'),
  ]);
  const leave = {
    targetGroups: await targetGroupsOf(cloud, request.spin, call),
    machines: new Set(serving.map(({ id }) => id)),
    limitMs: Math.min(serviceOf(request).drain.timeoutMs + NOTICE_MS, LONGEST_DRAIN_MS),
    resource: request.key,
  };
  await drain(cloud, leave, call);
}

/** Ends every machine of a service; the operating system passes the drain signal on as it shuts down. */
export async function releaseService(region: Region, target: Target, call: Call): Promise<'requested' | 'absent'> {
  const machines = (await region.machines.of(target.spin, call)).filter(({ owner }) => owner.resource === target.key);
  const there = machines.filter((machine) => !isGone(machine));
  if (there.length === 0 && (machines.length > 0 || !region.asked.mayBeHidden(target, call))) {
    region.leaving.forget(target.spin, target.key);
    return 'absent';
  }
  refuseOthers(
    there.map(({ owner }) => owner),
    region.cloud.options.stateTag,
  );
  region.leaving.asked(target.spin, target.key, 'its instances are shutting down');
  await terminate(
    region,
    there.filter(({ state }) => state !== 'shutting-down'),
    call,
  );
  return 'requested';
}

/**
 * Asks for machines to be ended; those that are gone already are no fault, nor is it that something else needs one as yet: that one stays on
 * the list of what must go, and is asked for again. @throws Fault
 */
export async function terminate(
  region: Region,
  machines: readonly Pick<Machine, 'id' | 'owner' | 'launchedAt'>[],
  call: Call,
): Promise<void> {
  for (const part of inParts(machines, MOST_IDS)) {
    const ids = part.map(({ id }) => id);
    const all = await unless(['InvalidInstanceID.NotFound'], () => end(region, ids, call));
    if (all === 'ending') region.machines.ending(part, call.clock.now());
    // One that is not known turns the whole request down.
    if (all === undefined) await Promise.all(part.map((machine) => terminateOne(region, machine, call)));
  }
}

/** What is not found is gone, unless it was launched a moment ago: then it stays on the list of what must go. */
async function terminateOne(region: Region, machine: Pick<Machine, 'id' | 'owner' | 'launchedAt'>, call: Call): Promise<void> {
  const answer = await unless(['InvalidInstanceID.NotFound'], () => end(region, [machine.id], call));
  const now = call.clock.now();
  const isGoneByNow = answer === undefined && now - machine.launchedAt >= CONSISTENCY_WINDOW_MS;
  if (answer === 'ending' || isGoneByNow) region.machines.ending([machine], now);
}

/** `needed` where EC2 refuses because something else depends on one of them. */
async function end(region: Region, InstanceIds: string[], call: Call): Promise<'ending' | 'needed'> {
  const answer = await unless(['DependencyViolation'], () =>
    region.cloud.send(EC2Client, new TerminateInstancesCommand({ InstanceIds }), call),
  );
  return answer === undefined ? 'needed' : 'ending';
}

async function survey(region: Region, request: CreateRequest, call: Call): Promise<Ground> {
  const { cloud } = region;
  const { settings } = cloud.options;
  const service = bindService(serviceOf(request), request.bindings);
  const firewall = needOf(request, `firewall.${service.name}`);
  const first = region.asked.isFirst(request);
  region.machines.launching(request.spin, first);
  const [machines, network, image, disks, group] = await Promise.all([
    first ? guard(cloud, request.spin.place, call).then(() => []) : region.machines.of(request.spin, call),
    networkOf(cloud, call),
    resolveImage(cloud, service.cloud.image ?? settings.image, call),
    disksOf(region, request, service, call),
    firewall === undefined ? undefined : region.groups.idOf(request.spin, firewall, call),
  ]);
  if (firewall !== undefined && group === undefined) {
    throw new Fault('transient', 'not-shown-yet', `the security group of ${service.name} is not shown yet`);
  }
  const [zone] = [...disks.values()].map((disk) => disk.zone);
  return {
    service,
    machines: ownOf(request, machines),
    image,
    pools: poolsOf(service.cloud, settings, network.subnets, zone),
    disks,
    groups: group === undefined ? [] : [group],
  };
}

async function launch(
  region: Region,
  programs: BootPrograms,
  request: CreateRequest,
  ground: Ground,
  missing: readonly number[],
  call: Call,
): Promise<void> {
  const turn = turnOf(request, ground.pools);
  if (turn === undefined) throw noPool(ground.service);
  const { chosen: pool } = turn;
  for (let rest = missing; rest.length > 0;) {
    const ordinals = oneLaunch(rest);
    rest = rest.slice(ordinals.length);
    const machines = await runInstances(region, programs, request, ground, pool, ordinals, call).catch((thrown: unknown) => {
      throw thrown instanceof Fault && thrown.kind === 'capacity' ? inPool(thrown, turn) : thrown;
    });
    if (machines.length >= ordinals.length) continue;
    const some = `AWS started ${machines.length} of ${ordinals.length} instances of ${describePool(pool)}`;
    throw inPool(new Fault('capacity', 'partial-capacity', some), turn);
  }
}

/** One launch; the token tells it from every other, and the same launch sent again is answered with what it made. */
async function runInstances(
  region: Region,
  programs: BootPrograms,
  request: CreateRequest,
  ground: Ground,
  pool: Pool,
  ordinals: readonly number[],
  call: Call,
): Promise<readonly Machine[]> {
  const used = new Set(ground.machines.flatMap((machine) => (isGone(machine) ? (machine.token ?? []) : [])));
  const input = launchInput(region, programs, request, ground, pool, ordinals);
  for (let life = 0; life < MOST_LIVES; life++) {
    const ClientToken = digest([request.token, request.attempt ?? 0, writeOrdinals(ordinals), life]).slice(0, 40);
    if (used.has(ClientToken)) continue;
    try {
      const answer = await region.asked.creating(request, call, () => sendLaunch(region, { ...input, ClientToken }, call));
      const machines = machinesIn(answer);
      region.machines.remember(machines, call.clock.now());
      return machines;
    } catch (thrown) {
      // A token of a machine that was terminated is spent for good: the next life of these ordinals has the next one.
      if (isClass(thrown, 'IdempotentInstanceTerminated')) continue;
      if (!isClass(thrown, 'IdempotentParameterMismatch')) throw thrown;
      return await untilShown(region, request, ordinals, call);
    }
  }
  throw new Fault('conflict', 'tokens-spent', `${request.key} was launched and terminated ${MOST_LIVES} times`);
}

/** Launches, and again for a while where EC2 does not know the instance profile yet. */
async function sendLaunch(region: Region, input: RunInstancesCommandInput, call: Call) {
  const giveUpAt = call.clock.now() + PROFILE_WINDOW_MS;
  for (;;) {
    try {
      const send = () => region.cloud.send(EC2Client, new RunInstancesCommand(input), call, { instances: input.MaxCount ?? 1 });
      // Its firewall was made a moment ago.
      return await onceKnown(['InvalidGroup.NotFound'], send, call);
    } catch (thrown) {
      const maybeProfile = input.IamInstanceProfile !== undefined && isClass(thrown, 'InvalidParameterValue', 'InvalidIamInstanceProfile');
      if (!maybeProfile || call.clock.now() >= giveUpAt) throw thrown;
      await call.clock.sleep(LOOK_AGAIN_MS * 2, call.signal);
    }
  }
}

/** The same launch was asked for before in other words, such as with another deadline: what that made is what is wanted. */
async function untilShown(region: Region, request: CreateRequest, ordinals: readonly number[], call: Call): Promise<readonly Machine[]> {
  const giveUpAt = call.clock.now() + CONSISTENCY_WINDOW_MS;
  for (;;) {
    const machines = (await region.machines.of(request.spin, call)).filter(({ owner }) => owner.resource === request.key);
    const { kept } = rosterOf(machines, request.count);
    const shown = ordinals.flatMap((ordinal) => kept.get(ordinal) ?? []);
    if (shown.length > 0) return shown;
    if (call.clock.now() >= giveUpAt) throw new Fault('transient', 'not-shown-yet', `${request.key} was launched and is not shown yet`);
    await call.clock.sleep(LOOK_AGAIN_MS, call.signal);
  }
}

function launchInput(
  region: Region,
  programs: BootPrograms,
  request: CreateRequest,
  ground: Ground,
  pool: Pool,
  ordinals: readonly number[],
): RunInstancesCommandInput {
  const { service, image, groups, disks } = ground;
  const tags = [...creationTags(request), { Key: ORDINALS, Value: writeOrdinals(ordinals) }];
  const profile = profileFor(region.cloud, request);
  const secretKey = (name: string): string => needOf(request, `secret.${name}`) ?? `secret.${name}@1`;
  const facts = {
    spin: request.spin,
    key: request.key,
    service,
    baseDir: request.desire.kind === 'service' ? request.desire.baseDir : '/',
    region: region.cloud.region,
    deadline: request.deadline,
    ordinals,
    parameters: Object.fromEntries(service.secrets.map(({ secret }) => [secret, parameterName(request.spin, secretKey(secret))])),
    disks: Object.fromEntries([...disks].map(([volume, disk]) => [volume, disk.id])),
  };
  return {
    ImageId: image.id,
    InstanceType: pool.type as RunInstancesCommandInput['InstanceType'],
    MinCount: 1,
    MaxCount: ordinals.length,
    ...(service.cloud.address === 'public'
      ? {
          NetworkInterfaces: [
            { DeviceIndex: 0, SubnetId: pool.subnet.id, Groups: [...groups], AssociatePublicIpAddress: true, DeleteOnTermination: true },
          ],
        }
      : { SubnetId: pool.subnet.id, SecurityGroupIds: [...groups] }),
    UserData: userData(facts, programs),
    ...(profile === undefined ? {} : { IamInstanceProfile: { Name: profile } }),
    InstanceInitiatedShutdownBehavior: 'terminate',
    // The timer in the instance reads the deadline from its own tags.
    MetadataOptions: { HttpEndpoint: 'enabled', HttpTokens: 'required', HttpPutResponseHopLimit: 1, InstanceMetadataTags: 'enabled' },
    BlockDeviceMappings: disksFor(image, service.cloud.diskGiB),
    ...(pool.spot
      ? {
          InstanceMarketOptions: {
            MarketType: 'spot',
            SpotOptions: { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate' },
          },
        }
      : {}),
    // The deadline of an instance holds what the spec says of `keep`, and moves with it: as a tag it would outlive the spec's.
    TagSpecifications: (
      ['instance', 'volume', 'network-interface', ...(pool.spot ? ['spot-instances-request' as const] : [])] as const
    ).map((ResourceType) => ({ ResourceType, Tags: ResourceType === 'instance' ? tags.filter(({ Key }) => Key !== KEEP_TAG) : tags })),
  };
}

/** All that the image has, encrypted and gone with the instance: what is not named here comes as its maker wrote it down. */
function disksFor({ rootDevice, further }: Image, rootGiB: number | undefined): BlockDeviceMapping[] {
  const ours = { Encrypted: true, VolumeType: 'gp3', DeleteOnTermination: true } as const;
  return [
    { DeviceName: rootDevice, Ebs: { ...ours, ...(rootGiB === undefined ? {} : { VolumeSize: rootGiB }) } },
    // Whole, so that nothing hangs on how AWS fills in what is left out.
    ...further.map(({ device, gib, snapshot }) => ({
      DeviceName: device,
      Ebs: { ...ours, ...(gib === undefined ? {} : { VolumeSize: gib }), ...(snapshot === undefined ? {} : { SnapshotId: snapshot }) },
    })),
  ];
}

async function disksOf(region: Region, request: CreateRequest, service: ServiceSpec, call: Call): Promise<ReadonlyMap<string, Disk>> {
  const entries = service.volumes.map(async ({ volume }) => {
    const key = needOf(request, `volume.${volume}`) ?? `volume.${volume}@1`;
    const disk = await diskOf(region.cloud, request.spin, key, call);
    if (disk === undefined) throw new Fault('transient', 'not-shown-yet', `${key} is not shown yet`);
    return [volume, disk] as const;
  });
  return new Map(await Promise.all(entries));
}

async function attachAll(
  region: Region,
  request: CreateRequest,
  service: ServiceSpec,
  machines: readonly Machine[],
  call: Call,
): Promise<void> {
  for (const machine of machines.filter(({ state }) => state === 'running')) {
    for (const [index, { volume }] of service.volumes.entries()) {
      const device = deviceOf(index);
      if (machine.devices.includes(device) || region.isAttached(machine.id, device)) continue;
      const key = needOf(request, `volume.${volume}`) ?? `volume.${volume}@1`;
      await attachVolume(region.cloud, request.spin, key, machine.id, device, call);
      region.attached(machine.id, device);
    }
  }
}

/** Key of the generation of an address that a request stands on. */
function needOf({ needs }: CreateRequest, address: string): string | undefined {
  return needs.find((need) => need.startsWith(`${address}@`));
}

function inPool(fault: Fault, { chosen, next }: Turn<Pool>): Fault {
  const then = next === undefined ? 'there is no further type or zone to try' : `next: ${describePool(next)}`;
  return new Fault('capacity', fault.class, `${fault.message} (${describePool(chosen)}; ${then})`, {
    cause: fault,
    exhausted: next === undefined,
  });
}

function noPool({ name, volumes }: ServiceSpec): Fault {
  const why = `no subnet lies in the zone of ${volumes.map(({ volume }) => volume).join(', ')}`;
  return new Fault('capacity', 'no-pool', `${name} can be started nowhere: ${why}`, { exhausted: true });
}
