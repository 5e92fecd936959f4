import { EC2Client, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import type { Call, CreateRequest, Target } from '../../provider.ts';
import { unless } from '../fault-class.ts';
import { CONSISTENCY_WINDOW_MS } from '../observing.ts';
import { refuseOthers } from '../ownership.ts';
import { inParts } from '../pages.ts';
import type { Region } from '../region.ts';
import { isGone, type Machine } from './machine.ts';
import { serviceOf } from './observe-instances.ts';

/** As many machines as one request ends: TerminateInstances, API reference. */
const MOST_IDS = 1_000;
/** What a load balancer may need to let go of a machine beyond the drain of its service. */
const NOTICE_MS = 30_000;

/** Ends every machine of a service; the operating system passes the drain signal on as it shuts down. */
export async function releaseService(region: Region, target: Target, call: Call): Promise<'requested' | 'absent'> {
  const machines = (await region.machines.of(target.spin, call)).filter(({ owner }) => owner.resource === target.key);
  const there = machines.filter((machine) => !isGone(machine));
  if (there.length === 0 && (machines.length > 0 || !region.asked.mayBeHidden(target, call))) {
    region.leaving.forget(target.spin, target.key);
    return 'absent';
  }
  refuseOthers(there, region.cloud.options.stateTag);
  region.leaving.asked(target.spin, target.key, 'its instances are shutting down');
  await terminate(
    region,
    there.filter(({ state }) => state !== 'shutting-down'),
    call,
  );
  return 'requested';
}

/**
 * Takes machines that are too many out of the target groups of their spin, of which their registration cannot know yet, and waits until
 * requests under way have ended, or their time is up.
 */
export async function drainSurplus(region: Region, request: CreateRequest, surplus: readonly Machine[], call: Call): Promise<void> {
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
