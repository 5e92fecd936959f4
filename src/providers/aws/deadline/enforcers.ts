import { isoTime } from '../../../core/clock.ts';
import { InternalError } from '../../../core/errors.ts';
import { KEEP_TAG, keepUntil, OWNED, type Tags } from '../../../core/tags.ts';
import type { Call, CreateRequest, Enforcer, Handle, Observation, SpinRef, Target } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { unless } from '../fault-class.ts';
import { lives, type Machine } from '../instances/machine.ts';
import { made, observation, observeAll } from '../observing.ts';
import { refuseOthers } from '../ownership.ts';
import type { Region } from '../region.ts';
import type { Armed } from './schedules.ts';

/**
 * What ends a spin at its deadline without anyone's help: a timer inside each instance, which reads the deadline from a tag; a one-time
 * schedule, where the config names a role for it; and a sweep, where one runs. Each works when the others do not.
 */

/** An endpoint that does not know RDS, such as an emulator, has no databases. */
const NO_SUCH_SERVICE = ['unimplemented'];

/**
 * Moves all of them to `deadline`. Where the instances, as they were just seen, carry it already and no role is configured, nothing is
 * sent: they are tagged last, after the schedules too. @throws Fault; `other-state` where another state location took an instance over
 */
export async function enforce(
  { cloud, machines }: Pick<Region, 'cloud' | 'machines'>,
  spin: SpinRef,
  deadline: number,
  call: Call,
): Promise<readonly Enforcer[]> {
  const living = (await machines.lately(spin, call)).filter(lives);
  refuseOthers(living, cloud.options.stateTag);
  const role = cloud.options.settings.schedulerRole;
  const schedule = role === undefined ? undefined : await armSchedules(cloud, spin, deadline, living, role, call);
  if (living.length === 0 || living.some((machine) => deadlineOf(machine) !== deadline)) {
    const [{ moveDatabaseDeadlines }, { moveDeadline }] = await Promise.all([import('../data/databases.ts'), import('./deadlines.ts')]);
    await unless(NO_SUCH_SERVICE, () => moveDatabaseDeadlines(cloud, spin, deadline, call));
    await moveDeadline(cloud, spin, deadline, call);
  }
  return [timer(living.map(({ tags }) => endOf(deadline, tags))), scheduled(cloud, schedule, living), sweep];
}

/** What is armed now; read-only. @throws Fault */
export async function enforcers(
  { cloud, machines }: Pick<Region, 'cloud' | 'machines'>,
  spin: SpinRef,
  call: Call,
): Promise<readonly Enforcer[]> {
  const living = (await machines.lately(spin, call)).filter(lives);
  const schedule = cloud.options.settings.schedulerRole === undefined ? undefined : await armedNow(cloud, spin, call);
  return [timer(living.map((machine) => endOf(deadlineOf(machine), machine.tags))), scheduled(cloud, schedule, living), sweep];
}

/** The keeper of a spin on AWS is the schedule of all its instances. It is made before there are instances; `enforce` tells it whom to end. @throws Fault */
export async function createKeeper(cloud: Cloud, request: CreateRequest, call: Call): Promise<Handle> {
  const role = cloud.options.settings.schedulerRole;
  if (role === undefined) throw new InternalError('a keeper was asked for and the config names no aws.schedulerRole');
  const { arm, endInstances } = await import('./schedules.ts');
  // One that stands already knows its instances, which are not known here.
  const there = await armedNow(cloud, request.spin, call);
  const { name } = there ?? (await arm(cloud, request.spin, endInstances([]), request.deadline, role, call));
  return made(call, { schedule: name });
}

export async function observeKeepers(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  targets: readonly Target[],
  call: Call,
): Promise<ReadonlyMap<string, Observation>> {
  const [first] = targets;
  if (first === undefined) return new Map();
  return observeAll(
    targets,
    async () => {
      const armed = await armedNow(cloud, first.spin, call);
      return (target) => (armed === undefined ? asked.missing(target, call) : observation('running', `schedule ${armed.name}`));
    },
    call,
  );
}

