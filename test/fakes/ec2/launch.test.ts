import {
  DescribeInstanceAttributeCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  DescribeVolumesCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';
import { ARM, clientOf, ec2For, idsOf, instancesOf, launchOf } from './fixture.ts';

it('tells of everything that was asked for at the launch', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const userData = Buffer.from('#cloud-config\n# ü\n').toString('base64');
  const made = await client.send(
    new RunInstancesCommand(
      launchOf({
        ImageId: ARM,
        InstanceType: 't4g.micro',
        ClientToken: 'a-token',
        UserData: userData,
        KeyName: 'key',
        InstanceInitiatedShutdownBehavior: 'terminate',
        MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, InstanceMetadataTags: 'enabled' },
        IamInstanceProfile: { Name: 'spin-web' },
        BlockDeviceMappings: [
          { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 20, Encrypted: true, VolumeType: 'gp3', DeleteOnTermination: true } },
          { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 5, VolumeType: 'gp2' } },
        ],
        TagSpecifications: [
          { ResourceType: 'instance', Tags: [{ Key: 'spin:id', Value: 'demo <&>"' }] },
          { ResourceType: 'volume', Tags: [{ Key: 'spin:id', Value: 'demo' }] },
          { ResourceType: 'network-interface', Tags: [{ Key: 'spin:id', Value: 'demo' }] },
        ],
      }),
    ),
  );
  const [id = ''] = idsOf(made);
  const [instance] = await instancesOf(client);
  expect(instance).toMatchObject({
    Architecture: 'arm64',
    ClientToken: 'a-token',
    KeyName: 'key',
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, InstanceMetadataTags: 'enabled', State: 'applied' },
    IamInstanceProfile: { Arn: 'arn:aws:iam::123456789012:instance-profile/spin-web' },
    Tags: [{ Key: 'spin:id', Value: 'demo <&>"' }],
    SecurityGroups: [{ GroupName: 'default' }],
    LaunchTime: expect.any(Date),
  });
  const { UserData: back } = await client.send(new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute: 'userData' }));
  expect(back?.Value).toBe(userData);

  const { Volumes: volumes = [] } = await client.send(
    new DescribeVolumesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: [id] }] }),
  );
  expect(volumes).toMatchObject([
    {
      Size: 20,
      Encrypted: true,
      VolumeType: 'gp3',
      Iops: 3000,
      Throughput: 125,
      Attachments: [{ Device: '/dev/xvda', DeleteOnTermination: true }],
    },
    { Size: 5, Encrypted: false, VolumeType: 'gp2', Iops: 100, Attachments: [{ Device: '/dev/sdf', DeleteOnTermination: false }] },
  ]);
  const { Tags: tags = [] } = await client.send(new DescribeTagsCommand({ Filters: [{ Name: 'tag:spin:id', Values: ['demo*'] }] }));
  expect(tags.map(({ ResourceType: type }) => String(type)).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
    'instance',
    'network-interface',
    'volume',
    'volume',
  ]);

  await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  const { Volumes: left = [] } = await client.send(new DescribeVolumesCommand({}));
  expect(left).toMatchObject([{ Size: 5, State: 'available', Attachments: [] }]);
  const { NetworkInterfaces: interfaces } = await client.send(new DescribeNetworkInterfacesCommand({}));
  expect(interfaces).toEqual([]);
});

it('replays a token, refuses it for other parameters, and for good once the instance is terminated', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const launch = launchOf({
    ClientToken: 'token',
    MaxCount: 2,
    TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: '1' }] }],
  });
  const first = await client.send(new RunInstancesCommand(launch));
  const second = await client.send(new RunInstancesCommand(launch));
  expect(idsOf(second)).toEqual(idsOf(first));
  expect(second.ReservationId).toBe(first.ReservationId);
  expect(second.Instances?.[0]?.State?.Name).toBe('running');
  expect(ec2.snapshot().made.instance).toBe(2);

  const mismatch = { name: 'IdempotentParameterMismatch', $metadata: { httpStatusCode: 400 } };
  await expect(client.send(new RunInstancesCommand({ ...launch, InstanceType: 'c5.large' }))).rejects.toMatchObject(mismatch);
  await expect(client.send(new RunInstancesCommand({ ...launch, MaxCount: 3 }))).rejects.toMatchObject(mismatch);
  await expect(client.send(new RunInstancesCommand({ ...launch, DryRun: true }))).rejects.toMatchObject({ name: 'DryRunOperation' });

  await client.send(new TerminateInstancesCommand({ InstanceIds: idsOf(first).slice(0, 1) }));
  await expect(client.send(new RunInstancesCommand(launch))).rejects.toMatchObject({ name: 'IdempotentInstanceTerminated' });
  await ec2.advance(2 * 3_600_000);
  await expect(client.send(new RunInstancesCommand(launch))).rejects.toMatchObject({ name: 'IdempotentInstanceTerminated' });
  expect(ec2.snapshot().made.instance).toBe(2);
});

