import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  DescribeInstanceStatusCommand,
  GetConsoleOutputCommand,
  ModifyInstanceAttributeCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';
import { ManualClock } from '../clock.ts';
import { clientOf, ec2For, idsOf, instancesOf, launchOf } from './fixture.ts';

it('goes from pending to running to shutting-down to terminated, and is gone an hour later', async () => {
  const clock = new ManualClock();
  const ec2 = await ec2For({ clock, pendingMs: 8_000, stoppingMs: 5_000, statusMs: 60_000 });
  const client = clientOf(ec2);
  const made = await client.send(new RunInstancesCommand(launchOf()));
  expect(made.Instances?.[0]?.State).toEqual({ Code: 0, Name: 'pending' });
  const [id = ''] = idsOf(made);

  await clock.advance(7_999);
  expect((await instancesOf(client))[0]?.State?.Name).toBe('pending');
  expect((await instancesOf(client))[0]?.PublicIpAddress).toBeUndefined();
  await clock.advance(1);
  const [running] = await instancesOf(client);
  expect(running?.State).toEqual({ Code: 16, Name: 'running' });
  expect(running?.PublicIpAddress).toMatch(/^127\./);
  expect(running?.PrivateIpAddress).toMatch(/^127\./);

  const status = async () => (await client.send(new DescribeInstanceStatusCommand({ InstanceIds: [id] }))).InstanceStatuses?.[0];
  expect((await status())?.InstanceStatus?.Status).toBe('initializing');
  await clock.advance(60_000);
  expect((await status())?.InstanceStatus?.Status).toBe('ok');

  const ended = await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  expect(ended.TerminatingInstances?.[0]).toMatchObject({
    PreviousState: { Name: 'running' },
    CurrentState: { Code: 32, Name: 'shutting-down' },
  });
  await clock.advance(5_000);
  const [terminated] = await instancesOf(client);
  expect(terminated).toMatchObject({
    State: { Code: 48, Name: 'terminated' },
    StateReason: { Code: 'Client.UserInitiatedShutdown' },
    NetworkInterfaces: [],
    BlockDeviceMappings: [],
  });
  expect(terminated?.StateTransitionReason).toMatch(/^User initiated \(2026-01-01 00:01:/);
  expect(terminated?.VpcId).toBeUndefined();
  await expect(client.send(new TerminateInstancesCommand({ InstanceIds: [id] }))).resolves.toMatchObject({
    TerminatingInstances: [{ PreviousState: { Name: 'terminated' } }],
  });

  await clock.advance(3_600_000);
  expect(await instancesOf(client)).toEqual([]);
  await expect(client.send(new DescribeInstancesCommand({ InstanceIds: [id] }))).rejects.toMatchObject({
    name: 'InvalidInstanceID.NotFound',
  });
});

it('hides what was just made from lists and from those who name it', async () => {
  const clock = new ManualClock();
  const ec2 = await ec2For({ clock, visibleMs: 2_000 });
  const client = clientOf(ec2);
  const launch = launchOf({ ClientToken: 'token' });
  const [id = ''] = idsOf(await client.send(new RunInstancesCommand(launch)));
  const missing = { name: 'InvalidInstanceID.NotFound', message: `The instance ID '${id}' does not exist` };
  expect(await instancesOf(client)).toEqual([]);
  await expect(client.send(new DescribeInstancesCommand({ InstanceIds: [id] }))).rejects.toMatchObject(missing);
  await expect(client.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key: 'a', Value: 'b' }] }))).rejects.toMatchObject(missing);
  await expect(client.send(new TerminateInstancesCommand({ InstanceIds: [id] }))).rejects.toMatchObject(missing);
  expect(idsOf(await client.send(new RunInstancesCommand(launch)))).toEqual([id]);
  await clock.advance(2_000);
  expect(await instancesOf(client)).toMatchObject([{ InstanceId: id, State: { Name: 'running' } }]);
});

it('filters by all of the filters and any of their values, with wildcards', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const tagged = (value: string) =>
    launchOf({ ClientToken: value, TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'spin:id', Value: value }] }] });
  const ids: string[] = [];
  for (const value of ['pr-1', 'pr-2', 'main*']) ids.push(...idsOf(await client.send(new RunInstancesCommand(tagged(value)))));
  const [a, b] = ids;
  const by = async (...filters: [string, ...string[]][]) =>
    (
      await instancesOf(
        client,
        filters.map(([Name, ...Values]) => ({ Name, Values })),
      )
    ).map(({ InstanceId: id }) => id);
  expect(await by(['tag:spin:id', 'pr-*'])).toEqual([a, b]);
  expect(await by(['tag:spin:id', 'pr-?'], ['client-token', 'pr-2'])).toEqual([b]);
  expect(await by(['tag:spin:id', 'pr-1', 'pr-2'], ['instance-state-name', 'running', 'pending'])).toEqual([a, b]);
  expect(await by(['tag:spin:id', 'main\\*'])).toHaveLength(1);
  expect(await by(['tag:spin:id', 'PR-1'])).toEqual([]);
  expect(await by(['tag-key', 'spin:id'], ['availability-zone', 'us-east-1a'])).toHaveLength(3);
  expect(await by(['instance.group-id', 'sg-*'], ['vpc-id', 'vpc-*'])).toHaveLength(3);
  expect(await by(['instance-state-code', '48'])).toEqual([]);
  await expect(by(['no-such-filter', 'x'])).rejects.toMatchObject({
    name: 'InvalidParameterValue',
    message: "The filter 'no-such-filter' is invalid",
  });
});

