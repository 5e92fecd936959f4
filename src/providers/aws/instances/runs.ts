import type { Run } from '../../provider.ts';
import { lives, type Machine } from './machine.ts';

/** EC2 counts by the second, and a minute at least: https://aws.amazon.com/ec2/pricing/on-demand/ */
const LEAST_MS = 60_000;

/** What machines are paid for: from their launch, until they were ended. Where EC2 does not say when that was, until now. */
export function runsOf(machines: readonly Machine[], now: number): readonly Run[] {
  return machines.map((machine) => {
    const { id, launchedAt: from, endedAt } = machine;
    return lives(machine) ? { machine: id, from } : { machine: id, from, to: Math.max(endedAt ?? now, from + LEAST_MS) };
  });
}
