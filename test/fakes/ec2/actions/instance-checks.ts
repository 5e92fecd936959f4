import { DescribeInstanceStatus$, GetConsoleOutput$ } from '@aws-sdk/client-ec2';
import type {
  DescribeInstanceStatusRequest,
  DescribeInstanceStatusResult,
  GetConsoleOutputRequest,
  GetConsoleOutputResult,
  InstanceStatus,
  InstanceStatusSummary,
} from '@aws-sdk/client-ec2';
import { select } from '../filters.ts';
import { page, refusePageOfNamed } from '../pages.ts';
import type { RegionWorld } from '../world/region.ts';
import { STATE_CODES } from '../world/things.ts';
import type { InstanceThing } from '../world/things.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';
import { stateOf } from './describe.ts';

export const CHECK_ACTIONS: readonly Action[] = [
  action<DescribeInstanceStatusRequest>(
    DescribeInstanceStatus$,
    ['InstanceIds', 'Filters', 'MaxResults', 'NextToken', 'IncludeAllInstances'],
    describeInstanceStatus,
  ),
  action<GetConsoleOutputRequest>(GetConsoleOutput$, ['InstanceId', 'Latest'], getConsoleOutput),
];

function describeInstanceStatus({ region }: Context, input: DescribeInstanceStatusRequest): DescribeInstanceStatusResult {
  refusePageOfNamed(input, input.InstanceIds, 'instancesSet');
  const all = region.listed('instance', input.InstanceIds).filter(({ state }) => input.IncludeAllInstances === true || state === 'running');
  const found = select(all, input.Filters, {
    'availability-zone': ({ subnet }) => subnet.zone,
    'instance-state-code': ({ state }) => STATE_CODES[state],
    'instance-state-name': ({ state }) => state,
    'instance-status.status': (instance) => instanceCheck(region, instance).Status,
    'instance-status.reachability': (instance) => instanceCheck(region, instance).Details?.[0]?.Status,
    'system-status.status': (instance) => systemCheck(region, instance).Status,
    'system-status.reachability': (instance) => systemCheck(region, instance).Details?.[0]?.Status,
  });
  const { items, ...next } = page(found, input, {
    of: 'DescribeInstanceStatus',
    size: region.world.options.pageSize,
    position: ({ serial }) => serial,
  });
  return { InstanceStatuses: items.map((instance) => describeStatus(region, instance)), ...next };
}

function describeStatus(region: RegionWorld, instance: InstanceThing): InstanceStatus {
  return {
    AvailabilityZone: instance.subnet.zone,
    InstanceId: instance.id,
    InstanceState: stateOf(instance.state),
    InstanceStatus: instanceCheck(region, instance),
    SystemStatus: systemCheck(region, instance),
  };
}

/** `impaired` as a test said; else `initializing` for a while, then `ok`; `not-applicable` for what does not run. */
function instanceCheck(region: RegionWorld, instance: InstanceThing): InstanceStatusSummary {
  const { impairedSince } = instance;
  if (instance.state !== 'running' || impairedSince === undefined) return systemCheck(region, instance);
  return { Status: 'impaired', Details: [{ Name: 'reachability', Status: 'failed', ImpairedSince: new Date(impairedSince) }] };
}

/** The host is never impaired. */
function systemCheck(region: RegionWorld, { state, runningAt }: InstanceThing): InstanceStatusSummary {
  if (state !== 'running' || runningAt === undefined) return { Status: 'not-applicable' };
  if (region.world.now < runningAt + region.world.options.statusMs) {
    return { Status: 'initializing', Details: [{ Name: 'reachability', Status: 'initializing' }] };
  }
  return { Status: 'ok', Details: [{ Name: 'reachability', Status: 'passed' }] };
}

/** Base64, as on the wire; nothing until a test has written something. */
function getConsoleOutput({ region }: Context, { InstanceId: id }: GetConsoleOutputRequest): GetConsoleOutputResult {
  const { console } = region.get('instance', id ?? '');
  return {
    InstanceId: id,
    Timestamp: new Date(console?.at ?? region.world.now),
    ...(console === undefined ? {} : { Output: Buffer.from(console.text).toString('base64') }),
  };
}