it('pages by whole reservations, and every instance comes once', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  for (let n = 0; n < 4; n++) await client.send(new RunInstancesCommand(launchOf({ MinCount: 3, MaxCount: 3 })));
  const seen: string[] = [];
  const sizes: number[] = [];
  let NextToken: string | undefined;
  do {
    const answer = await client.send(new DescribeInstancesCommand({ MaxResults: 7, ...(NextToken === undefined ? {} : { NextToken }) }));
    const ids = (answer.Reservations ?? []).flatMap(idsOf);
    sizes.push(ids.length);
    seen.push(...ids);
    ({ NextToken } = answer);
  } while (NextToken !== undefined);
  expect(sizes).toEqual([6, 6]);
  expect(new Set(seen).size).toBe(12);
  const [id = ''] = seen;
  await expect(client.send(new DescribeInstancesCommand({ MaxResults: 4 }))).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  await expect(client.send(new DescribeInstancesCommand({ MaxResults: 5, InstanceIds: [id] }))).rejects.toMatchObject({
    name: 'InvalidParameterCombination',
  });
  await expect(client.send(new DescribeInstancesCommand({ NextToken: 'made-up' }))).rejects.toMatchObject({
    name: 'InvalidParameterValue',
  });
});

it('lets a spot instance be taken back, and an instance end itself as its shutdown behaviour says', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const [spot = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf({ InstanceMarketOptions: { MarketType: 'spot' } }))));
  const [goes = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf({ InstanceInitiatedShutdownBehavior: 'terminate' }))));
  const [stays = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf())));
  const [dies = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf())));
  expect((await instancesOf(client))[0]).toMatchObject({
    InstanceLifecycle: 'spot',
    SpotInstanceRequestId: expect.stringMatching(/^sir-/),
  });
  ec2.outside.interrupt(spot);
  ec2.outside.shutDown(goes);
  ec2.outside.shutDown(stays);
  ec2.outside.fail(dies, { code: 'Server.InternalError', message: 'Server.InternalError: Internal error on launch' });
  expect(await instancesOf(client)).toMatchObject([
    { State: { Name: 'terminated' }, StateReason: { Code: 'Server.SpotInstanceTermination' } },
    { State: { Name: 'terminated' }, StateReason: { Code: 'Client.InstanceInitiatedShutdown' } },
    { State: { Name: 'stopped' }, StateReason: { Code: 'Client.InstanceInitiatedShutdown' } },
    { State: { Name: 'terminated' }, StateReason: { Code: 'Server.InternalError' } },
  ]);
});

it('tells of an impaired status check, and of the console that a test writes', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const [id = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf())));
  expect((await client.send(new GetConsoleOutputCommand({ InstanceId: id }))).Output).toBeUndefined();
  ec2.outside.impair(id);
  ec2.outside.print(id, 'boot: ü\n');
  const filter = { Filters: [{ Name: 'instance-status.status', Values: ['impaired'] }] };
  const { InstanceStatuses: impaired } = await client.send(new DescribeInstanceStatusCommand(filter));
  expect(impaired).toMatchObject([{ InstanceId: id, InstanceStatus: { Status: 'impaired' }, SystemStatus: { Status: 'ok' } }]);
  const { Output: output = '' } = await client.send(new GetConsoleOutputCommand({ InstanceId: id, Latest: true }));
  expect(Buffer.from(output, 'base64').toString()).toBe('boot: ü\n');
});

it('keeps an instance that is protected, until it no longer is', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const [id = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf({ DisableApiTermination: true }))));
  const [other = ''] = idsOf(await client.send(new RunInstancesCommand(launchOf())));
  const both = new TerminateInstancesCommand({ InstanceIds: [other, id] });
  await expect(client.send(both)).rejects.toMatchObject({ name: 'OperationNotPermitted' });
  expect(ec2.snapshot().instances.map(({ state }) => state)).toEqual(['running', 'running']);
  await client.send(new ModifyInstanceAttributeCommand({ InstanceId: id, DisableApiTermination: { Value: false } }));
  await client.send(both);
  expect(ec2.snapshot().instances).toEqual([]);
});
