import { CreateSchedule$, DeleteSchedule$, GetSchedule$, ListSchedules$, UpdateSchedule$ } from '@aws-sdk/client-scheduler';
import type {
  CreateScheduleInput,
  CreateScheduleOutput,
  DeleteScheduleInput,
  GetScheduleInput,
  GetScheduleOutput,
  ListSchedulesInput,
  ListSchedulesOutput,
  UpdateScheduleInput,
} from '@aws-sdk/client-scheduler';
import { page } from '../pages.ts';
import { Refusal, refuse } from '../protocol/refusal.ts';
import type { TimedThing } from '../world/scheduler.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';
import { INSTANCE_ACTIONS } from './instances.ts';

const SCHEDULE_PARAMETERS = [
  'Name',
  'GroupName',
  'ScheduleExpression',
  'ScheduleExpressionTimezone',
  'Description',
  'State',
  'FlexibleTimeWindow',
  'ActionAfterCompletion',
  'Target.Arn',
  'Target.RoleArn',
  'Target.Input',
  'Target.RetryPolicy',
  'ClientToken',
];

export const SCHEDULER_ACTIONS: readonly Action[] = [
  action<CreateScheduleInput>(CreateSchedule$, SCHEDULE_PARAMETERS, createSchedule, checkSchedule),
  action<UpdateScheduleInput>(UpdateSchedule$, SCHEDULE_PARAMETERS, updateSchedule, checkSchedule),
  action<GetScheduleInput>(GetSchedule$, ['Name', 'GroupName'], getSchedule, checkGroup),
  action<DeleteScheduleInput>(DeleteSchedule$, ['Name', 'GroupName', 'ClientToken'], deleteSchedule, checkGroup),
  action<ListSchedulesInput>(ListSchedules$, ['GroupName', 'NamePrefix', 'State', 'MaxResults', 'NextToken'], listSchedules, checkGroup),
];

const PAGE = 100;

function createSchedule(context: Context, input: CreateScheduleInput): CreateScheduleOutput {
  const { region } = context;
  return once(context, 'CreateSchedule', input, () => {
    const schedule = scheduleOf(context, input, { createdAt: region.world.now, serial: region.world.ids.serial() });
    region.scheduler.create(schedule);
    strikeLater(context, schedule);
  });
}

/** All of it is replaced, and what the request leaves out is as by default. */
function updateSchedule(context: Context, input: UpdateScheduleInput): CreateScheduleOutput {
  const { region } = context;
  return once(context, 'UpdateSchedule', input, () => {
    const before = region.scheduler.must(input.Name ?? '', region.world.now);
    const schedule = scheduleOf(context, input, before);
    region.scheduler.replace({ ...schedule, visibleAt: before.visibleAt });
    strikeLater(context, region.scheduler.must(schedule.name, Infinity));
  });
}

/** A request whose token came before is answered as it was then, and does nothing. */
function once({ region, fingerprint }: Context, scope: string, input: CreateScheduleInput, put: () => void): CreateScheduleOutput {
  const { Name: name = '', ClientToken: token } = input;
  const answer = { ScheduleArn: region.arn('scheduler', `schedule/default/${name}`) };
  if (token !== undefined && region.scheduler.replays(scope, token, fingerprint)) return answer;
  put();
  if (token !== undefined) region.scheduler.used(scope, token, fingerprint);
  return answer;
}

function getSchedule({ region }: Context, { Name: name = '' }: GetScheduleInput): GetScheduleOutput {
  const schedule = region.scheduler.must(name, region.world.now);
  return {
    ...summaryOf(schedule),
    ScheduleExpression: schedule.expression,
    ScheduleExpressionTimezone: 'UTC',
    ...(schedule.description === undefined ? {} : { Description: schedule.description }),
    Target: schedule.target,
    FlexibleTimeWindow: { Mode: 'OFF' },
    ActionAfterCompletion: schedule.after,
  };
}

function deleteSchedule({ region }: Context, { Name: name = '' }: DeleteScheduleInput): object {
  region.scheduler.must(name, region.world.now);
  region.scheduler.delete(name);
  return {};
}

