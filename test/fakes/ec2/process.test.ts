import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { execa } from 'execa';
import { expect, it, onTestFinished } from 'vitest';
import { clientOf, ec2For, idsOf, launchOf } from './fixture.ts';
import { spawnEc2 } from './spawn.ts';

it('runs as a process of its own, told and asked from outside', async () => {
  const { ec2, stop } = await spawnEc2({ manual: true, pendingMs: 8_000 });
  onTestFinished(stop);
  const client = clientOf(ec2);
  await ec2.script({ action: 'RunInstances', fault: 'throttle' });
  await ec2.limit({ type: 'c5.large', left: 0 });
  const launch = () => client.send(new RunInstancesCommand(launchOf({ ClientToken: 'token' })));
  await expect(launch()).rejects.toMatchObject({ name: 'RequestLimitExceeded' });
  const [id = ''] = idsOf(await launch());
  await expect(client.send(new RunInstancesCommand(launchOf({ InstanceType: 'c5.large' })))).rejects.toMatchObject({
    name: 'InsufficientInstanceCapacity',
  });
  expect((await ec2.snapshot()).instances).toMatchObject([{ id, state: 'pending' }]);
  await ec2.advance(8_000);
  expect((await ec2.snapshot()).instances).toMatchObject([{ id, state: 'running' }]);
  expect(await ec2.counts()).toEqual({ RunInstances: 3 });
  expect(await ec2.throttled()).toEqual({ RunInstances: 1 });
  await ec2.outside({ do: 'terminate', id });
  expect((await ec2.snapshot()).instances).toEqual([]);
  expect(await ec2.calls()).toMatchObject([{ code: 'RequestLimitExceeded' }, { status: 200 }, { status: 500 }]);
});

it('lets a caller be killed before the effect of its call, and after it', async () => {
  const { ec2, stop } = await spawnEc2();
  onTestFinished(stop);
  const program = `
    const { EC2Client, RunInstancesCommand } = await import('@aws-sdk/client-ec2');
    await new EC2Client({}).send(new RunInstancesCommand(${JSON.stringify(launchOf({ ClientToken: 'token' }))}));
  `;
  for (const [fault, instances] of [
    ['hold-request', 0],
    ['hold-response', 1],
  ] as const) {
    await ec2.script({ action: 'RunInstances', fault });
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, ...ec2.env() },
      stdio: 'ignore',
    });
    const exited = once(child, 'exit');
    await ec2.held();
    child.kill('SIGKILL');
    await exited;
    await expect.poll(async () => (await ec2.calls()).at(-1)?.outcome).toMatch(/abandoned|lost-response/);
    expect((await ec2.snapshot()).instances).toHaveLength(instances);
  }
});

it('ends with who started it', async () => {
  const { ec2, pid, stop } = await spawnEc2();
  expect(await ec2.counts()).toEqual({});
  await stop();
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

it('is understood by the AWS CLI', async (context) => {
  const found = await execa('aws', ['--version'], { reject: false });
  if (found.exitCode !== 0) context.skip('aws is not on this machine');
  const ec2 = await ec2For();
  const made = await clientOf(ec2).send(
    new RunInstancesCommand(launchOf({ TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'spin:id', Value: 'demo' }] }] })),
  );
  const aws = async (...words: string[]): Promise<unknown> => {
    const { stdout } = await execa('aws', [...words, '--output', 'json'], { env: ec2.env() });
    return stdout === '' ? undefined : JSON.parse(stdout);
  };
  const filter = 'Name=tag:spin:id,Values=demo';
  expect(await aws('ec2', 'describe-instances', '--filters', filter)).toMatchObject({
    Reservations: [
      { Instances: [{ InstanceId: idsOf(made)[0], State: { Code: 16, Name: 'running' }, Tags: [{ Key: 'spin:id', Value: 'demo' }] }] },
    ],
  });
  const group = await aws('ec2', 'create-security-group', '--group-name', 'web', '--description', 'web');
  expect(group).toMatchObject({ GroupId: expect.stringMatching(/^sg-/) });
  expect(
    await aws('ec2', 'authorize-security-group-ingress', '--group-name', 'web', '--protocol', 'tcp', '--port', '80', '--cidr', '0.0.0.0/0'),
  ).toMatchObject({
    Return: true,
    SecurityGroupRules: [{ CidrIpv4: '0.0.0.0/0', FromPort: 80 }],
  });
  expect(await aws('sts', 'get-caller-identity')).toMatchObject({ Account: '123456789012' });
  await clientOf(ec2).send(new TerminateInstancesCommand({ InstanceIds: idsOf(made) }));
});
