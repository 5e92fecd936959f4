import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  DeleteSecurityGroupCommand,
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  DescribeInstanceStatusCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  type EC2Client,
  GetConsoleOutputCommand,
  type Instance,
  RunInstancesCommand,
  StartInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { ManualClock } from '../clock.ts';
import { clientsOf, some } from './clients.ts';
import type { Behaviour } from './proxy.ts';
import { describeWithMoto, type MotoWorld } from './suite.ts';

let clock = new ManualClock();

describeWithMoto(
  'EC2 behind the proxy',
  (world) => {
    const start = (behaviour: Partial<Behaviour> = {}): MotoWorld & { readonly ec2: EC2Client } => {
      const { moto, proxy } = world();
      proxy.set(behaviour);
      return { moto, proxy, ec2: clientsOf({ endpoint: proxy.url }).ec2 };
    };

    test('the same token with the same parameters is the same instances', async () => {
      const { moto, ec2 } = start();
      const request = some(2, { ClientToken: 'token-a' });
      const first = await ec2.send(new RunInstancesCommand(request));
      const again = await Promise.all([ec2.send(new RunInstancesCommand(request)), ec2.send(new RunInstancesCommand(request))]);
      for (const replay of again) expect(replay.Instances).toEqual(first.Instances);
      expect(await instancesIn(clientsOf({ endpoint: moto.url }).ec2)).toHaveLength(2);
    });

    test('the same token twice at the same time is the same instances', async () => {
      const { ec2 } = start();
      const request = some(3, { ClientToken: 'token-a' });
      const answers = await Promise.all(Array.from({ length: 5 }, () => ec2.send(new RunInstancesCommand(request))));
      expect(new Set(answers.flatMap(({ Instances }) => Instances?.map(({ InstanceId }) => InstanceId))).size).toBe(3);
      expect(await instancesIn(ec2)).toHaveLength(3);
    });

    test('the same token with other parameters is refused, and in another region or zone another request', async () => {
      const { proxy, ec2 } = start();
      await ec2.send(new RunInstancesCommand(some(1, { ClientToken: 'token-a', Placement: { AvailabilityZone: 'us-east-1a' } })));
      await expect(
        ec2.send(new RunInstancesCommand(some(2, { ClientToken: 'token-a', Placement: { AvailabilityZone: 'us-east-1a' } }))),
      ).rejects.toMatchObject({ name: 'IdempotentParameterMismatch', $metadata: { httpStatusCode: 400 } });
      await ec2.send(new RunInstancesCommand(some(1, { ClientToken: 'token-a', Placement: { AvailabilityZone: 'us-east-1b' } })));
      expect(await instancesIn(ec2)).toHaveLength(2);
      const elsewhere = clientsOf({ endpoint: proxy.url, region: 'eu-west-1' }).ec2;
      await elsewhere.send(new RunInstancesCommand(some(2, { ClientToken: 'token-a' })));
      expect(await instancesIn(elsewhere)).toHaveLength(2);
    });

    test('a token is spent with its instance', async () => {
      const { ec2 } = start();
      const request = some(1, { ClientToken: 'token-a' });
      const id = idsOf((await ec2.send(new RunInstancesCommand(request))).Instances);
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: id }));
      await expect(ec2.send(new RunInstancesCommand(request))).rejects.toMatchObject({ name: 'IdempotentInstanceTerminated' });
    });

    test('a request that was refused has not spent its token', async () => {
      const { proxy, ec2 } = start();
      proxy.announce({ action: 'RunInstances', how: 'throttled' });
      const request = some(1, { ClientToken: 'token-a' });
      await expect(ec2.send(new RunInstancesCommand(request))).rejects.toMatchObject({ name: 'RequestLimitExceeded' });
      await ec2.send(new RunInstancesCommand(request));
      expect(await instancesIn(ec2)).toHaveLength(1);
    });

    test('an answer that got lost is sent again by the SDK, and nothing is made twice', async () => {
      const { proxy } = start();
      proxy.announce({ action: 'RunInstances', how: 'lost-response' });
      const { ec2 } = clientsOf({ endpoint: proxy.url, maxAttempts: 3 });
      await ec2.send(new RunInstancesCommand(some(2)));
      expect(proxy.calls.map(({ outcome }) => outcome)).toEqual(['lost', 200]);
      expect(await instancesIn(ec2)).toHaveLength(2);
    });

    test('instances are pending, then initializing, then well, and shut down before they are terminated', async () => {
      const { ec2, proxy } = start({ pendingMs: 8_000, statusMs: 60_000, stoppingMs: 20_000 });
      const ids = idsOf((await ec2.send(new RunInstancesCommand(some(2)))).Instances);
      expect(await statesIn(ec2)).toEqual(['pending', 'pending']);
      expect((await ec2.send(new DescribeInstanceStatusCommand({}))).InstanceStatuses).toEqual([]);
      await clock.advance(7_999);
      expect(await statesIn(ec2)).toEqual(['pending', 'pending']);
      await clock.advance(1);
      expect(await statesIn(ec2)).toEqual(['running', 'running']);
      expect(await checksIn(ec2)).toEqual(['initializing', 'initializing']);
      await clock.advance(60_000);
      expect(await checksIn(ec2)).toEqual(['ok', 'ok']);
      proxy.impair(ids[0] ?? '');
      expect((await checksIn(ec2)).toSorted()).toEqual(['impaired', 'ok']);

      const asked = await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
      expect(asked.TerminatingInstances?.map(({ PreviousState, CurrentState }) => [PreviousState?.Name, CurrentState?.Name])).toEqual([
        ['running', 'shutting-down'],
        ['running', 'shutting-down'],
      ]);
      expect(await statesIn(ec2)).toEqual(['shutting-down', 'shutting-down']);
      expect(await statesIn(ec2, { Filters: [{ Name: 'instance-state-name', Values: ['terminated'] }] })).toEqual([]);
      await clock.advance(10_000);
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
      await clock.advance(10_000);
      expect(await statesIn(ec2)).toEqual(['terminated', 'terminated']);
      const late = await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
      expect(late.TerminatingInstances?.map(({ CurrentState }) => CurrentState)).toEqual([
        { Code: 48, Name: 'terminated' },
        { Code: 48, Name: 'terminated' },
      ]);
      await clock.advance(3_600_000);
      expect(await statesIn(ec2)).toEqual([]);
      await expect(instancesIn(ec2, { InstanceIds: ids })).rejects.toMatchObject({ name: 'InvalidInstanceID.NotFound' });
    });

    test('filters go by the states that time makes', async () => {
      const { ec2 } = start({ pendingMs: 5_000 });
      await ec2.send(new RunInstancesCommand(some(1)));
      await clock.advance(5_000);
      await ec2.send(new RunInstancesCommand(some(2)));
      const inState = (...Values: string[]) => statesIn(ec2, { Filters: [{ Name: 'instance-state-name', Values }] });
      expect(await inState('pending')).toEqual(['pending', 'pending']);
      expect(await inState('running')).toEqual(['running']);
      expect(await inState('pending', 'running')).toHaveLength(3);
      expect(await statesIn(ec2, { Filters: [{ Name: 'instance-state-code', Values: ['16'] }] })).toEqual(['running']);
    });

    test('filters that moto has not are answered, together with those that it has', async () => {
      const { ec2 } = start();
      const tags = (value: string) => ({
        TagSpecifications: [{ ResourceType: 'instance' as const, Tags: [{ Key: 'spin:id', Value: value }] }],
      });
      await ec2.send(new RunInstancesCommand(some(2, { ClientToken: 'token-a', ...tags('one') })));
      await ec2.send(new RunInstancesCommand(some(1, { ClientToken: 'token-b', ...tags('one'), InstanceType: 't3.micro' })));
      await ec2.send(
        new RunInstancesCommand(some(1, { ClientToken: 'token-c', ...tags('two'), Placement: { AvailabilityZone: 'us-east-1b' } })),
      );
      const count = async (...Filters: { Name: string; Values: string[] }[]) => (await instancesIn(ec2, { Filters })).length;
      expect(await count({ Name: 'client-token', Values: ['token-a'] })).toBe(2);
      expect(await count({ Name: 'client-token', Values: ['token-b', 'token-c'] })).toBe(2);
      expect(await count({ Name: 'instance-type', Values: ['t3.*'] })).toBe(1);
      expect(await count({ Name: 'availability-zone', Values: ['us-east-1b'] })).toBe(1);
      expect(await count({ Name: 'tag:spin:id', Values: ['one'] }, { Name: 'instance-type', Values: ['m5.*'] })).toBe(2);
      expect(await count({ Name: 'tag:spin:id', Values: ['two'] }, { Name: 'client-token', Values: ['token-a'] })).toBe(0);
      await expect(count({ Name: 'colour', Values: ['red'] })).rejects.toMatchObject({ name: 'InvalidParameterValue' });
    });

    test('what was made is seen by all only after a while', async () => {
      const { ec2 } = start({ visibleMs: 3_000 });
      const group = await groupIn(ec2, 'late');
      await expect(ec2.send(new RunInstancesCommand(some(1, { SecurityGroupIds: [group] })))).rejects.toMatchObject({
        name: 'InvalidGroup.NotFound',
      });
      await clock.advance(3_000);
      const request = some(1, { SecurityGroupIds: [group], ClientToken: 'token-a' });
      const ids = idsOf((await ec2.send(new RunInstancesCommand(request))).Instances);
      expect(await instancesIn(ec2)).toEqual([]);
      await expect(instancesIn(ec2, { InstanceIds: ids })).rejects.toMatchObject({ name: 'InvalidInstanceID.NotFound' });
      await expect(ec2.send(new CreateTagsCommand({ Resources: ids, Tags: [{ Key: 'a', Value: 'b' }] }))).rejects.toMatchObject({
        name: 'InvalidInstanceID.NotFound',
      });
      expect(idsOf((await ec2.send(new RunInstancesCommand(request))).Instances)).toEqual(ids);
      await clock.advance(3_000);
      expect(idsOf(await instancesIn(ec2))).toEqual(ids);
      expect((await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [group] }))).SecurityGroups).toHaveLength(1);
    });

    test('a group is not deleted while an instance needs it, until that is terminated', async () => {
      const { ec2 } = start({ stoppingMs: 20_000 });
      const group = await groupIn(ec2, 'needed');
      const ids = idsOf((await ec2.send(new RunInstancesCommand(some(2, { SecurityGroupIds: [group] })))).Instances);
      const remove = () => ec2.send(new DeleteSecurityGroupCommand({ GroupId: group }));
      const violation = { name: 'DependencyViolation', message: `resource ${group} has a dependent object` };
      await expect(remove()).rejects.toMatchObject(violation);
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
      await clock.advance(19_999);
      await expect(remove()).rejects.toMatchObject(violation);
      await clock.advance(1);
      await remove();
      await expect(ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [group] }))).rejects.toMatchObject({
        name: 'InvalidGroup.NotFound',
      });
    });

    test('nor while an interface of an instance, or the rule of another group, needs it; nor the default group at all', async () => {
      const { ec2 } = start();
      const [needed, other] = [await groupIn(ec2, 'needed'), await groupIn(ec2, 'other')];
      const { Subnets } = await ec2.send(new DescribeSubnetsCommand({}));
      const nic = { DeviceIndex: 0, Groups: [needed], ...(Subnets?.[0]?.SubnetId === undefined ? {} : { SubnetId: Subnets[0].SubnetId }) };
      const ids = idsOf((await ec2.send(new RunInstancesCommand(some(1, { NetworkInterfaces: [nic] })))).Instances);
      expect((await instancesIn(ec2, { Filters: [{ Name: 'instance.group-id', Values: [needed] }] }))[0]?.SecurityGroups).toEqual([
        { GroupId: needed, GroupName: 'needed' },
      ]);
      const remove = (GroupId: string) => ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
      await expect(remove(needed)).rejects.toMatchObject({ name: 'DependencyViolation' });
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
      const from = [{ IpProtocol: 'tcp', FromPort: 80, ToPort: 80, UserIdGroupPairs: [{ GroupId: needed }] }];
      await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: other, IpPermissions: from }));
      await expect(remove(needed)).rejects.toMatchObject({ name: 'DependencyViolation' });
      await remove(other);
      await remove(needed);
      const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand({}));
      expect(SecurityGroups?.map(({ GroupName }) => GroupName)).toEqual(['default']);
      await expect(remove(SecurityGroups?.[0]?.GroupId ?? '')).rejects.toMatchObject({ name: 'CannotDelete' });
    });

    test('interfaces get their tags, and go with their instance', async () => {
      const { ec2 } = start({ stoppingMs: 5_000 });
      const Tags = [{ Key: 'spin:id', Value: 'shop' }];
      const specifications = (['instance', 'network-interface'] as const).map((ResourceType) => ({ ResourceType, Tags }));
      const ids = idsOf((await ec2.send(new RunInstancesCommand(some(2, { TagSpecifications: specifications })))).Instances);
      const interfaces = async () =>
        (await ec2.send(new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'tag:spin:id', Values: ['shop'] }] }))).NetworkInterfaces;
      expect(await interfaces()).toHaveLength(2);
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
      expect(await interfaces()).toHaveLength(2);
      await clock.advance(5_000);
      expect(await interfaces()).toEqual([]);
    });

    test('every address is a loopback address, always the same', async () => {
      const { ec2 } = start();
      const made = (await ec2.send(new RunInstancesCommand(some(3)))).Instances ?? [];
      const seen = await instancesIn(ec2);
      expect(made.map(({ PrivateIpAddress = '' }) => PrivateIpAddress).toSorted()).toEqual(
        seen.map(({ PrivateIpAddress = '' }) => PrivateIpAddress).toSorted(),
      );
      const all = seen.flatMap(({ PrivateIpAddress = '', PublicIpAddress = '', NetworkInterfaces = [] }) => [
        PrivateIpAddress,
        PublicIpAddress,
        ...NetworkInterfaces.map((nic) => nic.PrivateIpAddress ?? ''),
      ]);
      for (const address of all) expect(address).toMatch(/^127\.77\./);
      expect(new Set(seen.flatMap(({ PrivateIpAddress, PublicIpAddress }) => [PrivateIpAddress, PublicIpAddress])).size).toBe(6);
      expect(seen.every(({ PublicDnsName, PrivateDnsName }) => `${PublicDnsName ?? ''}${PrivateDnsName ?? ''}` === '')).toBe(true);
      const interfaces = (await ec2.send(new DescribeNetworkInterfacesCommand({}))).NetworkInterfaces ?? [];
      expect(interfaces.map(({ PrivateIpAddress = '' }) => PrivateIpAddress).toSorted()).toEqual(
        seen.map(({ PrivateIpAddress = '' }) => PrivateIpAddress).toSorted(),
      );
    });

    test("a disk without a size is as large as the image's", async () => {
      const { ec2 } = start();
      const Ebs = { VolumeType: 'gp3' as const, Encrypted: true, DeleteOnTermination: true };
      const BlockDeviceMappings = [
        { DeviceName: '/dev/xvda', Ebs },
        { DeviceName: '/dev/xvdb', Ebs: { ...Ebs, VolumeSize: 20 } },
      ];
      await ec2.send(new RunInstancesCommand(some(1, { BlockDeviceMappings })));
      const { Volumes = [] } = await ec2.send(new DescribeVolumesCommand({}));
      expect(Volumes.map(({ Size, Encrypted, VolumeType }) => [Size, Encrypted, VolumeType])).toEqual([
        [8, true, 'gp3'],
        [20, true, 'gp3'],
      ]);
    });

    test('a shortage gives what is left where that is enough, and else nothing', async () => {
      const { proxy, ec2 } = start();
      proxy.declare({ type: 'm5.large', zone: 'us-east-1a', left: 3 });
      const run = (count: number, zone: string, MinCount = 1) =>
        ec2.send(new RunInstancesCommand(some(count, { MinCount, Placement: { AvailabilityZone: zone } })));
      const refused = { name: 'InsufficientInstanceCapacity', $metadata: { httpStatusCode: 500 } };
      await expect(run(5, 'us-east-1a', 5)).rejects.toMatchObject(refused);
      expect((await run(5, 'us-east-1a')).Instances).toHaveLength(3);
      await expect(run(1, 'us-east-1a')).rejects.toMatchObject(refused);
      expect((await run(5, 'us-east-1b', 5)).Instances).toHaveLength(5);
      const { Subnets } = await ec2.send(new DescribeSubnetsCommand({ Filters: [{ Name: 'availability-zone', Values: ['us-east-1a'] }] }));
      const SubnetId = Subnets?.[0]?.SubnetId ?? '';
      await expect(ec2.send(new RunInstancesCommand(some(1, { SubnetId })))).rejects.toMatchObject(refused);
      expect(await instancesIn(ec2)).toHaveLength(8);
    });

    test('the token of a request that found no capacity is good for the same request alone', async () => {
      const { proxy, ec2 } = start();
      proxy.declare({ type: 'm5.large' });
      const request = some(1, { ClientToken: 'token-a' });
      await expect(ec2.send(new RunInstancesCommand(request))).rejects.toMatchObject({ name: 'InsufficientInstanceCapacity' });
      await expect(ec2.send(new RunInstancesCommand({ ...request, InstanceType: 'c5.large' }))).rejects.toMatchObject({
        name: 'IdempotentParameterMismatch',
      });
      await expect(ec2.send(new RunInstancesCommand(request))).rejects.toMatchObject({ name: 'InsufficientInstanceCapacity' });
    });

    test('a quota is refused by its own name, for its own market', async () => {
      const { proxy, ec2 } = start();
      proxy.declare({ market: 'spot', code: 'MaxSpotInstanceCountExceeded' });
      proxy.declare({ type: 'c5.large', code: 'VcpuLimitExceeded' });
      const spot = some(1, { InstanceMarketOptions: { MarketType: 'spot' } });
      await expect(ec2.send(new RunInstancesCommand(spot))).rejects.toMatchObject({ name: 'MaxSpotInstanceCountExceeded' });
      await expect(ec2.send(new RunInstancesCommand(some(1, { InstanceType: 'c5.large' })))).rejects.toMatchObject({
        name: 'VcpuLimitExceeded',
        $metadata: { httpStatusCode: 400 },
      });
      await ec2.send(new RunInstancesCommand(some(1)));
      expect(await instancesIn(ec2)).toHaveLength(1);
    });

    test('a terminated instance is not started again', async () => {
      const { ec2 } = start();
      const ids = idsOf((await ec2.send(new RunInstancesCommand(some(1)))).Instances);
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
      await expect(ec2.send(new StartInstancesCommand({ InstanceIds: ids }))).rejects.toMatchObject({ name: 'IncorrectInstanceState' });
      expect(await statesIn(ec2)).toEqual(['terminated']);
    });

    test('a console tells what was written on it', async () => {
      const { proxy, ec2 } = start();
      const [id = ''] = idsOf((await ec2.send(new RunInstancesCommand(some(1)))).Instances);
      const output = async () => (await ec2.send(new GetConsoleOutputCommand({ InstanceId: id }))).Output ?? '';
      expect(await output()).toBe('');
      proxy.writeConsole(id, 'spin: step 1 done\n');
      expect(Buffer.from(await output(), 'base64').toString()).toBe('spin: step 1 done\n');
    });

    test('switched off, moto answers for itself', async () => {
      const { ec2 } = start({ clientTokens: false, maxCount: false, dependencies: false, loopback: false });
      const group = await groupIn(ec2, 'used');
      const request = some(3, { ClientToken: 'token-a', SecurityGroupIds: [group] });
      await ec2.send(new RunInstancesCommand(request));
      await ec2.send(new RunInstancesCommand(request));
      const seen = await instancesIn(ec2);
      expect(seen).toHaveLength(2);
      expect(seen.every(({ PublicIpAddress = '' }) => !PublicIpAddress.startsWith('127.'))).toBe(true);
      await ec2.send(new DeleteSecurityGroupCommand({ GroupId: group }));
    });
  },
  { clock: () => (clock = new ManualClock()) },
);

async function instancesIn(ec2: EC2Client, request: DescribeInstancesCommandInput = {}): Promise<readonly Instance[]> {
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand(request));
  return Reservations.flatMap(({ Instances = [] }) => Instances);
}

async function statesIn(ec2: EC2Client, request: DescribeInstancesCommandInput = {}): Promise<readonly string[]> {
  return (await instancesIn(ec2, request)).map(({ State }) => State?.Name ?? '');
}

async function checksIn(ec2: EC2Client): Promise<readonly string[]> {
  const { InstanceStatuses = [] } = await ec2.send(new DescribeInstanceStatusCommand({}));
  return InstanceStatuses.map(({ InstanceStatus }) => InstanceStatus?.Status ?? '');
}

async function groupIn(ec2: EC2Client, name: string): Promise<string> {
  const { GroupId = '' } = await ec2.send(new CreateSecurityGroupCommand({ GroupName: name, Description: name }));
  return GroupId;
}

function idsOf(instances: readonly Instance[] = []): string[] {
  return instances.map(({ InstanceId = '' }) => InstanceId);
}