/** A list tells neither what a schedule says of itself nor when it strikes. */
function listSchedules({ region }: Context, input: ListSchedulesInput): ListSchedulesOutput {
  const { NamePrefix: prefix = '', State: state, MaxResults: most } = input;
  if (most !== undefined && (most < 1 || most > PAGE)) invalid(`MaxResults must be 1 to ${PAGE}, and is ${most}`);
  const all = region.scheduler
    .list(region.world.now)
    .filter((schedule) => schedule.name.startsWith(prefix) && (state === undefined || schedule.state === state));
  const { items, ...next } = page(all, input, { of: 'ListSchedules', size: PAGE, least: 1, most: PAGE, position: ({ serial }) => serial });
  return { Schedules: items.map((schedule) => ({ ...summaryOf(schedule), Target: { Arn: schedule.target.Arn } })), ...next };
}

function summaryOf({ arn, name, state, createdAt, modifiedAt }: TimedThing) {
  return {
    Arn: arn,
    Name: name,
    GroupName: 'default',
    State: state,
    CreationDate: new Date(createdAt),
    LastModificationDate: new Date(modifiedAt),
  };
}

function checkGroup(_context: Context, { GroupName: group = 'default' }: { readonly GroupName?: string | undefined }): void {
  if (group !== 'default') throw new Refusal(404, 'ResourceNotFoundException', `Schedule group ${group} does not exist.`);
}

function checkSchedule(context: Context, input: CreateScheduleInput): void {
  const { Name: name = '', FlexibleTimeWindow: window, ScheduleExpressionTimezone: zone = 'UTC', Target: target } = input;
  if (!/^[\w.-]{1,64}$/.test(name)) invalid(`'${name}' is no name of a schedule`);
  if (window?.Mode !== 'OFF') invalid('Only FlexibleTimeWindow OFF is imitated');
  if (zone !== 'UTC') invalid('Only the time zone UTC is imitated');
  if (!/^arn:[\w-]+:iam::\d{12}:role\/.+$/.test(target?.RoleArn ?? '')) invalid(`'${target?.RoleArn ?? ''}' is no ARN of a role`);
  if (!/^arn:[\w-]+:/.test(target?.Arn ?? '')) invalid(`'${target?.Arn ?? ''}' is no ARN of a target`);
  timeOf(context, input);
  checkGroup(context, input);
}

/** Only times that are named are imitated, and no rates. */
function timeOf({ region }: Context, { ScheduleExpression: expression = '' }: CreateScheduleInput): number {
  const [, text] = /^at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)$/.exec(expression) ?? [];
  const at = Date.parse(`${text}Z`);
  return Number.isNaN(at) || at <= region.world.now ? invalid(`Invalid Schedule Expression ${expression}.`) : at;
}

function scheduleOf(context: Context, input: CreateScheduleInput, made: Pick<TimedThing, 'createdAt' | 'serial'>): TimedThing {
  const { region } = context;
  const { Name: name = '', ScheduleExpression: expression = '', Target: target, State: state, ActionAfterCompletion: after } = input;
  const { now, options } = region.world;
  return {
    name,
    arn: region.arn('scheduler', `schedule/default/${name}`),
    expression,
    at: timeOf(context, input),
    description: input.Description,
    state: state ?? 'ENABLED',
    target: { Arn: target?.Arn ?? '', RoleArn: target?.RoleArn ?? '', Input: target?.Input, RetryPolicy: target?.RetryPolicy },
    after: after ?? 'NONE',
    createdAt: made.createdAt,
    modifiedAt: now,
    visibleAt: now + options.visibleMs,
    serial: made.serial,
  };
}

/** When its time has come it does what it names, if the double can, and goes. What it cannot do is lost, as on AWS when all tries failed. */
function strikeLater(context: Context, schedule: TimedThing): void {
  const { region } = context;
  region.world.later(schedule.at - region.world.now, () => {
    if (!region.scheduler.holds(schedule) || schedule.state === 'DISABLED') return;
    if (schedule.after === 'DELETE') region.scheduler.delete(schedule.name);
    const terminate = INSTANCE_ACTIONS.find(({ name }) => name === 'TerminateInstances');
    if (!schedule.target.Arn.endsWith(':aws-sdk:ec2:terminateInstances')) return;
    try {
      terminate?.run(context, JSON.parse(schedule.target.Input ?? '{}') as object);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
    }
  });
}

function invalid(message: string): never {
  return refuse('ValidationException', message);
}
