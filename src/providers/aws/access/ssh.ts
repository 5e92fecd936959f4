import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuthorizeSecurityGroupIngressCommand, EC2Client, RevokeSecurityGroupIngressCommand } from '@aws-sdk/client-ec2';
import { EC2InstanceConnectClient, SendSSHPublicKeyCommand } from '@aws-sdk/client-ec2-instance-connect';
import { Fault } from '../../fault.ts';
import type { Call, ExecRequest, ExecResult, SpinRef } from '../../provider.ts';
import { unless } from '../fault-class.ts';
import { resolveImage } from '../instances/images.ts';
import { instanceName, type Machine } from '../instances/machine.ts';
import type { Region } from '../region.ts';
import { permission } from '../network/rules.ts';

const SSH_PORT = 22;

/**
 * Runs a shell line on a machine by ssh. The key lives for this one command, EC2 Instance Connect tells it to the machine, and the
 * firewall lets `aws.checkFrom` in for as long.
 * @throws Fault `invalid` `exec-unavailable`, `missing-command` where there is no ssh here
 */
export async function connectTo(
  region: Region,
  spin: SpinRef,
  machine: Machine,
  line: string,
  stdio: ExecRequest['stdio'],
  call: Call,
): Promise<ExecResult> {
  const { cloud } = region;
  const host = machine.publicAddress ?? machine.privateAddress;
  const group = await region.groups.idOf(spin, machine.owner.resource.replace(/^service\./, 'firewall.'), call);
  const from = cloud.options.settings.checkFrom;
  if (host === undefined || group === undefined || from.length === 0) throw unavailable(machine);
  const user = userOf((await resolveImage(cloud, machine.image, call)).name);
  const folder = await mkdtemp(join(tmpdir(), 'spin-key-'));
  const opened = {
    GroupId: group,
    IpPermissions: from.map((range) => permission({ port: SSH_PORT, from: { range } })),
  };
  try {
    const key = join(folder, 'key');
    await run(region, ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'spin', '-f', key], 'pipe', call);
    const command = new SendSSHPublicKeyCommand({
      InstanceId: machine.id,
      InstanceOSUser: user,
      SSHPublicKey: await readFile(`${key}.pub`, 'utf8'),
      AvailabilityZone: machine.zone,
    });
    await cloud.send(EC2InstanceConnectClient, command, call);
    await unless(['InvalidPermission.Duplicate'], () => cloud.send(EC2Client, new AuthorizeSecurityGroupIngressCommand(opened), call));
    // Nobody has seen the host's key before, and the key that opens it is of no use to anybody else.
    const options = [
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
      'ConnectTimeout=10',
      'IdentitiesOnly=yes',
    ];
    const flags = [...options.flatMap((option) => ['-o', option]), ...(stdio === 'inherit' ? ['-t'] : [])];
    return await run(region, ['ssh', '-i', key, ...flags, `${user}@${host}`, line], stdio, call);
  } finally {
    await rm(folder, { recursive: true, force: true });
    const gone = ['InvalidPermission.NotFound', 'InvalidGroup.NotFound'];
    await unless(gone, () => cloud.send(EC2Client, new RevokeSecurityGroupIngressCommand(opened), call));
  }
}

/** The user that images are made with: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/connection-prereqs-general.html */
function userOf(image: string): string {
  if (image.startsWith('ubuntu')) return 'ubuntu';
  return image.startsWith('debian') ? 'admin' : 'ec2-user';
}

async function run(
  { cloud }: Region,
  [program, ...args]: readonly [string, ...string[]],
  stdio: ExecRequest['stdio'],
  call: Call,
): Promise<ExecResult> {
  const { execa } = await import('execa');
  const result = await execa(program, args, {
    env: cloud.options.env,
    reject: false,
    stdio: stdio === 'inherit' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    stripFinalNewline: false,
    cancelSignal: call.signal,
  });
  call.signal.throwIfAborted();
  if (result.code === 'ENOENT') throw new Fault('invalid', 'missing-command', `${program} is not on this machine`);
  return { exitCode: result.exitCode ?? 255, stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
}

function unavailable(machine: Machine): Fault {
  return new Fault(
    'invalid',
    'exec-unavailable',
    `${instanceName(machine)} (${machine.id}) cannot be reached: Systems Manager does not know it, which takes its agent in the image and a role with the rights of that agent (aws.instanceProfile; docs/aws-data.md lists them), and EC2 Instance Connect takes aws.checkFrom, to be let in from`,
  );
}
