import { DescribeInstancesCommand, DescribeVpcsCommand, paginateDescribeInstances, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { DescribeTargetGroupsCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  ListRolesCommand,
  RemoveRoleFromInstanceProfileCommand,
} from '@aws-sdk/client-iam';
import { CreateBucketCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { CreateScheduleCommand, type CreateScheduleCommandInput } from '@aws-sdk/client-scheduler';
import { GetServiceQuotaCommand } from '@aws-sdk/client-service-quotas';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import { clientsOf, some } from './clients.ts';
import { excuseFor, KNOWN_GAPS } from './gaps.ts';
import { programOnPath } from './server.ts';
import { describeWithMoto } from './suite.ts';

describeWithMoto('the proxy', (world) => {
  test('serves every protocol, and counts calls by service and action', async () => {
    const { proxy } = world();
    const { ec2, elb, iam, s3, scheduler, ssm, sts } = clientsOf({ endpoint: proxy.url });
    await Promise.all([
      ec2.send(new DescribeVpcsCommand({})),
      ec2.send(new DescribeVpcsCommand({})),
      elb.send(new DescribeTargetGroupsCommand({})),
      iam.send(new ListRolesCommand({})),
      sts.send(new GetCallerIdentityCommand({})),
      ssm.send(new PutParameterCommand({ Name: '/spin/a', Value: 'secret', Type: 'SecureString' })),
      scheduler.send(new CreateScheduleCommand(schedule('once'))),
      s3.send(new CreateBucketCommand({ Bucket: 'states' })),
    ]);
    await s3.send(new PutObjectCommand({ Bucket: 'states', Key: 'a/b.json', Body: '{}', IfNoneMatch: '*' }));
    expect(await (await s3.send(new GetObjectCommand({ Bucket: 'states', Key: 'a/b.json' }))).Body?.transformToString()).toBe('{}');
    expect((await s3.send(new HeadObjectCommand({ Bucket: 'states', Key: 'a/b.json' }))).ContentLength).toBe(2);
    expect(proxy.counts()).toEqual({
      'ec2:DescribeVpcs': 2,
      'elasticloadbalancing:DescribeTargetGroups': 1,
      'iam:ListRoles': 1,
      's3:CreateBucket': 1,
      's3:GetObject': 1,
      's3:HeadObject': 1,
      's3:PutObject': 1,
      'scheduler:CreateSchedule': 1,
      'ssm:PutParameter': 1,
      'sts:GetCallerIdentity': 1,
    });
    expect(proxy.calls.every(({ outcome }) => outcome === 200)).toBe(true);
  });

  test('knows the vCPU quotas of EC2, and no other', async () => {
    const { proxy } = world();
    const { quotas } = clientsOf({ endpoint: proxy.url });
    const ask = (QuotaCode: string) => quotas.send(new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode }));
    expect((await ask('L-1216C47A')).Quota).toMatchObject({ QuotaCode: 'L-1216C47A', Value: 1_152 });
    expect(await refusal(ask('L-0'))).toMatch(/^NoSuchResourceException/);
    proxy.set({ quotas: false });
    expect(await refusal(ask('L-1216C47A'))).toMatch(/^NoSuchResourceException/);
  });

  test('says that a role is not in a profile', async () => {
    const { iam } = clientsOf({ endpoint: world().proxy.url });
    const names = { InstanceProfileName: 'shop', RoleName: 'shop' };
    await iam.send(new CreateRoleCommand({ RoleName: 'shop', AssumeRolePolicyDocument: '{}' }));
    await iam.send(new CreateInstanceProfileCommand(names));
    await iam.send(new AddRoleToInstanceProfileCommand(names));
    await iam.send(new RemoveRoleFromInstanceProfileCommand(names));
    expect(await refusal(iam.send(new RemoveRoleFromInstanceProfileCommand(names)))).toMatch(/^NoSuchEntity\w* 404$/);
  });

  test('throttles in the form of each protocol', async () => {
    const { proxy } = world();
    const { ec2, elb, s3, scheduler, ssm } = clientsOf({ endpoint: proxy.url });
    await s3.send(new CreateBucketCommand({ Bucket: 'states' }));
    proxy.announce({ how: 'throttled', times: 5 });
    const refusals = [
      await refusal(ec2.send(new DescribeVpcsCommand({}))),
      await refusal(elb.send(new DescribeTargetGroupsCommand({}))),
      await refusal(ssm.send(new PutParameterCommand({ Name: 'a', Value: 'b', Type: 'String' }))),
      await refusal(scheduler.send(new CreateScheduleCommand(schedule('once')))),
      await refusal(s3.send(new PutObjectCommand({ Bucket: 'states', Key: 'a', Body: 'b' }))),
    ];
    expect(refusals).toEqual([
      'RequestLimitExceeded 503',
      'Throttling 400',
      'ThrottlingException 400',
      'ThrottlingException 429',
      'SlowDown 503',
    ]);
    expect(await refusal(ec2.send(new DescribeVpcsCommand({})))).toBe('none');
  });

  test('lets calls go wrong by name, number and predicate', async () => {
    const { proxy } = world();
    const { ec2, ssm } = clientsOf({ endpoint: proxy.url });
    proxy.announce({ action: 'DescribeVpcs', after: 1, times: 2, how: 'internal-error' });
    proxy.announce({ action: 'RunInstances', when: ({ params }) => params.get('InstanceType') === 'c5.large', how: 'unavailable' });
    proxy.announce({ service: 'ssm', how: 'denied' });
    const vpcs = async () => refusal(ec2.send(new DescribeVpcsCommand({})));
    expect([await vpcs(), await vpcs(), await vpcs(), await vpcs()]).toEqual(['none', 'InternalError 500', 'InternalError 500', 'none']);
    expect(await refusal(ec2.send(new RunInstancesCommand(some(1))))).toBe('none');
    expect(await refusal(ec2.send(new RunInstancesCommand(some(1, { InstanceType: 'c5.large' }))))).toBe('Unavailable 503');
    expect(await refusal(ssm.send(new PutParameterCommand({ Name: 'a', Value: 'b', Type: 'String' })))).toBe('AccessDeniedException 400');
    proxy.announce({ how: { error: 'OperationNotPermitted', status: 400, message: 'no' } });
    expect(await vpcs()).toBe('OperationNotPermitted 400');
    proxy.announce({ action: 'DescribeVpcs', how: 'denied' });
    expect(await vpcs()).toBe('UnauthorizedOperation 403');
    proxy.announce({ action: 'DescribeVpcs', how: 'html' });
    expect(await vpcs()).toContain('500');
  });

  test('a lost request has no effect, a lost answer has', async () => {
    const { proxy } = world();
    const { ec2 } = clientsOf({ endpoint: proxy.url });
    const count = async () => (await ec2.send(new DescribeInstancesCommand({}))).Reservations?.length;
    proxy.announce({ action: 'RunInstances', how: 'lost-request' });
    proxy.announce({ action: 'RunInstances', how: 'lost-response' });
    await expect(ec2.send(new RunInstancesCommand(some(1)))).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await count()).toBe(0);
    await expect(ec2.send(new RunInstancesCommand(some(1)))).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await count()).toBe(1);
  });

  test('silence lasts until the client gives up, and a late answer comes', async () => {
    const { proxy } = world();
    const { ec2 } = clientsOf({ endpoint: proxy.url });
    proxy.announce({ how: 'silence' });
    await expect(ec2.send(new DescribeVpcsCommand({}), { abortSignal: AbortSignal.timeout(1_500) })).rejects.toMatchObject({
      name: 'AbortError',
    });
    proxy.announce({ how: { lateMs: 120 } });
    const begun = performance.now();
    await ec2.send(new DescribeVpcsCommand({}));
    expect(performance.now() - begun).toBeGreaterThan(119);
  });

  test('calls wait for the added latency at the same time', async () => {
    const { proxy } = world();
    const { sts } = clientsOf({ endpoint: proxy.url });
    await sts.send(new GetCallerIdentityCommand({}));
    proxy.set({ latencyMs: 400 });
    const begun = performance.now();
    await Promise.all(Array.from({ length: 20 }, () => sts.send(new GetCallerIdentityCommand({}))));
    const tookMs = performance.now() - begun;
    expect(tookMs).toBeGreaterThan(399);
    expect(tookMs).toBeLessThan(20 * 400);
  });

  test('keeps connections alive that moto would close', async () => {
    const { proxy, moto } = world();
    const connectionOf = async (url: string): Promise<string | null> => (await fetch(`${url}/moto-api/`)).headers.get('connection');
    expect(await connectionOf(moto.url)).toBe('close');
    expect(await connectionOf(proxy.url)).toBe('keep-alive');
  });

  test('a schedule that is made again with its token is the same, with another a conflict', async () => {
    const { proxy } = world();
    const { scheduler } = clientsOf({ endpoint: proxy.url });
    const first = await scheduler.send(new CreateScheduleCommand({ ...schedule('once'), ClientToken: 'token-a' }));
    const again = await scheduler.send(new CreateScheduleCommand({ ...schedule('once'), ClientToken: 'token-a' }));
    expect(again.ScheduleArn).toBe(first.ScheduleArn);
    await expect(scheduler.send(new CreateScheduleCommand({ ...schedule('once'), ClientToken: 'token-b' }))).rejects.toMatchObject({
      name: 'ConflictException',
    });
  });

  test('knows the account of an assumed role', async () => {
    const { proxy } = world();
    const { sts } = clientsOf({ endpoint: proxy.url });
    const RoleArn = 'arn:aws:iam::210987654321:role/ci';
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'test' }));
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = Credentials ?? {};
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
    const assumed = new STSClient({ endpoint: proxy.url, region: 'us-east-1', credentials });
    onTestFinished(() => assumed.destroy());
    expect((await assumed.send(new GetCallerIdentityCommand({}))).Account).toBe('210987654321');
    expect(proxy.calls.map(({ account }) => account)).toEqual(['123456789012', '210987654321']);
  });

  test('pages of instances are kept', async () => {
    const { proxy } = world();
    const { ec2 } = clientsOf({ endpoint: proxy.url });
    for (let made = 0; made < 12; made++) await ec2.send(new RunInstancesCommand(some(1)));
    const sizes: number[] = [];
    for await (const { Reservations } of paginateDescribeInstances({ client: ec2, pageSize: 5 }, {})) sizes.push(Reservations?.length ?? 0);
    expect(sizes).toEqual([5, 5, 2]);
  });

  test.skipIf(programOnPath('aws') === undefined)('the AWS CLI reads it as the SDK does', async () => {
    const { proxy } = world();
    const { ec2 } = clientsOf({ endpoint: proxy.url });
    proxy.set({ pendingMs: 3_600_000 });
    const made = await ec2.send(new RunInstancesCommand(some(2)));
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: '/nonexistent',
      AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_DEFAULT_REGION: 'us-east-1',
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const query = 'Reservations[].Instances[].[InstanceId,State.Name]';
    const args = ['ec2', 'describe-instances', '--filters', 'Name=client-token,Values=*', '--query', query, '--output', 'json'];
    const { stdout } = await execa('aws', ['--endpoint-url', proxy.url, ...args], { env, extendEnv: false });
    expect(JSON.parse(stdout)).toEqual(made.Instances?.map(({ InstanceId }) => [InstanceId, 'pending']));
  });

  test('a reset empties moto and forgets', async () => {
    const { proxy } = world();
    const { ec2 } = clientsOf({ endpoint: proxy.url });
    await ec2.send(new RunInstancesCommand(some(1, { ClientToken: 'token-a' })));
    proxy.announce({ how: 'throttled' });
    await proxy.reset();
    expect(proxy.calls).toEqual([]);
    expect((await ec2.send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
    expect((await ec2.send(new RunInstancesCommand(some(2, { ClientToken: 'token-a' })))).Instances).toHaveLength(2);
  });
});

describe('the known gaps', () => {
  test('are each told once', () => {
    expect(new Set(KNOWN_GAPS.map(({ gap }) => gap)).size).toBe(KNOWN_GAPS.length);
    expect(excuseFor('no such test')).toBeUndefined();
  });
});

function schedule(name: string): CreateScheduleCommandInput {
  return {
    Name: name,
    ScheduleExpression: 'at(2030-01-01T00:00:00)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: { Arn: 'arn:aws:scheduler:::aws-sdk:ec2:terminateInstances', RoleArn: 'arn:aws:iam::123456789012:role/spin' },
  };
}

/** The name and status of what a call was refused with. */
async function refusal(sent: Promise<unknown>): Promise<string> {
  try {
    await sent;
    return 'none';
  } catch (thrown) {
    const { name, $metadata } = thrown as { readonly name: string; readonly $metadata?: { readonly httpStatusCode?: number } };
    return `${name} ${$metadata?.httpStatusCode ?? 0}`;
  }
}
