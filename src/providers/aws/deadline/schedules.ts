import {
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  DeleteScheduleCommand,
  GetScheduleCommand,
  type GetScheduleCommandOutput,
  ListSchedulesCommand,
  SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler';
import { isoTime } from '../../../core/clock.ts';
import { InternalError } from '../../../core/errors.ts';
import { type Incarnation, isSpinId } from '../../../core/ids.ts';
import { OWNED } from '../../../core/tags.ts';
import type { Call, Found, InventoryScope, SpinRef } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { unless } from '../fault-class.ts';
import { idInSchedule, ownerOfSchedule, partitionOf, scheduleFolder, scheduleName } from '../names.ts';
import { handleText } from '../observing.ts';
import { allPages } from '../pages.ts';

/**
 * One-time schedules of EventBridge Scheduler, which end what they name at the deadline and then delete themselves. A schedule bears no
 * tags: its name tells the state location, its description the spin.
 */

const GONE = ['ResourceNotFound'];
/** A schedule needs a time that is still to come; its service looks once a minute. */
const SOONEST_MS = 60_000;

/** What a schedule calls: an action of AWS, as `ec2:terminateInstances`, with its request. */
export interface Ending {
  /** `instances`, the ID of one of them, or the key of a database. */
  readonly ends: string;
  readonly action: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Of the schedule of all instances: each of them has one of its own that says the same. */
  readonly each?: true;
}

export interface Armed {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly action: string;
  /** IDs, where it ends instances. */
  readonly instances: readonly string[];
  readonly role: string;
  readonly each: boolean;
}

/** All instances in one request, which ends none where one is not known any more. An empty list ends nothing, and is said to be no enforcer. */
export function endInstances(ids: readonly string[]): Ending {
  return { ends: 'instances', action: 'ec2:terminateInstances', input: { InstanceIds: ids.toSorted() } };
}

export function endInstance(id: string): Ending {
  return { ...endInstances([id]), ends: id };
}

export function endDatabase(key: string, identifier: string, finalSnapshot: string | undefined): Ending {
  const last =
    finalSnapshot === undefined ? { SkipFinalSnapshot: true } : { SkipFinalSnapshot: false, FinalDbSnapshotIdentifier: finalSnapshot };
  return { ends: key, action: 'rds:deleteDBInstance', input: { DbInstanceIdentifier: identifier, ...last } };
}

/** Sets a schedule to what is wanted; nothing is sent where it says so already. @throws Fault */
export async function arm(cloud: Cloud, spin: SpinRef, ending: Ending, deadline: number, role: string, call: Call): Promise<Armed> {
  const wanted = scheduleOf(cloud, spin, ending, strikesAt(deadline, call), role);
  const there = await readSchedule(cloud, wanted.Name, call);
  if (there !== undefined && isSame(there, wanted)) return armedOf(wanted.Name, there);
  await put(cloud, wanted, there !== undefined, call);
  return armedOf(wanted.Name, wanted);
}

/** As `arm`, without a look: `exists` says what is most likely there. @throws Fault */
export async function rearm(
  cloud: Cloud,
  spin: SpinRef,
  ending: Ending,
  deadline: number,
  role: string,
  exists: boolean,
  call: Call,
): Promise<Armed> {
  const wanted = scheduleOf(cloud, spin, ending, strikesAt(deadline, call), role);
  await put(cloud, wanted, exists, call);
  return armedOf(wanted.Name, wanted);
}

/** When a schedule strikes that is armed now: a time of day without a fraction; a part of a second late is better than early. */
export function strikesAt(deadline: number, { clock }: Pick<Call, 'clock'>): number {
  return Math.ceil(Math.max(deadline, clock.now() + SOONEST_MS) / 1_000) * 1_000;
}

/** @throws Fault */
export async function armedFor(cloud: Cloud, spin: SpinRef, ends: string, call: Call): Promise<Armed | undefined> {
  const name = scheduleName(cloud.options.stateTag, spin, ends);
  const there = await readSchedule(cloud, name, call);
  return there === undefined ? undefined : armedOf(name, there);
}

/** @throws Fault */
export async function disarm(cloud: Cloud, name: string, call: Call): Promise<'absent'> {
  await unless(GONE, () => cloud.send(SchedulerClient, new DeleteScheduleCommand({ Name: name, GroupName: 'default' }), call));
  return 'absent';
}

/** Names of the schedules of one spin that still stand. @throws Fault */
export async function schedulesOf(cloud: Cloud, spin: SpinRef, call: Call): Promise<readonly string[]> {
  const found = await listSchedules(cloud, { id: spin.id }, call);
  return found.flatMap(({ incarnation, handle }) => (incarnation === spin.incarnation ? (handleText(handle, 'schedule') ?? []) : []));
}

/** One request more for each that is found: lists show no descriptions. @throws Fault */
export async function listSchedules(cloud: Cloud, scope: InventoryScope, call: Call): Promise<readonly Found[]> {
  const NamePrefix = scope.everyone === true ? scheduleFolder(undefined) : scheduleFolder(cloud.options.stateTag, scope.id);
  const schedules = await allPages(async (NextToken) => {
    const command = new ListSchedulesCommand({ GroupName: 'default', NamePrefix, MaxResults: 100, NextToken });
    const page = await cloud.send(SchedulerClient, command, call);
    return { items: page.Schedules, next: page.NextToken };
  });
  const { id } = scope;
  const named = schedules.filter(({ Name = '' }) => id === undefined || ownerOfSchedule(Name)?.id === idInSchedule(id));
  const found = await Promise.all(named.map(({ Name = '' }) => foundOf(cloud, Name, scope, call)));
  return found.flat();
}

/** @throws Fault */
export function reclaimSchedule(cloud: Cloud, found: Found, call: Call): Promise<'absent'> {
  return disarm(cloud, scheduleIn(found), call);
}

/** Makes a schedule one of this state location: under another name, the new one before the old one goes. @throws Fault */
export async function ownSchedule(cloud: Cloud, found: Found, call: Call): Promise<void> {
  const name = scheduleIn(found);
  const there = await readSchedule(cloud, name, call);
  const ends = readDescription(there?.Description)?.ends;
  if (there === undefined || ends === undefined) return;
  const own = scheduleName(cloud.options.stateTag, found, ends);
  if (own === name) return;
  const { ScheduleExpression, Description, Target, FlexibleTimeWindow, ActionAfterCompletion } = there;
  const moved = { Name: own, GroupName: 'default', ScheduleExpression, Description, Target, FlexibleTimeWindow, ActionAfterCompletion };
  await put(cloud, moved, (await readSchedule(cloud, own, call)) !== undefined, call);
  await disarm(cloud, name, call);
}

function scheduleIn(found: Found): string {
  const name = handleText(found.handle, 'schedule');
  if (name === undefined) throw new InternalError(`${found.what} was found without a name`);
  return name;
}

function scheduleOf(cloud: Cloud, spin: SpinRef, { ends, action, input, each }: Ending, at: number, RoleArn: string) {
  return {
    Name: scheduleName(cloud.options.stateTag, spin, ends),
    GroupName: 'default',
    ScheduleExpression: `at(${isoTime(at).slice(0, 19)})`,
    ScheduleExpressionTimezone: 'UTC',
    Description: JSON.stringify({ spin: spin.id, incarnation: spin.incarnation, ends, each }),
    FlexibleTimeWindow: { Mode: 'OFF' },
    ActionAfterCompletion: 'DELETE',
    Target: {
      Arn: `arn:${partitionOf(cloud.region)}:scheduler:::aws-sdk:${action}`,
      RoleArn,
      Input: JSON.stringify(input),
      RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
    },
  } satisfies CreateScheduleCommandInput;
}

/**
 * The name makes both requests repeatable; a client token would only do harm: a deadline that moves there and back is a request that was
 * made before, and a service that goes by the token would answer it and do nothing.
 */
async function put(cloud: Cloud, schedule: CreateScheduleCommandInput, exists: boolean, call: Call): Promise<void> {
  const create = () => cloud.send(SchedulerClient, new CreateScheduleCommand(schedule), call);
  const update = () => cloud.send(SchedulerClient, new UpdateScheduleCommand(schedule), call);
  // What was there may have struck in the meantime, and what was not may have come by an answer that was lost.
  const first = exists ? await unless(GONE, update) : await unless(['Conflict'], create);
  if (first === undefined) await (exists ? create() : update());
}

function readSchedule(cloud: Cloud, Name: string, call: Call): Promise<GetScheduleCommandOutput | undefined> {
  return unless(GONE, () => cloud.send(SchedulerClient, new GetScheduleCommand({ Name, GroupName: 'default' }), call));
}

function isSame(there: GetScheduleCommandOutput, wanted: CreateScheduleCommandInput): boolean {
  return (
    there.ScheduleExpression === wanted.ScheduleExpression &&
    there.Description === wanted.Description &&
    there.Target?.Input === wanted.Target?.Input &&
    there.Target?.Arn === wanted.Target?.Arn &&
    there.Target?.RoleArn === wanted.Target?.RoleArn
  );
}

function armedOf(
  name: string,
  { ScheduleExpression = '', Description, Target }: Pick<GetScheduleCommandOutput, 'ScheduleExpression' | 'Description' | 'Target'>,
): Armed {
  const at = /^at\((.+)\)$/.exec(ScheduleExpression)?.[1] ?? '';
  return {
    name,
    at: Date.parse(`${at}Z`),
    action: Target?.Arn?.replace(/^.*:aws-sdk:/, '') ?? '',
    instances: instancesIn(Target?.Input ?? '{}'),
    role: Target?.RoleArn ?? '',
    each: readDescription(Description)?.each ?? false,
  };
}

function instancesIn(input: string): readonly string[] {
  const read: unknown = JSON.parse(input);
  const ids: unknown = typeof read === 'object' && read !== null && 'InstanceIds' in read ? read.InstanceIds : [];
  return Array.isArray(ids) ? ids.map(String) : [];
}

async function foundOf(cloud: Cloud, name: string, scope: InventoryScope, call: Call): Promise<Found[]> {
  const schedule = await readSchedule(cloud, name, call);
  const spin = readDescription(schedule?.Description);
  const state = ownerOfSchedule(name)?.state;
  if (schedule === undefined || spin === undefined || (scope.id !== undefined && spin.id !== scope.id)) return [];
  return [
    {
      provider: 'aws',
      id: spin.id,
      incarnation: spin.incarnation,
      resource: 'keeper.keeper@1',
      kind: 'keeper',
      what: `schedule ${name}`,
      ...(schedule.CreationDate === undefined ? {} : { createdAt: schedule.CreationDate.getTime() }),
      place: { region: cloud.region },
      ...(state === undefined ? {} : { tags: { [OWNED.state]: state } }),
      handle: { schedule: name },
    },
  ];
}

/** What a schedule says of itself. */
interface Described {
  readonly id: Found['id'];
  readonly incarnation: Incarnation;
  readonly ends: string;
  readonly each: boolean;
}

function readDescription(text: string | undefined): Described | undefined {
  try {
    const read: unknown = JSON.parse(text ?? '');
    if (typeof read !== 'object' || read === null || !('spin' in read) || !('incarnation' in read) || !('ends' in read)) return undefined;
    const { spin: id, incarnation, ends } = read;
    if (typeof id !== 'string' || !isSpinId(id) || typeof incarnation !== 'string' || typeof ends !== 'string') return undefined;
    return { id, incarnation: incarnation as Incarnation, ends, each: 'each' in read && read.each === true };
  } catch {
    return undefined;
  }
}
