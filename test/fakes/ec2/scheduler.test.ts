import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  DeleteScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler';
import { RunInstancesCommand } from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';
import { ManualClock } from '../clock.ts';
import { clientOf, ec2For, idsOf, launchOf, schedulerOf } from './fixture.ts';

const ROLE = 'arn:aws:iam::123456789012:role/scheduler';
const SOON = 'at(2030-01-02T03:04:05)';

/** A one-time schedule that ends instances, and what a test changes. */
function ending(more: Partial<CreateScheduleCommandInput> = {}, ids: readonly string[] = []): CreateScheduleCommandInput {
  return {
    Name: 'one',
    ScheduleExpression: SOON,
    Description: 'what it is for',
    FlexibleTimeWindow: { Mode: 'OFF' },
    ActionAfterCompletion: 'DELETE',
    Target: { Arn: 'arn:aws:scheduler:::aws-sdk:ec2:terminateInstances', RoleArn: ROLE, Input: JSON.stringify({ InstanceIds: ids }) },
    ...more,
  };
}

it('makes, shows, replaces and deletes a schedule', async () => {
  const ec2 = await ec2For({ clock: new ManualClock() });
  const client = schedulerOf(ec2);
  const { ScheduleArn: arn } = await client.send(new CreateScheduleCommand(ending()));
  expect(arn).toBe('arn:aws:scheduler:us-east-1:123456789012:schedule/default/one');
  const made = await client.send(new GetScheduleCommand({ Name: 'one', GroupName: 'default' }));
  expect(made).toMatchObject({
    Arn: arn,
    ScheduleExpression: SOON,
    Description: 'what it is for',
    State: 'ENABLED',
    Target: { RoleArn: ROLE },
  });
  expect(made.CreationDate?.getTime()).toBe(ec2.world.now);
  const { Description: _none, ...bare } = ending({ ScheduleExpression: 'at(2030-01-02T03:04:06)' });
  await client.send(new UpdateScheduleCommand(bare));
  const replaced = await client.send(new GetScheduleCommand({ Name: 'one' }));
  expect(replaced).toMatchObject({ ScheduleExpression: 'at(2030-01-02T03:04:06)' });
  expect(replaced.Description).toBeUndefined();
  expect(ec2.snapshot().schedules).toMatchObject([{ id: 'one', at: Date.UTC(2030, 0, 2, 3, 4, 6), action: 'ec2:terminateInstances' }]);
  await client.send(new DeleteScheduleCommand({ Name: 'one' }));
  const gone = { name: 'ResourceNotFoundException', $metadata: { httpStatusCode: 404 } };
  await expect(client.send(new GetScheduleCommand({ Name: 'one' }))).rejects.toMatchObject(gone);
  await expect(client.send(new DeleteScheduleCommand({ Name: 'one' }))).rejects.toMatchObject(gone);
  await expect(client.send(new UpdateScheduleCommand(ending()))).rejects.toMatchObject(gone);
});

it('takes a name at once, and a token for the request that it first came with', async () => {
  const ec2 = await ec2For({ clock: new ManualClock(), visibleMs: 1_000 });
  const client = schedulerOf(ec2);
  const conflict = { name: 'ConflictException', $metadata: { httpStatusCode: 409 } };
  await client.send(new CreateScheduleCommand(ending({ ClientToken: 'a' })));
  await expect(client.send(new CreateScheduleCommand(ending({ ClientToken: 'b' })))).rejects.toMatchObject(conflict);
  await expect(client.send(new CreateScheduleCommand(ending({ Name: 'two', ClientToken: 'a' })))).rejects.toMatchObject(conflict);
  await expect(client.send(new GetScheduleCommand({ Name: 'one' }))).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  expect((await client.send(new ListSchedulesCommand({}))).Schedules).toEqual([]);
  await ec2.advance(1_000);
  expect((await client.send(new ListSchedulesCommand({}))).Schedules).toHaveLength(1);
  // The same again, after its effect was undone: it is answered, and nothing is done.
  await client.send(new DeleteScheduleCommand({ Name: 'one' }));
  await client.send(new CreateScheduleCommand(ending({ ClientToken: 'a' })));
  expect(ec2.snapshot().schedules).toEqual([]);
});

