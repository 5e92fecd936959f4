import { DescribeInstanceStatusCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { unless } from '../fault-class.ts';
import { inParts } from '../pages.ts';
import { Together } from '../together.ts';

/** As many IDs as one question may name: DescribeInstanceStatus, API reference. */
const MOST_IDS = 100;
/** So long an answer holds: AWS makes its checks once a minute. */
const HOLDS_MS = 5_000;

interface Impairment {
  readonly machine: string;
  readonly reason: string;
}

/**
 * What AWS's own checks say against running machines. Checks that have not finished, as in the first minutes of a machine, say nothing
 * against it.
 */
export class StatusChecks {
  readonly #together: Together<Impairment>;
  readonly #passed = new Map<string, number>();

  constructor(cloud: Cloud) {
    this.#together = new Together<Impairment>({
      ask: async (ids, call) => (await Promise.all(inParts(ids, MOST_IDS).map((part) => ask(cloud, part, call)))).flat(),
      keyOf: ({ machine }) => machine,
      most: MOST_IDS,
    });
  }

  /** A line for each machine that is impaired, by ID. @throws Fault */
  async impaired(ids: readonly string[], call: Call): Promise<ReadonlyMap<string, string>> {
    const now = call.clock.now();
    const due = ids.filter((id) => now - (this.#passed.get(id) ?? -Infinity) >= HOLDS_MS);
    if (due.length === 0) return new Map();
    const found = await this.#together.of(due, call);
    for (const id of due) this.#passed.set(id, now);
    for (const { machine } of found) this.#passed.delete(machine);
    return new Map(found.map(({ machine, reason }) => [machine, reason]));
  }
}

async function ask(cloud: Cloud, ids: readonly string[], call: Call): Promise<readonly Impairment[]> {
  // A machine of which this part of AWS does not know yet has no checks that could have failed.
  const answer = await unless(['InvalidInstanceID.NotFound'], () =>
    cloud.send(EC2Client, new DescribeInstanceStatusCommand({ InstanceIds: [...ids] }), call),
  );
  return (answer?.InstanceStatuses ?? []).flatMap(({ InstanceId, InstanceStatus, SystemStatus, AttachedEbsStatus }) => {
    const checks = [
      ['instance', InstanceStatus?.Status],
      ['system', SystemStatus?.Status],
      ['volume', AttachedEbsStatus?.Status],
    ] as const;
    const impaired = checks.filter(([, status]) => status === 'impaired').map(([name]) => name);
    if (InstanceId === undefined || impaired.length === 0) return [];
    return [{ machine: InstanceId, reason: `the ${impaired.join(' and ')} status check of AWS says impaired` }];
  });
}
