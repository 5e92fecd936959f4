import {
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeAccountAttributesCommand,
  DescribeAvailabilityZonesCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeRegionsCommand,
  DescribeSpotPriceHistoryCommand,
  DescribeTagsCommand,
  DescribeVpcsCommand,
  EC2Client,
  RunInstancesCommand,
  StopInstancesCommand,
  waitUntilInstanceRunning,
} from '@aws-sdk/client-ec2';
import {
  AddTagsToResourceCommand,
  DeleteParameterCommand,
  DeleteParametersCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParametersByPathCommand,
  GetParametersCommand,
  ListTagsForResourceCommand,
  PutParameterCommand,
} from '@aws-sdk/client-ssm';
import type { PutParameterCommandInput } from '@aws-sdk/client-ssm';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { expect, it, onTestFinished } from 'vitest';
import { clientOf, ec2For, idsOf, launchOf, ssmOf, stsOf, X86 } from './fixture.ts';

it('offers images, types, zones and prices that fit together', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2, { region: 'eu-west-1' });
  const { Images: images } = await client.send(
    new DescribeImagesCommand({ Owners: ['amazon'], Filters: [{ Name: 'architecture', Values: ['x86_64'] }] }),
  );
  expect(images?.map(({ Name: name }) => name)).toContain('al2023-ami-2023.6.20260105.0-kernel-6.1-x86_64');
  expect(images?.map(({ ImageId: id }) => id)).not.toContain(X86);
  const { InstanceTypes: types } = await client.send(new DescribeInstanceTypesCommand({ InstanceTypes: ['m5.large', 't4g.micro'] }));
  expect(types).toMatchObject([
    { InstanceType: 't4g.micro', VCpuInfo: { DefaultVCpus: 2 }, ProcessorInfo: { SupportedArchitectures: ['arm64'] } },
    { InstanceType: 'm5.large', MemoryInfo: { SizeInMiB: 8192 } },
  ]);
  await expect(client.send(new DescribeInstanceTypesCommand({ InstanceTypes: ['m5.lage' as 'm5.large'] }))).rejects.toMatchObject({
    name: 'InvalidInstanceType',
  });
  const { InstanceTypeOfferings: offerings } = await client.send(
    new DescribeInstanceTypeOfferingsCommand({
      LocationType: 'availability-zone',
      Filters: [{ Name: 'instance-type', Values: ['c7g.large'] }],
    }),
  );
  expect(offerings?.map(({ Location: zone }) => zone)).toEqual(['eu-west-1a', 'eu-west-1b']);
  const { AvailabilityZones: zones } = await client.send(new DescribeAvailabilityZonesCommand({}));
  expect(zones?.map(({ ZoneName: zone, ZoneId: id }) => [zone, id])).toEqual([
    ['eu-west-1a', 'euw1-az1'],
    ['eu-west-1b', 'euw1-az2'],
    ['eu-west-1c', 'euw1-az3'],
  ]);
  const { SpotPriceHistory: prices } = await client.send(
    new DescribeSpotPriceHistoryCommand({ InstanceTypes: ['m5.large'], ProductDescriptions: ['Linux/UNIX'] }),
  );
  expect(prices).toHaveLength(3);
  const { Vpcs: vpcs } = await client.send(new DescribeVpcsCommand({ Filters: [{ Name: 'is-default', Values: ['true'] }] }));
  expect(vpcs).toMatchObject([{ IsDefault: true, CidrBlock: '127.31.0.0/16', State: 'available' }]);
  const { AccountAttributes: attributes } = await client.send(new DescribeAccountAttributesCommand({ AttributeNames: ['default-vpc'] }));
  expect(attributes?.[0]?.AttributeValues?.[0]?.AttributeValue).toBe(vpcs?.[0]?.VpcId);
  const { Regions: regions } = await client.send(new DescribeRegionsCommand({}));
  expect(regions?.map(({ RegionName: name }) => name)).toContain('eu-west-1');
});