it('lists by prefix, in pages, and tells neither time nor description', async () => {
  const client = schedulerOf(await ec2For({ clock: new ManualClock() }));
  for (const name of ['spin-b', 'other', 'spin-a', 'spin-c']) await client.send(new CreateScheduleCommand(ending({ Name: name })));
  const first = await client.send(new ListSchedulesCommand({ GroupName: 'default', NamePrefix: 'spin-', MaxResults: 2 }));
  expect(first.Schedules?.map(({ Name }) => Name)).toEqual(['spin-b', 'spin-a']);
  expect(first.Schedules?.[0]).not.toHaveProperty('Description');
  // What goes meanwhile moves nothing that is still to come.
  await client.send(new DeleteScheduleCommand({ Name: 'spin-b' }));
  const NextToken = first.NextToken ?? '';
  const rest = await client.send(new ListSchedulesCommand({ GroupName: 'default', NamePrefix: 'spin-', MaxResults: 2, NextToken }));
  expect(rest.Schedules?.map(({ Name }) => Name)).toEqual(['spin-c']);
  expect(rest.NextToken).toBeUndefined();
});

it('refuses what it does not imitate and what is not valid', async () => {
  const client = schedulerOf(await ec2For({ clock: new ManualClock(Date.UTC(2030, 0, 1)) }));
  const invalid = { name: 'ValidationException' };
  const wrong: readonly Partial<CreateScheduleCommandInput>[] = [
    { ScheduleExpression: 'rate(5 minutes)' },
    { ScheduleExpression: 'at(2029-12-31T00:00:00)' },
    { FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 5 } },
    { ScheduleExpressionTimezone: 'Europe/Berlin' },
    { Name: 'not a name' },
    { Target: { Arn: 'arn:aws:scheduler:::aws-sdk:ec2:terminateInstances', RoleArn: 'nobody' } },
  ];
  for (const more of wrong) await expect(client.send(new CreateScheduleCommand(ending(more)))).rejects.toMatchObject(invalid);
  await expect(client.send(new CreateScheduleCommand(ending({ KmsKeyArn: 'arn:aws:kms:::key/1' })))).rejects.toThrow('KmsKeyArn');
  await expect(client.send(new CreateScheduleCommand(ending({ GroupName: 'mine' })))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
  await expect(client.send(new ListSchedulesCommand({ MaxResults: 101 }))).rejects.toMatchObject(invalid);
  await expect(client.send(new ListSchedulesCommand({ NextToken: 'made-up' }))).rejects.toThrow('made-up');
});

it('ends the instances that it names, and itself, when its time has come', async () => {
  const ec2 = await ec2For({ clock: new ManualClock(Date.UTC(2030, 0, 2)), stoppingMs: 10 });
  const [id = ''] = idsOf(await clientOf(ec2).send(new RunInstancesCommand(launchOf())));
  const client = schedulerOf(ec2);
  await client.send(new CreateScheduleCommand(ending({}, [id])));
  await client.send(new CreateScheduleCommand(ending({ Name: 'moved' }, [id])));
  await client.send(new UpdateScheduleCommand(ending({ Name: 'moved', ScheduleExpression: 'at(2031-01-01T00:00:00)' }, [id])));
  await ec2.advance(3 * 3_600_000);
  expect(ec2.snapshot().instances).toMatchObject([{ state: 'running' }]);
  await ec2.advance(3_600_000);
  expect(ec2.snapshot().instances).toEqual([]);
  expect(ec2.snapshot().schedules.map(({ id }) => id)).toEqual(['moved']);
});

it('fails as it is told to, in the words of the service', async () => {
  const ec2 = await ec2For({ clock: new ManualClock() });
  const client = schedulerOf(ec2);
  for (const [fault, name, httpStatusCode] of [
    ['denied', 'AccessDeniedException', 403],
    ['throttle', 'ThrottlingException', 429],
    ['internal', 'InternalServerException', 500],
  ] as const) {
    ec2.script({ action: 'ListSchedules', fault });
    await expect(client.send(new ListSchedulesCommand({}))).rejects.toMatchObject({ name, $metadata: { httpStatusCode } });
  }
  expect(ec2.counts()).toEqual({ ListSchedules: 3 });
});
