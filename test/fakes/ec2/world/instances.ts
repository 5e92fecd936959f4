import type { _InstanceType, InstanceMetadataOptionsResponse } from '@aws-sdk/client-ec2';
import { refuse } from '../protocol/refusal.ts';
import { addressAt, isShared } from './addresses.ts';
import type { RegionWorld } from './region.ts';
import type { GroupThing, ImageThing, InstanceThing, ReservationThing, SubnetThing } from './things.ts';
import type { TagsFor } from './tags.ts';
import { leaveVolumes, makeAttachedVolume } from './volumes.ts';
import type { VolumeFacts } from './volumes.ts';

/** A launch whose every word has been checked. */
export interface LaunchFacts {
  readonly image: ImageThing;
  readonly instanceType: _InstanceType;
  readonly subnet: SubnetThing;
  readonly groups: readonly GroupThing[];
  readonly publicAddress: boolean;
  readonly privateAddress: string | undefined;
  readonly interfaceDescription: string;
  readonly volumes: readonly { readonly device: string; readonly facts: VolumeFacts; readonly deleteOnTermination: boolean }[];
  readonly tags: TagsFor;
  readonly spot: boolean;
  readonly clientToken: string | undefined;
  readonly keyName: string | undefined;
  readonly profile: InstanceThing['profile'];
  readonly metadata: InstanceMetadataOptionsResponse;
  readonly shutdownBehavior: 'stop' | 'terminate';
  readonly terminationProtected: boolean;
  readonly ebsOptimized: boolean;
  readonly monitoring: boolean;
  readonly tenancy: string;
  readonly userData: string | undefined;
}

/** The subnet has room for all of them. @throws Refusal `InvalidIPAddress.InUse` */
export function launch(region: RegionWorld, facts: LaunchFacts, count: number): ReservationThing {
  const serial = region.world.ids.serial();
  const reservation: ReservationThing = { id: region.world.ids.id('r', serial), serial, instances: [] };
  region.reservations.set(reservation.id, reservation);
  for (let index = 0; index < count; index++) reservation.instances.push(launchOne(region, facts, reservation, index));
  return reservation;
}

function launchOne(region: RegionWorld, facts: LaunchFacts, reservation: ReservationThing, launchIndex: number): InstanceThing {
  const { world } = region;
  const spotRequest = facts.spot
    ? region.add('spot-instances-request', region.base('spot-instances-request', facts.tags('spot-instances-request')))
    : undefined;
  const launchOf = { region: region.name, type: facts.instanceType, zone: facts.subnet.zone, spot: facts.spot };
  const instance = region.add('instance', {
    ...region.base('instance', facts.tags('instance')),
    reservation,
    launchIndex,
    image: facts.image,
    instanceType: facts.instanceType,
    subnet: facts.subnet,
    clientToken: facts.clientToken,
    keyName: facts.keyName,
    profile: facts.profile,
    metadata: facts.metadata,
    spotRequest,
    ebsOptimized: facts.ebsOptimized,
    monitoring: facts.monitoring,
    tenancy: facts.tenancy,
    interfaces: [],
    launchedAt: world.now,
    giveBack: world.limits.take(launchOf),
    state: 'pending',
    stateReason: { Code: 'pending', Message: 'pending' },
    transitionReason: '',
    runningAt: undefined,
    shutdownBehavior: facts.shutdownBehavior,
    terminationProtected: facts.terminationProtected,
    sourceDestCheck: true,
    userData: facts.userData,
    impairedSince: undefined,
    console: undefined,
  });
  addInterface(region, instance, facts);
  for (const { device, facts: volume, deleteOnTermination } of facts.volumes) {
    makeAttachedVolume(region, volume, facts.tags('volume'), { instance, device, deleteOnTermination });
  }
  world.later(world.options.pendingMs, () => {
    if (instance.state === 'pending') run(region, instance);
  });
  return instance;
}