it('sets, deletes and limits tags, all or none', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const [a = '', b = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf({ MinCount: 2, MaxCount: 2 }))));
  const tag = (Resources: string[], ...Tags: { Key: string; Value: string }[]) => client.send(new CreateTagsCommand({ Resources, Tags }));
  await tag([a, b], { Key: 'spin:id', Value: 'one' }, { Key: 'owner', Value: 'me' });
  await expect(tag([a, 'i-00000000000000000'], { Key: 'x', Value: 'y' })).rejects.toMatchObject({ name: 'InvalidInstanceID.NotFound' });
  await expect(tag([a, 'x'], { Key: 'x', Value: 'y' })).rejects.toMatchObject({ name: 'InvalidID' });
  await expect(tag([a], { Key: 'aws:x', Value: 'y' })).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  const many = Array.from({ length: 49 }, (_, n) => ({ Key: `k${n}`, Value: '' }));
  await expect(tag([a], ...many)).rejects.toMatchObject({ name: 'TagLimitExceeded' });
  await client.send(new DeleteTagsCommand({ Resources: [a], Tags: [{ Key: 'owner', Value: 'you' }, { Key: 'spin:id' }] }));
  expect(ec2.snapshot().instances.map(({ tags }) => tags)).toEqual([{ owner: 'me' }, { 'spin:id': 'one', owner: 'me' }]);
  const { Tags: listed } = await client.send(
    new DescribeTagsCommand({
      Filters: [
        { Name: 'key', Values: ['spin:*'] },
        { Name: 'resource-type', Values: ['instance'] },
      ],
    }),
  );
  expect(listed).toEqual([{ Key: 'spin:id', Value: 'one', ResourceId: b, ResourceType: 'instance' }]);
});

