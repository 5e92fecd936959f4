import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CreateNetworkInterfaceCommand, DescribeNetworkInterfacesCommand, DescribeSubnetsCommand } from '@aws-sdk/client-ec2';
import { AttachRolePolicyCommand, CreatePolicyCommand } from '@aws-sdk/client-iam';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OWNED } from '../../src/core/tags.ts';
import { createAwsProvider } from '../../src/providers/aws/aws.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { ForwardClock } from '../fakes/ec2/clock.ts';
import { environmentOf } from '../fakes/ec2/start.ts';
import { clientsOf } from '../fakes/moto/clients.ts';
import { describeWithMoto } from '../fakes/moto/suite.ts';
import { type Answer, type Asked, startEndpoint } from '../providers/aws/client/endpoint.ts';
import { awsAt, awsWorld, launch, REGION, REPOSITORY, STATE_TAG } from '../providers/aws/world.ts';

/** Calls that neither the double nor an ordinary life makes, over the wire: so that none of the policy's actions is only read of in the source. */

describe('a command on an instance', () => {
  it('goes through Systems Manager where that reaches it', async () => {
    const { exec } = await reached({
      DescribeInstanceInformation: ({ body }) => json({ InstanceInformationList: [{ InstanceId: idIn(body), PingStatus: 'Online' }] }),
      SendCommand: () => json({ Command: { CommandId: 'c-1' } }),
      GetCommandInvocation: () => json({ Status: 'Success', ResponseCode: 0, StandardOutputContent: 'hello\n', StandardErrorContent: '' }),
    });
    expect(await exec()).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: '' });
  });

  it('goes by ssh, with a key that EC2 Instance Connect takes, where it does not', async () => {
    const { exec, asked } = await reached({
      DescribeInstanceInformation: () => json({ InstanceInformationList: [] }),
      SendSSHPublicKey: () => json({ RequestId: 'r', Success: true }),
    });
    expect(await exec()).toEqual({ exitCode: 0, stdout: 'by ssh\n', stderr: '' });
    const told: unknown = JSON.parse(asked.find(({ action }) => action === 'SendSSHPublicKey')?.body ?? '{}');
    expect(told).toMatchObject({ InstanceOSUser: 'ec2-user', SSHPublicKey: 'ssh-ed25519 AAAA spin\n' });
  });
});

describeWithMoto('what others hung on a spin', (moto) => {
  it('goes with it: a policy on its role, an interface that no instance holds', async () => {
    const world = awsAt(environmentOf(moto().proxy.url, REGION), { clock: new ForwardClock() });
    const { ec2, iam } = clientsOf({ endpoint: moto().proxy.url, region: REGION });
    const handle = await world.provider.create(world.request('identity.identity', { kind: 'identity', secrets: ['TOKEN'] }), world.call);
    const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: 'more', PolicyDocument: JSON.stringify(MORE) }));
    await iam.send(new AttachRolePolicyCommand({ RoleName: String(handle['role']), PolicyArn: Policy?.Arn }));
    const { Subnets } = await ec2.send(new DescribeSubnetsCommand({}));
    const Tags = Object.entries({
      [OWNED.id]: world.spin.id,
      [OWNED.incarnation]: world.spin.incarnation,
      [OWNED.resource]: 'service.web@1',
      [OWNED.state]: STATE_TAG,
    }).map(([Key, Value]) => ({ Key, Value }));
    const TagSpecifications = [{ ResourceType: 'network-interface' as const, Tags }];
    await ec2.send(new CreateNetworkInterfaceCommand({ SubnetId: Subnets?.[0]?.SubnetId, TagSpecifications }));

    const found = await world.provider.inventory({ id: world.spin.id }, world.call);
    expect(found.map(({ what }) => what.replace(/ \S+$/, '')).toSorted(byText)).toEqual(['instance profile', 'network interface', 'role']);
    await expect.poll(() => world.provider.reclaim(found, world.call)).toBe('absent');
    expect(await world.provider.inventory({ id: world.spin.id }, world.call)).toEqual([]);
    expect((await ec2.send(new DescribeNetworkInterfacesCommand({}))).NetworkInterfaces).toEqual([]);
  });
});

const MORE = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }] };

/** A spin of one instance on the double, and a provider that asks some services of an endpoint of their own. */
async function reached(answers: Readonly<Record<string, (asked: Asked) => Answer>>) {
  const world = await awsWorld();
  await launch(world, world.service({ name: 'web' }));
  const endpoint = await startEndpoint((asked) => answers[asked.action]?.(asked) ?? { status: 500, body: '' });
  onTestFinished(() => endpoint.close());
  const env = {
    ...world.options.env,
    AWS_ENDPOINT_URL_SSM: endpoint.url,
    AWS_ENDPOINT_URL_EC2_INSTANCE_CONNECT: endpoint.url,
    PATH: `${sshIn(join(world.options.cacheDir, 'bin'))}${delimiter}${process.env['PATH'] ?? ''}`,
  };
  const provider: Provider = createAwsProvider({ ...world.options, env, templatesDir: join(REPOSITORY, 'templates') });
  const command = { instance: 'web@1.1', command: ['true'], stdio: 'pipe' } as const;
  return { exec: () => provider.exec(world.spin, command, world.call), asked: endpoint.asked };
}

/** Programs in the place of ssh and ssh-keygen. @returns their folder */
function sshIn(folder: string): string {
  mkdirSync(folder);
  const programs = {
    'ssh-keygen': 'for last; do :; done; echo private >"$last"; echo "ssh-ed25519 AAAA spin" >"$last.pub"',
    ssh: 'echo by ssh',
  };
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

function json(value: unknown): Answer {
  return { status: 200, body: JSON.stringify(value), headers: { 'content-type': 'application/x-amz-json-1.1' } };
}

function idIn(body: string): string {
  return /i-[0-9a-f]+/.exec(body)?.[0] ?? '';
}

function byText(one: string, other: string): number {
  return one < other ? -1 : 1;
}