function addInterface(region: RegionWorld, instance: InstanceThing, facts: LaunchFacts): void {
  const base = region.base('network-interface', facts.tags('network-interface'));
  const octets = base.serial.toString(16).padStart(8, '0').match(/../g) ?? [];
  instance.interfaces.push(
    region.add('network-interface', {
      ...base,
      attachmentId: base.id.replace('eni-', 'eni-attach-'),
      instance,
      subnet: facts.subnet,
      description: facts.interfaceDescription,
      privateAddress: takeAddress(facts.subnet, facts.privateAddress),
      publicAddress: facts.publicAddress ? addressAt(region.world.options.publicCidr, region.publicAddresses++) : undefined,
      macAddress: ['0a', '58', ...octets].join(':'),
      groups: [...facts.groups],
    }),
  );
}

function takeAddress(subnet: SubnetThing, wanted: string | undefined): string {
  if (wanted !== undefined && subnet.used.has(wanted)) refuse('InvalidIPAddress.InUse', `Address ${wanted} is in use.`);
  let address = wanted ?? addressAt(subnet.cidr, subnet.taken);
  for (let n = subnet.taken + 1; subnet.used.has(address); n++) address = addressAt(subnet.cidr, n);
  subnet.taken++;
  if (!isShared(subnet.cidr)) subnet.used.add(address);
  return address;
}

function run(region: RegionWorld, instance: InstanceThing): void {
  instance.state = 'running';
  instance.stateReason = undefined;
  instance.runningAt = region.world.now;
}

/** Why an instance goes, as `StateReason` and `StateTransitionReason` tell it. */
export interface Cause {
  readonly code: string;
  readonly message: string;
}

export const CAUSES = {
  user: { code: 'Client.UserInitiatedShutdown', message: 'Client.UserInitiatedShutdown: User initiated shutdown' },
  itself: { code: 'Client.InstanceInitiatedShutdown', message: 'Client.InstanceInitiatedShutdown: Instance initiated shutdown' },
  spot: { code: 'Server.SpotInstanceTermination', message: 'Server.SpotInstanceTermination: Spot instance termination' },
} as const satisfies Readonly<Record<string, Cause>>;

/** Ends an instance, whatever it is doing. Again is no error. */
export function terminate(region: RegionWorld, instance: InstanceThing, cause: Cause): void {
  if (instance.state === 'shutting-down' || instance.state === 'terminated') return;
  instance.state = 'shutting-down';
  explain(region, instance, cause);
  region.world.later(region.world.options.stoppingMs, () => finish(region, instance));
}

/** What happens when the machine inside shuts itself down: it is stopped or terminated, as its shutdown behaviour says. */
export function shutDownFromWithin(region: RegionWorld, instance: InstanceThing): void {
  if (instance.state !== 'running') return;
  if (instance.shutdownBehavior === 'terminate') {
    terminate(region, instance, CAUSES.itself);
    return;
  }
  instance.state = 'stopping';
  explain(region, instance, CAUSES.itself);
  region.world.later(region.world.options.stoppingMs, () => {
    if (instance.state === 'stopping') instance.state = 'stopped';
  });
}

function explain(region: RegionWorld, instance: InstanceThing, { code, message }: Cause): void {
  const when = `${new Date(region.world.now).toISOString().slice(0, 19).replace('T', ' ')} GMT`;
  instance.stateReason = { Code: code, Message: message };
  instance.transitionReason = `${code === CAUSES.user.code ? 'User initiated' : code} (${when})`;
}

/** Terminated: interfaces and addresses are given back, volumes go or stay, and an hour later it is no longer listed. */
function finish(region: RegionWorld, instance: InstanceThing): void {
  instance.state = 'terminated';
  instance.giveBack();
  leaveVolumes(region, instance);
  for (const held of instance.interfaces.splice(0)) {
    region.remove('network-interface', held.id);
    held.subnet.used.delete(held.privateAddress);
    held.subnet.taken--;
  }
  region.world.later(region.world.options.terminatedMs, () => forget(region, instance));
}

function forget(region: RegionWorld, instance: InstanceThing): void {
  region.remove('instance', instance.id);
  if (instance.spotRequest !== undefined) region.remove('spot-instances-request', instance.spotRequest.id);
  const { reservation } = instance;
  reservation.instances.splice(reservation.instances.indexOf(instance), 1);
  if (reservation.instances.length === 0) region.reservations.delete(reservation.id);
}