it('keeps tokens apart by region, and by zone where a launch names one', async () => {
  const ec2 = await ec2For();
  const [here, there] = [clientOf(ec2), clientOf(ec2, { region: 'eu-west-1' })];
  const launch = launchOf({ ClientToken: 'token' });
  const one = await here.send(new RunInstancesCommand(launch));
  await expect(there.send(new RunInstancesCommand(launch))).rejects.toMatchObject({ name: 'InvalidAMIID.NotFound' });
  const ImageId = 'resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64';
  const other = await there.send(new RunInstancesCommand({ ...launch, ImageId }));
  expect(idsOf(other)).not.toEqual(idsOf(one));
  expect(other.Instances?.[0]?.Placement?.AvailabilityZone).toBe('eu-west-1a');
  for (const zone of ['us-east-1a', 'us-east-1b']) {
    await here.send(new RunInstancesCommand({ ...launch, Placement: { AvailabilityZone: zone } }));
    await here.send(new RunInstancesCommand({ ...launch, Placement: { AvailabilityZone: zone } }));
  }
  expect(ec2.snapshot().instances.map(({ zone }) => zone)).toEqual(['us-east-1a', 'us-east-1a', 'us-east-1b', 'eu-west-1a']);
});

it('launches as many as there is room for, and nothing where that is too few', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  ec2.limit({ type: 'm5.large', left: 2 });
  const Placement = { AvailabilityZone: 'us-east-1b' };
  const short = client.send(new RunInstancesCommand(launchOf({ MinCount: 3, MaxCount: 5, Placement })));
  await expect(short).rejects.toMatchObject({
    name: 'InsufficientInstanceCapacity',
    $metadata: { httpStatusCode: 500 },
    message: expect.stringContaining(
      'We currently do not have sufficient m5.large capacity in the Availability Zone you requested (us-east-1b).',
    ),
  });
  expect(ec2.snapshot()).toMatchObject({ instances: [], volumes: [], interfaces: [], made: { instance: 0, volume: 0 } });
  const part = await client.send(new RunInstancesCommand(launchOf({ MinCount: 1, MaxCount: 5, Placement })));
  expect(part.Instances).toHaveLength(2);
  await expect(client.send(new RunInstancesCommand(launchOf()))).rejects.toMatchObject({ name: 'InsufficientInstanceCapacity' });
  await client.send(new TerminateInstancesCommand({ InstanceIds: idsOf(part) }));
  expect((await client.send(new RunInstancesCommand(launchOf({ MaxCount: 4 })))).Instances).toHaveLength(2);
});

it('goes to another zone where none was asked for, and keeps the token of a launch that found no room', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  ec2.limit({ zone: 'us-east-1a', left: 0 });
  const made = await client.send(new RunInstancesCommand(launchOf()));
  expect(made.Instances?.[0]?.Placement?.AvailabilityZone).toBe('us-east-1b');
  ec2.limit({ type: 'c5.large', left: 0 });
  const launch = launchOf({ ClientToken: 'token', InstanceType: 'c5.large' });
  await expect(client.send(new RunInstancesCommand(launch))).rejects.toMatchObject({ name: 'InsufficientInstanceCapacity' });
  await expect(client.send(new RunInstancesCommand({ ...launch, InstanceType: 'm5.large' }))).rejects.toMatchObject({
    name: 'IdempotentParameterMismatch',
  });
  ec2.clear('limits');
  expect((await client.send(new RunInstancesCommand(launch))).Instances).toHaveLength(1);
});

