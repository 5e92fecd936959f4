import {
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
  type TargetHealthDescription,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { InternalError } from '../../../core/errors.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, Handle, Observation, Target } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { type Machine, lives } from '../instances/machine.ts';
import type { Machines } from '../instances/machines.ts';
import { targetGroupName } from '../names.ts';
import { handleText, made, observation, observeAll } from '../observing.ts';
import { refuseOthers } from '../ownership.ts';
import { drain, entriesIn, isIn, LONGEST_DRAIN_MS } from './draining.ts';
import { targetGroupNamed } from './target-groups.ts';

/** A registration is the entry of one generation's instances in the target group of a route. */

/** Registers every living instance of the generation; those that are registered stay so. @throws Fault */
export async function createRegistration(
  cloud: Cloud,
  machines: Pick<Machines, 'of'>,
  request: CreateRequest,
  call: Call,
): Promise<Handle> {
  const [TargetGroupArn, mine] = await Promise.all([needTargetGroup(cloud, request, call), machinesOf(machines, request, call)]);
  // What does not run is refused, and the whole request with it.
  const running = mine.filter(({ state }) => state === 'running');
  if (running.length === 0) throw new Fault('transient', 'instances-missing', `${serviceKey(request)} has no instances to register yet`);
  const port = portOf(request);
  const Targets = running.map(({ id }) => ({ Id: id, ...(port === undefined ? {} : { Port: port }) }));
  await cloud.send(ElasticLoadBalancingV2Client, new RegisterTargetsCommand({ TargetGroupArn, Targets }), call);
  return made(call, { targetGroup: TargetGroupArn });
}

/** One request per exposed service, however many instances it has. */
export async function observeRegistrations(
  cloud: Cloud,
  machines: Pick<Machines, 'recent'>,
  targets: readonly Target[],
  call: Call,
): Promise<ReadonlyMap<string, Observation>> {
  const each = await Promise.all(
    targets.map((target) =>
      observeAll(
        [target],
        async () => {
          const [all, entries] = await Promise.all([machines.recent(target.spin, call), entriesOf(cloud, target, call)]);
          return () => judge(ofGeneration(all, target), entries);
        },
        call,
      ),
    ),
  );
  return new Map(each.flatMap((map) => [...map]));
}

/**
 * Takes the generation's instances out and waits until requests under way have ended, or their time is up: nothing else may be done
 * to the instances before. @throws Fault
 */
export async function releaseRegistration(
  cloud: Cloud,
  machines: Pick<Machines, 'of'>,
  target: Target,
  call: Call,
): Promise<'requested' | 'absent'> {
  const [targetGroup, mine] = await Promise.all([targetGroupOf(cloud, target, call), machinesOf(machines, target, call)]);
  refuseOthers(mine, cloud.options.stateTag);
  const leave = {
    targetGroups: targetGroup === undefined ? [] : [targetGroup],
    machines: new Set(mine.map(({ id }) => id)),
    limitMs: LONGEST_DRAIN_MS,
    resource: target.key,
  };
  return (await drain(cloud, leave, call)) ? 'absent' : 'requested';
}

function judge(mine: readonly Machine[], entries: readonly TargetHealthDescription[]): Observation {
  const byId = new Map(entries.filter(isIn).map((entry) => [entry.Target?.Id, entry]));
  const living = mine.filter(lives);
  const seen = living.map((machine) => ({ machine, entry: byId.get(machine.id) }));
  const entered = mine.flatMap(({ id }) => byId.get(id) ?? []);
  if (entered.length === 0) return observation('absent', 'no instance is registered');
  if (entered.every(({ TargetHealth }) => TargetHealth?.State === 'draining')) return observation('stopping', 'requests under way end');
  const lacking = seen.filter(({ entry }) => entry === undefined || entry.TargetHealth?.State === 'draining');
  if (lacking.length > 0) {
    return observation('pending', `${lacking.length} of ${living.length} instances are not registered`, { stalled: true });
  }
  const sick = seen.find(({ entry }) => entry?.TargetHealth?.State !== 'healthy');
  if (sick === undefined) return observation('running', `${living.length} registered and healthy`);
  const { State = 'unknown', Description } = sick.entry?.TargetHealth ?? {};
  const healthy = seen.filter(({ entry }) => entry?.TargetHealth?.State === 'healthy').length;
  const why = Description === undefined ? '' : `: ${Description}`;
  return observation('pending', `${healthy} of ${living.length} healthy behind the load balancer; ${sick.machine.id} is ${State}${why}`);
}

async function entriesOf(cloud: Cloud, target: Target, call: Call): Promise<readonly TargetHealthDescription[]> {
  const targetGroup = await targetGroupOf(cloud, target, call);
  return targetGroup === undefined ? [] : entriesIn(cloud, targetGroup, call);
}

async function targetGroupOf(cloud: Cloud, target: Target, call: Call): Promise<string | undefined> {
  const known = handleText(target.handle, 'targetGroup');
  return known ?? (await targetGroupNamed(cloud, targetGroupName(target.spin, routeKey(target)), call))?.TargetGroupArn;
}

async function needTargetGroup(cloud: Cloud, target: Target, call: Call): Promise<string> {
  const arn = await targetGroupOf(cloud, target, call);
  if (arn === undefined) throw new Fault('transient', 'target-group-missing', `${routeKey(target)} has no target group yet`);
  return arn;
}

async function machinesOf(machines: Pick<Machines, 'of'>, target: Target, call: Call): Promise<readonly Machine[]> {
  return ofGeneration(await machines.of(target.spin, call), target);
}

function ofGeneration(machines: readonly Machine[], target: Target): readonly Machine[] {
  const key = serviceKey(target);
  return machines.filter(({ owner }) => owner.resource === key);
}

/** Where the instances themselves say that they listen; the target group's port where they say nothing. */
function portOf({ desire, bindings }: CreateRequest): number | undefined {
  const service = desire.kind === 'registration' ? desire.service : '';
  return Object.hasOwn(bindings, service) ? bindings[service]?.find(({ via }) => via === 'instance')?.port : undefined;
}

function serviceKey(target: Target): string {
  return needed(target, 'service.');
}

function routeKey(target: Target): string {
  return needed(target, 'route.');
}

function needed({ key, needs }: Target, start: string): string {
  const found = needs.find((need) => need.startsWith(start));
  if (found === undefined) throw new InternalError(`${key} stands on no ${start.slice(0, -1)}`);
  return found;
}
