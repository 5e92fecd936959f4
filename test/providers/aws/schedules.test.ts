import { GetScheduleCommand } from '@aws-sdk/client-scheduler';
import { describe, expect, it } from 'vitest';
import { createKeeper, observeKeepers, releaseKeeper } from '../../../src/providers/aws/deadline/enforcers.ts';
import {
  arm,
  armedFor,
  disarm,
  endDatabase,
  endInstances,
  listSchedules,
  ownSchedule,
  reclaimSchedule,
  schedulesOf,
} from '../../../src/providers/aws/deadline/schedules.ts';
import { scheduleName } from '../../../src/providers/aws/names.ts';
import { clientsOf } from '../../fakes/moto/clients.ts';
import { describeWithMoto } from '../../fakes/moto/suite.ts';
import { dataWorld } from './data-world.ts';
import { awsWorld, STATE_TAG } from './world.ts';

const role = 'arn:aws:iam::123456789012:role/scheduler';

describeWithMoto('a schedule, against moto', (moto) => {
  const open = (more = {}) => dataWorld({ url: moto().proxy.url, settings: { schedulerRole: role }, ...more });

  it('ends the instances at the deadline, to the second after it, and deletes itself', async () => {
    const { cloud, call, spin } = open();
    const { scheduler } = clientsOf({ endpoint: moto().proxy.url });
    const deadline = Date.UTC(2030, 0, 2, 3, 4, 5, 100);
    const armed = await arm(cloud, spin, endInstances(['i-2', 'i-1']), deadline, role, call);
    expect(armed).toMatchObject({ at: Date.UTC(2030, 0, 2, 3, 4, 6), action: 'ec2:terminateInstances' });
    const schedule = await scheduler.send(new GetScheduleCommand({ Name: armed.name }));
    expect(schedule).toMatchObject({
      ScheduleExpression: 'at(2030-01-02T03:04:06)',
      ActionAfterCompletion: 'DELETE',
      Target: { Arn: 'arn:aws:scheduler:::aws-sdk:ec2:terminateInstances', RoleArn: role, Input: '{"InstanceIds":["i-1","i-2"]}' },
    });
    expect(armed.name.length).toBeLessThanOrEqual(64);
  });

  it('moves with the deadline and the instances, and is left alone where it says so already', async () => {
    const { cloud, call, spin } = open();
    const deadline = call.clock.now() + 3_600_000;
    await arm(cloud, spin, endInstances([]), deadline, role, call);
    await arm(cloud, spin, endInstances(['i-1']), deadline + 60_000, role, call);
    await arm(cloud, spin, endInstances(['i-1']), deadline + 60_000, role, call);
    expect(moto().proxy.counts()).toMatchObject({
      'scheduler:CreateSchedule': 1,
      'scheduler:UpdateSchedule': 1,
      'scheduler:GetSchedule': 3,
    });
    const armed = await armedFor(cloud, spin, 'instances', call);
    expect(armed?.at).toBe(Math.ceil((deadline + 60_000) / 1_000) * 1_000);
  });

  it('never names a time that has passed', async () => {
    const { cloud, call, spin } = open();
    const armed = await arm(cloud, spin, endInstances(['i-1']), 0, role, call);
    expect(armed.at).toBeGreaterThan(call.clock.now() + 55_000);
  });

  it('is the keeper of a spin: made empty, kept as it is when asked for again, gone with all others at its release', async () => {
    const { cloud, region, call, spin, request } = open();
    const keeper = request('keeper.keeper', { kind: 'keeper' });
    await createKeeper(cloud, keeper, call);
    await arm(cloud, spin, endInstances(['i-1']), keeper.deadline, role, call);
    await createKeeper(cloud, keeper, call);
    expect((await armedFor(cloud, spin, 'instances', call))?.input).toBe('{"InstanceIds":["i-1"]}');
    await arm(cloud, spin, endDatabase('database.db@1', 'spin-web-db', 'last'), keeper.deadline, role, call);
    expect((await observeKeepers(region, [keeper], call)).get(keeper.key)?.state).toBe('running');
    expect(await schedulesOf(cloud, spin, call)).toHaveLength(2);
    expect(await releaseKeeper(region, keeper, call)).toBe('absent');
    expect(await releaseKeeper(region, keeper, call)).toBe('absent');
    expect((await observeKeepers(region, [keeper], call)).get(keeper.key)?.state).toBe('absent');
    expect(await schedulesOf(cloud, spin, call)).toEqual([]);
  });

  it('is found by its name, for its own state location, and takes another name when it is taken over', async () => {
    const [mine, theirs] = [open(), open({ stateTag: 'theirs' })];
    const deadline = mine.call.clock.now() + 3_600_000;
    await arm(theirs.cloud, theirs.spin, endInstances(['i-1']), deadline, role, theirs.call);
    expect(await listSchedules(mine.cloud, {}, mine.call)).toEqual([]);
    const [found] = await listSchedules(mine.cloud, { everyone: true }, mine.call);
    expect(found).toMatchObject({ id: 'web', incarnation: theirs.spin.incarnation, kind: 'keeper' });
    if (found === undefined) throw new Error('not found');
    await ownSchedule(mine.cloud, found, mine.call);
    expect(await listSchedules(theirs.cloud, {}, theirs.call)).toEqual([]);
    expect((await armedFor(mine.cloud, theirs.spin, 'instances', mine.call))?.input).toBe('{"InstanceIds":["i-1"]}');
    const [taken] = await listSchedules(mine.cloud, { id: mine.spin.id }, mine.call);
    expect(taken === undefined ? undefined : await reclaimSchedule(mine.cloud, taken, mine.call)).toBe('absent');
    expect(await disarm(mine.cloud, 'spin-never', mine.call)).toBe('absent');
    expect(await listSchedules(mine.cloud, { everyone: true }, mine.call)).toEqual([]);
  });
});

describe('a schedule, against the double', () => {
  it('moves back to a deadline that it had before, though AWS takes a token that it knows for an answer that was lost', async () => {
    const { ec2, cloud, call, spin } = await awsWorld({ settings: { schedulerRole: role } });
    const deadline = call.clock.now() + 3_600_000;
    for (const later of [0, 60_000, 0, 60_000]) {
      const armed = await arm(cloud, spin, endInstances(['i-1']), deadline + later, role, call);
      expect(ec2.snapshot().schedules.map(({ at }) => at)).toEqual([armed.at]);
    }
    await disarm(cloud, scheduleName(STATE_TAG, spin, 'instances'), call);
    await arm(cloud, spin, endInstances(['i-1']), deadline, role, call);
    expect(ec2.snapshot().schedules).toHaveLength(1);
  });

  it('is one schedule, whatever answer is lost', async () => {
    const { ec2, cloud, call, spin } = await awsWorld({ settings: { schedulerRole: role } });
    const deadline = call.clock.now() + 3_600_000;
    for (const action of ['CreateSchedule', 'UpdateSchedule', 'DeleteSchedule']) ec2.script({ action, fault: 'lose-response' });
    await arm(cloud, spin, endInstances([]), deadline, role, call);
    const { name } = await arm(cloud, spin, endInstances(['i-1']), deadline, role, call);
    expect(ec2.snapshot().schedules).toMatchObject([{ id: name, input: '{"InstanceIds":["i-1"]}' }]);
    await disarm(cloud, name, call);
    expect(ec2.snapshot().schedules).toEqual([]);
  });
});
