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

interface Verdict {
  readonly machine: string;
  /** What is said against it; undefined where nothing is. */
  readonly reason: string | undefined;
}

/**
 * What AWS's own checks say against running machines. Checks that have not finished, as in the first minutes of a machine, say nothing
 * against it.
 */
export class StatusChecks {
  readonly #together: Together<Verdict>;
  readonly #passed = new Map<string, number>();

  constructor(cloud: Cloud) {
    this.#together = new Together<Verdict>({
      ask: async (ids, call) => (await Promise.all(inParts(ids, MOST_IDS).map((part) => ask(cloud, part, call)))).flat(),
      keyOf: ({ machine }) => machine,
      most: MOST_IDS,
    });
  }

  /**
   * Asks about machines before it is known whether they run, so that `impaired` need not ask about those that passed. Never fails: what
   * cannot be told is left to that.
   */
  async early(ids: readonly string[], call: Call): Promise<void> {
    const due = this.#due(ids, call);
    if (due.length === 0) return;
    const answers = await this.#together.of(due, call).catch(() => []);
    const told = new Map(answers.map(({ machine, reason }) => [machine, reason]));
    for (const id of due) if (told.has(id) && told.get(id) === undefined) this.#passed.set(id, call.clock.now());
  }

  /** Notes a machine that runs since a moment ago: no check of AWS's can have failed so soon. */
  young(id: string, now: number): void {
    this.#passed.set(id, now);
  }

  /** A line for each machine that is impaired, by ID. @throws Fault */
  async impaired(ids: readonly string[], call: Call): Promise<ReadonlyMap<string, string>> {
    const due = this.#due(ids, call);
    if (due.length === 0) return new Map();
    const now = call.clock.now();
    const found = (await this.#together.of(due, call)).flatMap(({ machine, reason }) =>
      reason === undefined ? [] : [[machine, reason] as const],
    );
    for (const id of due) this.#passed.set(id, now);
    for (const [machine] of found) this.#passed.delete(machine);
    return new Map(found);
  }

  #due(ids: readonly string[], { clock }: Call): readonly string[] {
    return ids.filter((id) => clock.now() - (this.#passed.get(id) ?? -Infinity) >= HOLDS_MS);
  }
}

async function ask(cloud: Cloud, ids: readonly string[], call: Call): Promise<readonly Verdict[]> {
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
    if (InstanceId === undefined) return [];
    const reason = impaired.length === 0 ? undefined : `the ${impaired.join(' and ')} status check of AWS says impaired`;
    return [{ machine: InstanceId, reason }];
  });
}
