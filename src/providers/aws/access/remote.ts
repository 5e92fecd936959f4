import { DescribeInstanceInformationCommand, GetCommandInvocationCommand, SendCommandCommand, SSMClient } from '@aws-sdk/client-ssm';
import { Fault } from '../../fault.ts';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { unless } from '../fault-class.ts';
import { inParts } from '../pages.ts';

/** What came of a command that ran on a machine. */
export interface RemoteResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Systems Manager keeps so many characters of each output: GetCommandInvocation, API reference. */
export const MOST_OUTPUT = 24_000;

const LOOK_AGAIN_MS = 300;
const SLOWEST_MS = 2_000;
const RUNS: ReadonlySet<string> = new Set(['Pending', 'InProgress', 'Delayed']);
/** As many values as one filter of DescribeInstanceInformation has. */
const MOST_IDS = 50;

/** Which of these machines Systems Manager reaches now. Where it may not be asked, or is not there, it reaches none. @throws Fault */
export async function managedOf(cloud: Cloud, ids: readonly string[], call: Call): Promise<ReadonlySet<string>> {
  const parts = inParts(ids, MOST_IDS).map(async (part) => {
    const command = new DescribeInstanceInformationCommand({ Filters: [{ Key: 'InstanceIds', Values: [...part] }] });
    const answer = await unless(['unimplemented', 'AccessDenied', 'InvalidInstanceId'], () => cloud.send(SSMClient, command, call));
    return (answer?.InstanceInformationList ?? []).flatMap(({ InstanceId, PingStatus }) =>
      PingStatus === 'Online' ? (InstanceId ?? []) : [],
    );
  });
  return new Set((await Promise.all(parts)).flat());
}

/**
 * Runs a shell line on a machine as root, through Systems Manager, until it ends.
 * @param timeoutMs after which Systems Manager ends it
 * @throws Fault `transient` `not-delivered` where it never began
 */
export async function runOn(cloud: Cloud, machine: string, line: string, timeoutMs: number, call: Call): Promise<RemoteResult> {
  const { Command } = await cloud.send(
    SSMClient,
    new SendCommandCommand({
      DocumentName: 'AWS-RunShellScript',
      InstanceIds: [machine],
      Parameters: { commands: [line], executionTimeout: [String(Math.ceil(timeoutMs / 1_000))] },
      // At least half a minute is what it asks for.
      TimeoutSeconds: 60,
    }),
    call,
  );
  const CommandId = Command?.CommandId;
  for (let pause = LOOK_AGAIN_MS; ; pause = Math.min(SLOWEST_MS, pause * 1.3)) {
    await call.clock.sleep(pause, call.signal);
    const look = new GetCommandInvocationCommand({ CommandId, InstanceId: machine });
    // Not yet where it was sent a moment ago.
    const seen = await unless(['InvocationDoesNotExist'], () => cloud.send(SSMClient, look, call));
    if (seen === undefined || RUNS.has(seen.Status ?? 'Pending')) continue;
    if (seen.ResponseCode === undefined || seen.ResponseCode === -1) {
      throw new Fault('transient', 'not-delivered', `the command did not reach ${machine}: ${seen.StatusDetails ?? seen.Status}`);
    }
    return { code: seen.ResponseCode, stdout: seen.StandardOutputContent ?? '', stderr: seen.StandardErrorContent ?? '' };
  }
}