it('says who calls, and gives out sessions of a role that know their account and end', async () => {
  const ec2 = await ec2For();
  expect(await stsOf(ec2).send(new GetCallerIdentityCommand({}))).toMatchObject({
    Account: '123456789012',
    Arn: 'arn:aws:iam::123456789012:user/spin',
  });
  const { Credentials: given } = await stsOf(ec2).send(
    new AssumeRoleCommand({
      RoleArn: 'arn:aws:iam::999999999999:role/deploy',
      RoleSessionName: 'spin',
      DurationSeconds: 900,
      Tags: [{ Key: 'spin', Value: 'x' }],
    }),
  );
  const credentials = {
    accessKeyId: given?.AccessKeyId ?? '',
    secretAccessKey: given?.SecretAccessKey ?? '',
    sessionToken: given?.SessionToken ?? '',
  };
  const sts = new STSClient({ endpoint: ec2.url, region: 'us-east-1', credentials, maxAttempts: 1 });
  const other = new EC2Client({ endpoint: ec2.url, region: 'us-east-1', credentials, maxAttempts: 1 });
  onTestFinished(() => {
    sts.destroy();
    other.destroy();
  });
  expect((await sts.send(new GetCallerIdentityCommand({}))).Arn).toBe('arn:aws:sts::999999999999:assumed-role/deploy/spin');
  await clientOf(ec2).send(new RunInstancesCommand(launchOf()));
  expect((await other.send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
  await ec2.advance(900_000);
  await expect(other.send(new DescribeInstancesCommand({}))).rejects.toMatchObject({ name: 'RequestExpired' });
});

it('resolves the aliases of images, and keeps secrets that only a decrypting reader sees', async () => {
  const ec2 = await ec2For();
  const ssm = ssmOf(ec2);
  const alias = '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64';
  expect((await ssm.send(new GetParameterCommand({ Name: alias }))).Parameter).toMatchObject({
    Value: X86,
    Type: 'String',
    LastModifiedDate: expect.any(Date),
  });
  const put = {
    Name: '/spin/demo/key',
    Value: 's3cret',
    Type: 'SecureString',
    Tags: [{ Key: 'spin:id', Value: 'demo' }],
  } satisfies PutParameterCommandInput;
  expect(await ssm.send(new PutParameterCommand(put))).toMatchObject({ Version: 1 });
  await expect(ssm.send(new PutParameterCommand(put))).rejects.toMatchObject({ name: 'ParameterAlreadyExists' });
  expect(await ssm.send(new PutParameterCommand({ ...put, Tags: [], Overwrite: true }))).toMatchObject({ Version: 2 });
  const sealed = await ssm.send(new GetParameterCommand({ Name: put.Name }));
  expect(sealed.Parameter?.Value).not.toContain('s3cret');
  const byPath = await ssm.send(new GetParametersByPathCommand({ Path: '/spin', Recursive: true, WithDecryption: true }));
  expect(byPath.Parameters).toMatchObject([{ Name: put.Name, Value: 's3cret' }]);
  await ssm.send(new AddTagsToResourceCommand({ ResourceType: 'Parameter', ResourceId: put.Name, Tags: [{ Key: 'more', Value: '1' }] }));
  const { TagList: tags } = await ssm.send(new ListTagsForResourceCommand({ ResourceType: 'Parameter', ResourceId: put.Name }));
  expect(tags).toEqual([
    { Key: 'spin:id', Value: 'demo' },
    { Key: 'more', Value: '1' },
  ]);
  const { Parameters: found } = await ssm.send(
    new DescribeParametersCommand({ ParameterFilters: [{ Key: 'tag:spin:id', Values: ['demo'] }] }),
  );
  expect(found).toMatchObject([{ Name: put.Name, Type: 'SecureString', KeyId: 'alias/aws/ssm' }]);
  expect(await ssm.send(new GetParametersCommand({ Names: [alias, '/no/such'] }))).toMatchObject({
    Parameters: [{ Value: X86 }],
    InvalidParameters: ['/no/such'],
  });
  await ssm.send(new DeleteParameterCommand({ Name: put.Name }));
  await expect(ssm.send(new DeleteParameterCommand({ Name: put.Name }))).rejects.toMatchObject({ name: 'ParameterNotFound' });
  expect(await ssm.send(new DeleteParametersCommand({ Names: [put.Name] }))).toMatchObject({ InvalidParameters: [put.Name] });
});

it('refuses what it does not imitate, and never silently ignores a word', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  await expect(client.send(new StopInstancesCommand({ InstanceIds: ['i-00000000000000000'] }))).rejects.toMatchObject({
    name: 'InvalidAction',
    $metadata: { httpStatusCode: 400 },
  });
  await expect(client.send(new DescribeInstancesCommand({ IncludeManagedResources: true }))).rejects.toMatchObject({
    name: 'UnknownParameter',
  });
  const raw = (
    body: string,
    headers: Record<string, string> = { authorization: 'AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/ec2/aws4_request, Signature=x' },
  ) => fetch(ec2.url, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } });
  const unknown = await raw('Action=DescribeInstances&Version=2016-11-15&Bogus.1=x');
  expect(unknown.status).toBe(400);
  expect(await unknown.text()).toMatch(
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<Response><Errors><Error><Code>UnknownParameter<\/Code><Message>The parameter Bogus is not recognized<\/Message><\/Error><\/Errors><RequestID>[0-9a-f-]{36}<\/RequestID><\/Response>$/,
  );
  expect(await (await raw('Action=RunInstances&Version=2016-11-15&MinCount=1')).text()).toContain('<Code>MissingParameter</Code>');
  expect((await raw('Action=DescribeInstances', {})).status).toBe(403);
});

it('is waited for by the waiters of the SDK', async () => {
  const ec2 = await ec2For({ pendingMs: 50 });
  const client = clientOf(ec2);
  const ids = idsOf(await client.send(new RunInstancesCommand(launchOf())));
  const waited = await waitUntilInstanceRunning({ client, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { InstanceIds: ids });
  expect(waited.state).toBe('SUCCESS');
});