it('says which quota is in the way, before it says that there is no capacity', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const spot = { InstanceMarketOptions: { MarketType: 'spot' as const } };
  ec2.limit({ code: 'VcpuLimitExceeded', left: 4, spot: false });
  ec2.limit({ type: 'm5.large', left: 0 });
  ec2.limit({ code: 'MaxSpotInstanceCountExceeded', left: 0, spot: true });
  ec2.limit({ code: 'InstanceLimitExceeded', left: 1, type: 't3.micro' });
  const refused = (more: Parameters<typeof launchOf>[0], as: object) =>
    expect(client.send(new RunInstancesCommand(launchOf(more)))).rejects.toMatchObject(as);
  await refused(
    { MinCount: 3, MaxCount: 3 },
    {
      name: 'VcpuLimitExceeded',
      $metadata: { httpStatusCode: 400 },
      message: expect.stringContaining('than your current vCPU limit of 4 allows'),
    },
  );
  await refused(spot, { name: 'MaxSpotInstanceCountExceeded' });
  await refused({ MinCount: 2, MaxCount: 2, InstanceType: 't3.micro' }, { name: 'InstanceLimitExceeded' });
  expect(ec2.snapshot().made.instance).toBe(0);
});

it('refuses what AWS refuses: unknown types and images, another architecture, a zone without the type', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const refused = (more: Parameters<typeof launchOf>[0], as: object) =>
    expect(client.send(new RunInstancesCommand(launchOf(more)))).rejects.toMatchObject(as);
  await refused(
    { InstanceType: 'm5.lage' as 'm5.large' },
    {
      name: 'InvalidParameterValue',
      message: "Invalid value 'm5.lage' for InstanceType.",
    },
  );
  await refused({ ImageId: 'ami-00000000000000000' }, { name: 'InvalidAMIID.NotFound' });
  await refused({ ImageId: 'ubuntu' }, { name: 'InvalidAMIID.Malformed' });
  await refused(
    { ImageId: ARM },
    {
      name: 'InvalidParameterValue',
      message: expect.stringContaining("architecture 'x86_64'"),
    },
  );
  await refused(
    { InstanceType: 'm7i.large', Placement: { AvailabilityZone: 'us-east-1c' } },
    {
      name: 'Unsupported',
      message: expect.stringContaining('choosing us-east-1a, us-east-1b.'),
    },
  );
  await refused({ SubnetId: 'subnet-00000000000000000' }, { name: 'InvalidSubnetID.NotFound' });
  await refused({ SecurityGroupIds: ['sg-00000000000000000'] }, { name: 'InvalidGroup.NotFound' });
  await refused({ UserData: Buffer.alloc(16_385).toString('base64') }, { message: 'User data is limited to 16384 bytes' });
  await refused({ MinCount: 2, MaxCount: 1 }, { name: 'InvalidParameterValue' });
  await refused({ Ipv6AddressCount: 1 }, { name: 'UnknownParameter' });
  await refused(
    { BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 4 } }] },
    {
      name: 'InvalidBlockDeviceMapping',
    },
  );
  expect(ec2.snapshot().made.instance).toBe(0);
});

it('makes nothing in a dry run', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  await expect(client.send(new RunInstancesCommand(launchOf({ DryRun: true })))).rejects.toMatchObject({
    name: 'DryRunOperation',
    message: 'Request would have succeeded, but DryRun flag is set.',
    $metadata: { httpStatusCode: 412 },
  });
  const [id = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf())));
  await expect(client.send(new TerminateInstancesCommand({ InstanceIds: [id], DryRun: true }))).rejects.toMatchObject({
    name: 'DryRunOperation',
  });
  expect(ec2.snapshot().instances).toMatchObject([{ id, state: 'running' }]);
});

it('counts addresses of subnets, takes them from the given block and gives them back', async () => {
  const ec2 = await ec2For({ privateCidr: '127.77.0.0/16' });
  const client = clientOf(ec2);
  const free = async () => {
    const { Subnets: subnets = [] } = await client.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: 'default-for-az', Values: ['true'] }] }),
    );
    return subnets.map(({ AvailableIpAddressCount: count }) => count);
  };
  expect(await free()).toEqual([4091, 4091, 4091]);
  const made = await client.send(new RunInstancesCommand(launchOf({ MinCount: 2, MaxCount: 2 })));
  expect(made.Instances?.map(({ PrivateIpAddress: address }) => address)).toEqual(['127.77.0.4', '127.77.0.5']);
  expect(await free()).toEqual([4089, 4091, 4091]);
  await client.send(new TerminateInstancesCommand({ InstanceIds: idsOf(made) }));
  expect(await free()).toEqual([4091, 4091, 4091]);

  const one = await ec2For({ privateCidr: '127.0.0.1/32', publicCidr: '127.0.0.1/32' });
  const again = await clientOf(one).send(new RunInstancesCommand(launchOf({ MinCount: 2, MaxCount: 2 })));
  expect(again.Instances?.map(({ PrivateIpAddress: address }) => address)).toEqual(['127.0.0.1', '127.0.0.1']);
});
