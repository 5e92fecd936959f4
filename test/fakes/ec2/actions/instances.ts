import { DescribeInstances$, RunInstances$, TerminateInstances$ } from '@aws-sdk/client-ec2';
import type {
  DescribeInstancesRequest,
  DescribeInstancesResult,
  Reservation,
  RunInstancesRequest,
  TerminateInstancesRequest,
  TerminateInstancesResult,
} from '@aws-sdk/client-ec2';
import { select, taggedFields } from '../filters.ts';
import type { Fields } from '../filters.ts';
import { page, refusePageOfNamed } from '../pages.ts';
import { refuse } from '../protocol/refusal.ts';
import { freeOf } from '../world/addresses.ts';
import { CAUSES, launch, terminate } from '../world/instances.ts';
import type { RegionWorld } from '../world/region.ts';
import { STATE_CODES } from '../world/things.ts';
import type { InstanceThing, ReservationThing, SubnetThing } from '../world/things.ts';
import { checkToken } from '../world/tokens.ts';
import { attachedTo } from '../world/volumes.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';
import { describeReservation, shownPublicAddress, stateOf } from './describe.ts';
import { checkLaunch, LAUNCH_PARAMETERS } from './launch.ts';
import type { CheckedLaunch } from './launch.ts';

export const INSTANCE_ACTIONS: readonly Action[] = [
  action<RunInstancesRequest>(RunInstances$, LAUNCH_PARAMETERS, runInstances, ({ region }, input) => checkLaunch(region, input)),
  action<DescribeInstancesRequest>(DescribeInstances$, ['InstanceIds', 'Filters', 'MaxResults', 'NextToken'], describeInstances),
  action<TerminateInstancesRequest>(TerminateInstances$, ['InstanceIds', 'Force', 'SkipOsShutdown'], terminateInstances),
];

/**
 * The token is looked up after the request has been found valid: what AWS refuses outright uses up no token. Then the room, then the making;
 * one answer of the three is whole, none of them leaves a part behind.
 */
function runInstances({ region, fingerprint }: Context, input: RunInstancesRequest): Reservation {
  const checked = checkLaunch(region, input);
  const { ClientToken: token } = input;
  const scope = `RunInstances ${zoneOf(region, input) ?? ''}`;
  if (token !== undefined) {
    checkToken(token);
    const before = region.tokens.claim(scope, token, fingerprint);
    if (before !== undefined) return replay(region, before);
  }
  const { subnet, count } = placeFor(region, checked);
  const reservation = launch(region, checked.in(subnet), count);
  if (token !== undefined) {
    region.tokens.made(
      scope,
      token,
      reservation.instances.map(({ id }) => id),
    );
  }
  return describeReservation(region, reservation);
}

/** A request that names its zone, by itself or by its subnet, is idempotent in that zone; else in the region. */
function zoneOf(region: RegionWorld, input: RunInstancesRequest): string | undefined {
  const subnet = input.SubnetId ?? input.NetworkInterfaces?.[0]?.SubnetId;
  return input.Placement?.AvailabilityZone ?? (subnet === undefined ? undefined : region.get('subnet', subnet).zone);
}

function replay(region: RegionWorld, ids: readonly string[]): Reservation {
  const made = ids.flatMap((id) => region.peek('instance', id) ?? []);
  const [first] = made;
  if (first === undefined || made.length < ids.length || made.some(({ state }) => state === 'terminated')) {
    return refuse(
      'IdempotentInstanceTerminated',
      'The client token you have provided is associated with a terminated instance. Please use a different client token.',
    );
  }
  return describeReservation(region, first.reservation);
}

/** The first subnet with room for all, else the one with the most room if that is enough. @throws Refusal */
function placeFor(
  region: RegionWorld,
  { facts, subnets, least, most }: CheckedLaunch,
): { readonly subnet: SubnetThing; readonly count: number } {
  const { limits } = region.world;
  const of = (zone: string) => ({ region: region.name, type: facts.instanceType, zone, spot: facts.spot });
  const best = subnets
    .map((subnet) => ({ subnet, count: Math.min(most, limits.room(of(subnet.zone)), freeOf(subnet)) }))
    .toSorted((a, b) => b.count - a.count)[0];
  if (best !== undefined && best.count >= least) return best;
  const { zone = '', id = '' } = best?.subnet ?? {};
  if (limits.room(of(zone)) >= least) {
    refuse(
      'InsufficientFreeAddressesInSubnet',
      `There are not enough free addresses in subnet '${id}' to satisfy the requested number of instances.`,
    );
  }
  return limits.refuse(
    of(zone),
    least,
    region.zones.filter((other) => other !== zone && limits.room(of(other)) >= least),
  );
}

