import { GetScheduleCommand } from '@aws-sdk/client-scheduler';
import { describe, expect, it } from 'vitest';
import { parseSpinId } from '../../../src/core/ids.ts';
import { createKeeper, enforce, enforcers, observeKeepers, releaseKeeper } from '../../../src/providers/aws/deadline/enforcers.ts';
import { armInstances } from '../../../src/providers/aws/deadline/instance-schedules.ts';
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
import { isoTime } from '../../../src/core/clock.ts';
import { OWNED } from '../../../src/core/tags.ts';
import { scheduleName } from '../../../src/providers/aws/names.ts';
import { clientsOf } from '../../fakes/moto/clients.ts';
import { describeWithMoto } from '../../fakes/moto/suite.ts';
import { dataWorld } from './data-world.ts';
import { type AwsWorld, awsWorld, launch, STATE_TAG } from './world.ts';

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
    expect((await armedFor(cloud, spin, 'instances', call))?.instances).toEqual(['i-1']);
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
    expect(found).toMatchObject({
      id: 'web',
      incarnation: theirs.spin.incarnation,
      kind: 'keeper',
      tags: { [OWNED.state]: 'theirs' },
    });
    expect(await listSchedules(mine.cloud, { everyone: true, id: parseSpinId('other') }, mine.call)).toEqual([]);
    expect(await listSchedules(mine.cloud, { everyone: true, id: mine.spin.id }, mine.call)).toEqual([found]);
    if (found === undefined) throw new Error('not found');
    await ownSchedule(mine.cloud, found, mine.call);
    expect(await listSchedules(theirs.cloud, {}, theirs.call)).toEqual([]);
    expect((await armedFor(mine.cloud, theirs.spin, 'instances', mine.call))?.instances).toEqual(['i-1']);
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

describe('the schedules of instances', () => {
  const HOUR = 3_600_000;
  const open = () => awsWorld({ settings: { schedulerRole: role } });
  const running = async (world: AwsWorld, replicas: number) => {
    const web = await launch(world, world.service({ name: 'web', replicas }));
    await world.until(web, ({ state }) => state === 'running');
    return web;
  };
  const told = async (world: AwsWorld) =>
    (await enforcers(world.region, world.spin, world.call)).find(({ name }) => name === 'EventBridge Scheduler');
  const strikes = ({ ec2 }: AwsWorld) => new Set(ec2.snapshot().schedules.map(({ at }) => at));

  it('end each of them, though one is not known any more', async () => {
    const world = await open();
    const web = await running(world, 2);
    await enforce(world.region, world.spin, web.deadline + 3 * HOUR, world.call);
    world.ec2.outside.terminate(world.living()[0]?.id ?? '');
    await world.ec2.advance(2 * HOUR);
    expect(world.ec2.snapshot().instances).toHaveLength(1);
    await world.ec2.advance(3 * HOUR);
    expect(world.living()).toEqual([]);
    expect(world.ec2.snapshot().schedules).toEqual([]);
  });

  it('are looked at with one request, and written where something is to be changed', async () => {
    const { ec2, cloud, call, spin } = await open();
    const ids = Array.from({ length: 50 }, (_, index) => `i-${index}`);
    const deadline = call.clock.now() + HOUR;
    const asked = async (some: readonly string[], at: number) => {
      ec2.clear('calls');
      await armInstances(cloud, spin, some, at, role, call);
      return ec2.counts();
    };
    await arm(cloud, spin, endInstances([]), deadline, role, call);
    expect(await asked(ids, deadline)).toEqual({ GetSchedule: 1, CreateSchedule: 50, UpdateSchedule: 1 });
    expect(await asked(ids, deadline)).toEqual({ GetSchedule: 1 });
    expect(await asked(ids.slice(1), deadline)).toEqual({ GetSchedule: 1, DeleteSchedule: 1, UpdateSchedule: 1 });
    expect(await asked(ids, deadline)).toEqual({ GetSchedule: 1, CreateSchedule: 1, UpdateSchedule: 1 });
    expect(await asked(ids, deadline + HOUR)).toEqual({ GetSchedule: 1, UpdateSchedule: 52 });
    expect(ec2.snapshot().schedules).toHaveLength(51);
  });

  it('all say the same after a move that broke off, also where the deadline goes back to what it was', async () => {
    const world = await open();
    const { ec2, cloud, call, spin } = world;
    const deadline = call.clock.now() + HOUR;
    const { at } = await armInstances(cloud, spin, ['i-1', 'i-2'], deadline, role, call);
    ec2.script({ action: 'UpdateSchedule', nth: 3, fault: 'denied' });
    await expect(armInstances(cloud, spin, ['i-1', 'i-2'], deadline + HOUR, role, call)).rejects.toMatchObject({ kind: 'denied' });
    expect(strikes(world).size).toBe(2);
    await armInstances(cloud, spin, ['i-1', 'i-2'], deadline, role, call);
    expect(strikes(world)).toEqual(new Set([at]));
  });

  it('come to one that an earlier version made for all instances, which is moved and taken away like any other', async () => {
    const world = await open();
    const web = await running(world, 2);
    const ids = world.living().map(({ id }) => id);
    await arm(world.cloud, world.spin, endInstances(ids), web.deadline, role, world.call);
    expect(await told(world)).toMatchObject({ armed: false, detail: '0 of 2 instances have a schedule: spin up makes the rest' });
    await enforce(world.region, world.spin, web.deadline + HOUR, world.call);
    expect(world.ec2.snapshot().schedules).toHaveLength(3);
    expect(strikes(world).size).toBe(1);
    await releaseKeeper(world.region, world.request('keeper.keeper', { kind: 'keeper' }), world.call);
    expect(world.ec2.snapshot().schedules).toEqual([]);
  });

  it('are said to be armed only where they end every instance that lives', async () => {
    const world = await open();
    const web = await running(world, 2);
    await enforce(world.region, world.spin, web.deadline, world.call);
    world.region.machines.forget(world.spin);
    expect(await told(world)).toMatchObject({ armed: true, detail: expect.stringMatching(/^ends 2 instances at /) });
    world.ec2.outside.terminate(world.living()[0]?.id ?? '');
    await world.ec2.advance(60_000);
    await world.provider.create(web, world.call);
    world.region.machines.forget(world.spin);
    expect(await told(world)).toMatchObject({ armed: false, detail: '1 of 2 instances have a schedule: spin up makes the rest' });
    await enforce(world.region, world.spin, web.deadline, world.call);
    expect(await told(world)).toMatchObject({ armed: true });
    expect(world.ec2.snapshot().schedules).toHaveLength(3);
  });

  it('move before the instances are tagged, so that tags which agree speak for them too', async () => {
    const world = await open();
    const web = await running(world, 1);
    await enforce(world.region, world.spin, web.deadline, world.call);
    world.ec2.script({ action: 'UpdateSchedule', fault: 'denied' });
    await expect(enforce(world.region, world.spin, web.deadline + HOUR, world.call)).rejects.toMatchObject({ kind: 'denied' });
    expect(world.living().map(({ tags }) => tags[OWNED.deadline])).toEqual([isoTime(web.deadline)]);
  });
});
