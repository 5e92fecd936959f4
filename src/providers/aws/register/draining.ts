import {
  DeregisterTargetsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  type TargetHealthDescription,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { unless } from '../fault-class.ts';

const GONE = ['TargetGroupNotFound'];
const LOOK_MS = 1_000;

/** The longest that a target group drains: an hour, and some time to notice. */
export const LONGEST_DRAIN_MS = 3_630_000;

/** Machines that are taken out of target groups. */
export interface Leave {
  /** ARNs. */
  readonly targetGroups: readonly string[];
  readonly machines: ReadonlySet<string>;
  /** How long to wait for requests under way, in milliseconds. */
  readonly limitMs: number;
  /** Key of the resource that events are about; none are told without. */
  readonly resource?: string;
}

/**
 * Takes machines out of target groups and waits until requests under way have ended: nothing else may be done to them before. What is in
 * none, or in one that is gone, is waited for no longer.
 * @returns false where some are still in after the limit
 * @throws Fault; the call's abort reason
 */
export async function drain(cloud: Cloud, { targetGroups, machines, limitMs, resource }: Leave, call: Call): Promise<boolean> {
  const began = call.clock.now();
  const look = async (): Promise<readonly (readonly [string, readonly TargetHealthDescription[]])[]> => {
    const each = targetGroups.map(async (arn) => {
      const mine = (await entriesIn(cloud, arn, call)).filter((entry) => machines.has(entry.Target?.Id ?? '') && isIn(entry));
      return mine.length === 0 ? [] : [[arn, mine] as const];
    });
    return (await Promise.all(each)).flat();
  };
  let left = await look();
  if (left.length === 0) return true;
  await Promise.all(left.map(([arn, entries]) => deregister(cloud, arn, entries, call)));
  if (resource !== undefined) call.emit({ type: 'drain.started', resource });
  for (;;) {
    left = await look();
    if (left.length === 0) break;
    if (call.clock.now() - began > limitMs) return false;
    await call.clock.sleep(LOOK_MS, call.signal);
  }
  if (resource !== undefined) call.emit({ type: 'drain.finished', resource, ms: call.clock.now() - began });
  return true;
}

/** What is in a target group; nothing where there is no such group. @throws Fault */
export async function entriesIn(cloud: Cloud, TargetGroupArn: string, call: Call): Promise<readonly TargetHealthDescription[]> {
  const answer = await unless(GONE, () =>
    cloud.send(ElasticLoadBalancingV2Client, new DescribeTargetHealthCommand({ TargetGroupArn }), call),
  );
  return answer?.TargetHealthDescriptions ?? [];
}

/** `unused` is also said of what is asked for by ID and was never registered. */
export function isIn({ TargetHealth }: TargetHealthDescription): boolean {
  return TargetHealth?.Reason !== 'Target.NotRegistered';
}

/** Those that are on their way out already are left alone. */
async function deregister(cloud: Cloud, TargetGroupArn: string, entries: readonly TargetHealthDescription[], call: Call): Promise<void> {
  const Targets = entries.flatMap(({ Target: one, TargetHealth }) =>
    one?.Id === undefined || TargetHealth?.State === 'draining' ? [] : [{ Id: one.Id, Port: one.Port }],
  );
  if (Targets.length === 0) return;
  const command = new DeregisterTargetsCommand({ TargetGroupArn, Targets });
  await unless([...GONE, 'InvalidTarget'], () => cloud.send(ElasticLoadBalancingV2Client, command, call));
}