const INSTANCE_FIELDS: Fields<InstanceThing> = {
  ...taggedFields,
  architecture: ({ image }) => image.architecture,
  'availability-zone': ({ subnet }) => subnet.zone,
  'availability-zone-id': ({ subnet }) => subnet.zoneId,
  'client-token': ({ clientToken }) => clientToken,
  'iam-instance-profile.arn': ({ profile }) => profile?.Arn,
  'image-id': ({ image }) => image.id,
  'instance-id': ({ id }) => id,
  'instance-lifecycle': ({ spotRequest }) => (spotRequest === undefined ? undefined : 'spot'),
  'instance-state-code': ({ state }) => STATE_CODES[state],
  'instance-state-name': ({ state }) => state,
  'instance-type': ({ instanceType }) => instanceType,
  'instance.group-id': ({ interfaces }) => interfaces.flatMap(({ groups }) => groups.map(({ id }) => id)),
  'instance.group-name': ({ interfaces }) => interfaces.flatMap(({ groups }) => groups.map(({ name }) => name)),
  'ip-address': shownPublicAddress,
  'key-name': ({ keyName }) => keyName,
  'launch-index': ({ launchIndex }) => launchIndex,
  'launch-time': ({ launchedAt }) => new Date(launchedAt).toISOString(),
  'metadata-options.http-tokens': ({ metadata }) => metadata.HttpTokens,
  'network-interface.group-id': ({ interfaces }) => interfaces.flatMap(({ groups }) => groups.map(({ id }) => id)),
  'network-interface.network-interface-id': ({ interfaces }) => interfaces.map(({ id }) => id),
  'network-interface.subnet-id': ({ interfaces, subnet }) => interfaces.map(() => subnet.id),
  'private-ip-address': ({ interfaces }) => interfaces.map(({ privateAddress }) => privateAddress),
  'reservation-id': ({ reservation }) => reservation.id,
  'root-device-type': () => 'ebs',
  'spot-instance-request-id': ({ spotRequest }) => spotRequest?.id,
  'state-reason-code': ({ stateReason }) => stateReason?.Code,
  'subnet-id': ({ subnet, state }) => (state === 'terminated' ? undefined : subnet.id),
  tenancy: ({ tenancy }) => tenancy,
  'virtualization-type': () => 'hvm',
  'vpc-id': ({ subnet, state }) => (state === 'terminated' ? undefined : subnet.vpc.id),
};

/** What depends on the region beside the instance itself. */
function instanceFields(region: RegionWorld): Fields<InstanceThing> {
  return {
    ...INSTANCE_FIELDS,
    'block-device-mapping.volume-id': (instance) => attachedTo(region, instance).map(({ id }) => id),
    'owner-id': () => region.account,
  };
}

function describeInstances({ region }: Context, input: DescribeInstancesRequest): DescribeInstancesResult {
  refusePageOfNamed(input, input.InstanceIds, 'instancesSet');
  const found = select(region.listed('instance', input.InstanceIds), input.Filters, instanceFields(region));
  const reservations = new Map<ReservationThing, InstanceThing[]>();
  for (const instance of found) {
    const list = reservations.get(instance.reservation);
    if (list === undefined) reservations.set(instance.reservation, [instance]);
    else list.push(instance);
  }
  const { items, ...next } = page(
    [...reservations].toSorted(([a], [b]) => a.serial - b.serial),
    input,
    {
      of: 'DescribeInstances',
      size: region.world.options.pageSize,
      position: ([reservation]) => reservation.serial,
      weight: ([, instances]) => instances.length,
    },
  );
  return { Reservations: items.map(([reservation, instances]) => describeReservation(region, reservation, instances)), ...next };
}

/** All or none. Ending what has ended is no error. */
function terminateInstances({ region }: Context, { InstanceIds: ids }: TerminateInstancesRequest): TerminateInstancesResult {
  const instances = region.find('instance', ids ?? []);
  const held = instances.find((instance) => instance.terminationProtected);
  if (held !== undefined) {
    refuse(
      'OperationNotPermitted',
      `The instance '${held.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
    );
  }
  return {
    TerminatingInstances: instances.map((instance) => {
      const PreviousState = stateOf(instance.state);
      terminate(region, instance, CAUSES.user);
      return { InstanceId: instance.id, CurrentState: stateOf(instance.state), PreviousState };
    }),
  };
}