/** Takes every schedule of the spin away, those of its databases too. @throws Fault */
export async function releaseKeeper(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  target: Target,
  call: Call,
): Promise<'requested' | 'absent'> {
  const { disarm, schedulesOf } = await import('./schedules.ts');
  const names = await schedulesOf(cloud, target.spin, call);
  await Promise.all(names.map((name) => disarm(cloud, name, call)));
  return names.length === 0 && asked.mayBeHidden(target, call) ? 'requested' : 'absent';
}

async function armedNow(cloud: Cloud, spin: SpinRef, call: Call): Promise<Armed | undefined> {
  const { armedFor } = await import('./schedules.ts');
  return armedFor(cloud, spin, 'instances', call);
}

async function armSchedules(
  cloud: Cloud,
  spin: SpinRef,
  deadline: number,
  living: readonly Machine[],
  role: string,
  call: Call,
): Promise<Armed> {
  const [{ arm, endDatabase }, { armInstances }, { databasesOf, FINAL_SNAPSHOT }] = await Promise.all([
    import('./schedules.ts'),
    import('./instance-schedules.ts'),
    import('../data/databases.ts'),
  ]);
  const databases = (await unless(NO_SUCH_SERVICE, () => databasesOf(cloud, spin, call))) ?? [];
  const [instances] = await Promise.all([
    armInstances(
      cloud,
      spin,
      living.map(({ id }) => id),
      deadline,
      role,
      call,
    ),
    ...databases.map(({ key, identifier, tags }) =>
      arm(cloud, spin, endDatabase(key, identifier, tags[FINAL_SNAPSHOT]), deadline, role, call),
    ),
  ]);
  return instances;
}

function deadlineOf({ tags }: Machine): number {
  return Date.parse(tags[OWNED.deadline] ?? '');
}

/** As the timer reckons: a `keep` tag, which only somebody's hand puts on an instance, holds until its day is over; what is no day holds for ever. */
function endOf(deadline: number, tags: Tags): number {
  const keep = tags[KEEP_TAG];
  return keep === undefined ? deadline : Math.max(deadline, keepUntil(keep) ?? Infinity);
}

/** @param ends when each instance that lives ends itself */
function timer(ends: readonly number[]): Enforcer {
  const name = 'the timer in each instance';
  if (ends.length === 0) return { name, armed: false, detail: 'no instance runs' };
  if (ends.some(Number.isNaN)) return { name, armed: false, detail: 'an instance has no deadline in its tags' };
  if (ends.includes(Infinity)) return { name, armed: false, detail: 'the keep tag of an instance is not a date: it does not end itself' };
  const [first, last] = [Math.min(...ends), Math.max(...ends)];
  const when = first === last ? isoTime(first) : `${isoTime(first)} to ${isoTime(last)}`;
  return {
    name,
    armed: true,
    detail: `${ends.length} ${ends.length === 1 ? 'instance ends itself' : 'instances end themselves'} at ${when}`,
  };
}

/** Armed where each instance that lives has a schedule of its own, which that of all of them vouches for. */
function scheduled(cloud: Cloud, schedule: Armed | undefined, living: readonly Machine[]): Enforcer {
  const name = 'EventBridge Scheduler';
  if (cloud.options.settings.schedulerRole === undefined)
    return { name, armed: false, detail: 'the config names no aws.schedulerRole', optional: true };
  if (schedule === undefined) return { name, armed: false, detail: 'there is no schedule' };
  if (living.length === 0) return { name, armed: false, detail: 'no instance runs' };
  const covered = schedule.each ? schedule.instances : [];
  const ends = living.filter(({ id }) => covered.includes(id)).length;
  const instances = living.length === 1 ? 'instance' : 'instances';
  if (ends < living.length)
    return { name, armed: false, detail: `${ends} of ${living.length} ${instances} have a schedule: spin up makes the rest` };
  return { name, armed: true, detail: `ends ${ends} ${instances} at ${isoTime(schedule.at)}` };
}

/** Nobody can know from here whether one runs: that is for whoever set up the sweep to say. */
const sweep: Enforcer = { name: 'spin gc', armed: false, detail: 'ends it where a sweep runs, such as spin gc from cron', optional: true };
