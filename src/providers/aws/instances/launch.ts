import { type BlockDeviceMapping, EC2Client, RunInstancesCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { digest } from '../../../core/ids.ts';
import { KEEP_TAG } from '../../../core/tags.ts';
import type { ServiceSpec } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest } from '../../provider.ts';
import { PROFILE_WINDOW_MS, profileFor } from '../data/profile.ts';
import type { Disk } from '../data/volumes.ts';
import { isClass } from '../fault-class.ts';
import { parameterName } from '../names.ts';
import { onceKnown } from '../not-yet.ts';
import { CONSISTENCY_WINDOW_MS } from '../observing.ts';
import { creationTags } from '../ownership.ts';
import type { Region } from '../region.ts';
import { type Turn, turnOf } from '../round.ts';
import type { Image } from './images.ts';
import { isGone, type Machine } from './machine.ts';
import { machinesIn } from './machines.ts';
import { needOf } from './observe-instances.ts';
import { oneLaunch, ORDINALS, writeOrdinals } from './ordinals.ts';
import { describePool, type Pool } from './pools.ts';
import { rosterOf } from './roster.ts';
import { type BootPrograms, userData } from './user-data.ts';

/** So often a token that belongs to a terminated machine is followed by the next, in one call. */
const MOST_LIVES = 20;
const LOOK_AGAIN_MS = 500;

/** All that a launch needs to know, asked for at once. */
export interface Ground {
  readonly service: ServiceSpec;
  readonly machines: readonly Machine[];
  readonly image: Image;
  readonly pools: readonly Pool[];
  readonly disks: ReadonlyMap<string, Disk>;
  readonly groups: readonly string[];
}

/** What the launches of one request have in common: there are several where one cannot make or name all machines. */
interface Launch {
  readonly region: Region;
  readonly programs: BootPrograms;
  readonly request: CreateRequest;
  readonly ground: Ground;
  readonly pool: Pool;
  /** As it was before the first of them. */
  readonly isLongAgo: boolean;
}

/**
 * Launches what is missing, in the pool whose turn it is.
 * @throws Fault `capacity` `partial-capacity` where only some started; `no-pool` where nothing can be started anywhere; those of EC2
 */
export async function launch(
  region: Region,
  programs: BootPrograms,
  request: CreateRequest,
  ground: Ground,
  missing: readonly number[],
  call: Call,
): Promise<void> {
  const turn = turnOf(request, ground.pools);
  if (turn === undefined) throw noPool(ground.service);
  const one: Launch = { region, programs, request, ground, pool: turn.chosen, isLongAgo: region.asked.isLongAgo(request, call) };
  for (let rest = missing; rest.length > 0;) {
    const ordinals = oneLaunch(rest);
    rest = rest.slice(ordinals.length);
    const machines = await runInstances(one, ordinals, call).catch((thrown: unknown) => {
      throw thrown instanceof Fault && thrown.kind === 'capacity' ? inPool(thrown, turn) : thrown;
    });
    if (machines.length >= ordinals.length) continue;
    const some = `AWS started ${machines.length} of ${ordinals.length} instances of ${describePool(turn.chosen)}`;
    throw inPool(new Fault('capacity', 'partial-capacity', some), turn);
  }
}

/** One launch; the token tells it from every other, and the same launch sent again is answered with what it made. */
async function runInstances(one: Launch, ordinals: readonly number[], call: Call): Promise<readonly Machine[]> {
  const { region, request, ground, isLongAgo } = one;
  const used = new Set(ground.machines.flatMap((machine) => (isGone(machine) ? (machine.token ?? []) : [])));
  const input = launchInput(one, ordinals);
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
      // In other words, such as with another deadline: of a launch of long ago that no list shows, nothing is left.
      if (isLongAgo) continue;
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

function launchInput({ region, programs, request, ground, pool }: Launch, ordinals: readonly number[]): RunInstancesCommandInput {
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
