import { Fault } from '../../fault.ts';
import type { Call, ExecRequest, ExecResult, SpinRef } from '../../provider.ts';
import { instanceName, lives, type Machine } from '../instances/machine.ts';
import type { Region } from '../region.ts';
import { managedOf, MOST_OUTPUT, runOn } from './remote.ts';
import { connectTo } from './ssh.ts';

/** A command that nobody waits for must not run for ever. */
const LONGEST_MS = 48 * 3_600_000;

/**
 * Runs a command where and as the service of an instance runs: through Systems Manager where it reaches the instance, which shows the
 * output when the command has ended; else by ssh, with a key that EC2 Instance Connect takes for a minute.
 * @throws Fault `not-found` `instance-missing`; `invalid` `exec-unavailable`, which says what is missing
 */
export async function execOn(region: Region, spin: SpinRef, request: ExecRequest, call: Call): Promise<ExecResult> {
  const machine = await machineNamed(region, spin, request.instance, call);
  if ((await managedOf(region.cloud, [machine.id], call)).has(machine.id)) {
    // Systems Manager keeps what it was shown for 30 days, and so longer than the secrets of most spins are to live.
    const { code, stdout, stderr } = await runOn(region.cloud, machine.id, execLine(request.command, 'masked'), LONGEST_MS, call);
    const cut = stdout.length >= MOST_OUTPUT ? `\n[spin] Systems Manager keeps ${MOST_OUTPUT} characters of the output\n` : '';
    if (request.stdio === 'pipe') return { exitCode: code, stdout, stderr: stderr + cut };
    process.stdout.write(stdout);
    process.stderr.write(stderr + cut);
    return { exitCode: code, stdout: '', stderr: '' };
  }
  const line = execLine(request.command, request.stdio === 'pipe' ? 'masked' : 'plain');
  return connectTo(region, spin, machine, `sudo ${line}`, request.stdio, call);
}

/** The machine of an instance's name. @throws Fault `not-found` `instance-missing` */
async function machineNamed(region: Region, spin: SpinRef, name: string, call: Call): Promise<Machine> {
  const machines = await region.machines.of(spin, call);
  const machine = machines.find((candidate) => lives(candidate) && instanceName(candidate) === name);
  if (machine === undefined) throw new Fault('not-found', 'instance-missing', `${spin.id} has no instance ${JSON.stringify(name)}`);
  return machine;
}

/** A shell line that runs a command in the surroundings of the service, with stars for its secrets or not; no shell reads the command itself. */
function execLine(command: ExecRequest['command'], secrets: 'masked' | 'plain'): string {
  const line = `/opt/spin/agent exec ${Buffer.from(JSON.stringify(command)).toString('base64')}`;
  return secrets === 'masked' ? `${line} masked` : line;
}
