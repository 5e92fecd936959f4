import { InternalError, isSpinError, messageOf } from '../core/errors.ts';
import type { FaultNote } from '../core/events.ts';
import type { Phase } from '../core/phases.ts';
import type { ResourceKind } from '../plan/plan.ts';
import { Fault } from '../providers/fault.ts';
import type { Handle, Observation } from '../providers/provider.ts';
import { mergeRuns } from '../store/interval.ts';
import type { ResourceRecord, SpinRecord } from '../store/record.ts';
import { withRetries } from './retries.ts';
import { TABLE, transition } from './table.ts';
import type { Watch } from './watch.ts';
import { withdraw } from './withdraw.ts';
import { bindingsOf, createRequestOf, put, targetOf, type Work } from './work.ts';

/** A resource did not come up; the record says `failed`. Carried by the SpinError that the command ends with. */
export class ResourceFailure extends Error {
  readonly key: string;
  readonly fault: FaultNote;

  constructor(key: string, fault: FaultNote) {
    super(`${key}: ${fault.message}`);
    this.name = 'ResourceFailure';
    this.key = key;
    this.fault = fault;
  }
}

/** NotFound this soon after a create means *not yet*; later it means *gone*. */
const CONSISTENCY_WINDOW_MS = 10_000;
/** Half of that: whoever counts from what was noted still has time. */
const NOTE_AGAIN_MS = CONSISTENCY_WINDOW_MS / 2;
/** Restoring a database of some size from its snapshot takes a cloud this long at worst. */
const DATABASE_BOOT_MS = 45 * 60_000;
/** What a provider may need beyond the deadlines that the spec gives to bootstrap and health. */
const SLACK_MS = 30_000;

/** The phase that bringing up a resource of this kind belongs to. */
export function phaseOf(kind: ResourceKind): Phase {
  return kind === 'route' || kind === 'registration' ? 'register' : 'provision';
}

/** Brings up what was never there: where the lease is lost in the middle, nothing of it may stay in a life that is over. @throws as bringUp */
export async function bringUpNew(work: Work, watch: Watch, resource: ResourceRecord): Promise<void> {
  const underWay: UnderWay = { asked: false };
  try {
    await bringUp(work, watch, resource, underWay);
  } finally {
    if (underWay.asked && work.session.lost.aborted) await withdraw(work, resource, underWay.handle);
  }
}

/** Whether something was asked for that the record does not show yet, and what came of it. */
interface UnderWay {
  asked: boolean;
  handle?: Handle;
}

/**
 * Brings one resource from `creating` or `booting` to `ready`: the creating call is sent (again) with the same token,
 * then the provider is asked until the resource does what it is for.
 * @throws ResourceFailure, after the record says `failed`; SpinError `lease-lost`; the call's abort reason
 */
export async function bringUp(work: Work, watch: Watch, resource: ResourceRecord, underWay: UnderWay = { asked: false }): Promise<void> {
  const { emit, clock } = work.call;
  const phase = phaseOf(resource.kind);
  const began = clock.now();
  emit({ type: 'resource.creating', phase, resource: resource.key });
  let current = resource;
  // What could not be asked for can be asked for again, with what was made of it before; what was made and failed cannot.
  let at: 'creating' | 'booting' = 'creating';
  const create = async (): Promise<Handle> => {
    at = 'creating';
    underWay.asked = true;
    const handle = await createWithRetries(work, resource);
    at = 'booting';
    underWay.handle = handle;
    return handle;
  };
  try {
    const handle = await create();
    current = transition(current, { ...base(latest(work, resource)), status: 'booting', handle, since: clock.now() });
    await put(work, current);
    underWay.asked = false;
    emit({ type: 'resource.created', phase, resource: resource.key });
    const seen = await becomesReady(work, watch, current, create);
    const readyAt = clock.now();
    await put(
      work,
      transition(current, {
        ...base(latest(work, resource)),
        status: 'ready',
        hourly: seen.hourly ?? resource.hourly,
        ...withRuns(mergeRuns(latest(work, resource).runs, seen.runs)),
        handle: seen.handle ?? handle,
        endpoints: seen.endpoints,
        readyAt,
        since: readyAt,
      }),
    );
    underWay.asked = false;
    emit({
      type: 'resource.ready',
      phase: resource.kind === 'service' ? 'bootstrap' : phase,
      resource: resource.key,
      ms: readyAt - began,
    });
  } catch (thrown) {
    const fault = faultOf(thrown, work.call.signal);
    if (fault === undefined) throw thrown;
    await markFailed(work, current, fault, at);
    throw new ResourceFailure(resource.key, fault);
  }
}

/** Writes `failed` down, with what is needed to see why and to clean up. @param at what it failed at, where the status does not say it */
export async function markFailed(work: Work, resource: ResourceRecord, fault: FaultNote, at?: 'creating' | 'booting'): Promise<void> {
  if (resource.status !== 'creating' && resource.status !== 'booting' && resource.status !== 'ready') {
    throw new InternalError(`${resource.key} cannot fail from ${resource.status}`);
  }
  const handle = resource.status === 'creating' ? {} : { handle: resource.handle };
  await put(
    work,
    transition(resource, {
      ...base(latest(work, resource)),
      ...handle,
      status: 'failed',
      at: at ?? resource.status,
      fault,
      since: work.call.clock.now(),
    }),
  );
  work.call.emit({ type: 'resource.failed', resource: resource.key, fault });
}

/** The parts that every status of a resource has. */
export function base(resource: ResourceRecord): Omit<Extract<ResourceRecord, { status: 'creating' }>, 'status'> {
  const {
    key,
    address,
    kind,
    generation,
    token,
    count,
    attempt,
    digest,
    desire,
    strategy,
    needs,
    hourly,
    bound,
    requestedAt,
    askedAt,
    runs,
    since,
  } = resource;
  const more = { ...(attempt === undefined ? {} : { attempt }), ...(askedAt === undefined ? {} : { askedAt }), ...withRuns(runs) };
  return { key, address, kind, generation, token, count, ...more, digest, desire, strategy, needs, hourly, bound, requestedAt, since };
}

export function withRuns(runs: ResourceRecord['runs']): Pick<ResourceRecord, 'runs'> {
  return runs === undefined ? {} : { runs };
}

/** A resource as it is written down by now: which alternative is tried may have changed. */
function latest(work: Work, { key }: ResourceRecord): ResourceRecord {
  const found = work.session.record.resources[key];
  if (found === undefined) throw new InternalError(`${key} is not in the record`);
  return found;
}

/**
 * Sends the creating call. Where there is no capacity for it, the next alternative of its desire is tried at once, under a token of its own:
 * which one is written down first, so that whoever goes on after a crash asks for the same.
 */
async function createWithRetries(work: Work, resource: ResourceRecord): Promise<Handle> {
  const deadline = work.call.clock.now() + TABLE.creating.timeoutMs;
  const firstAttempt = latest(work, resource).attempt ?? 0;
  for (;;) {
    const current = latest(work, resource);
    const request = { ...createRequestOf(work, current, bindingsOf(work.session.record, work.leaving)), firstAttempt };
    try {
      const ask = async (): Promise<Handle> => {
        await noteAsking(work, resource);
        return work.provider.create(request, work.call);
      };
      return await withRetries(work, deadline, ask, {
        phase: phaseOf(resource.kind),
        resource: resource.key,
      });
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.kind !== 'capacity' || thrown.exhausted) throw thrown;
      const attempt = (current.attempt ?? 0) + 1;
      await put(work, { ...current, attempt });
      work.call.emit({ type: 'resource.alternative', resource: resource.key, fault: thrown.note(), data: { attempt } });
    }
  }
}

/** Whoever goes on after a crash must know that what is in no list may have been made a moment ago. */
async function noteAsking(work: Work, resource: ResourceRecord): Promise<void> {
  const current = latest(work, resource);
  const now = work.call.clock.now();
  if (now - (current.askedAt ?? current.requestedAt) >= NOTE_AGAIN_MS) await put(work, { ...current, askedAt: now });
}

async function becomesReady(work: Work, watch: Watch, resource: ResourceRecord, create: () => Promise<Handle>): Promise<Observation> {
  const since = work.call.clock.now();
  const deadline = Math.min(since + patience(work, resource), work.session.record.deadline);
  let last: Observation | undefined;
  for (;;) {
    await watch.until(targetOf(work.session.record, resource), deadline, (seen) => {
      last = seen;
      if (seen.failure !== undefined)
        throw new Fault('invalid', seen.failure.class, seen.failure.message, { lastLines: seen.failure.lastLines ?? [] });
      if (seen.state === 'absent' && work.call.clock.now() - since > CONSISTENCY_WINDOW_MS) {
        throw new Fault('not-found', 'vanished', `${resource.key} was made and is gone: ${seen.reason}`);
      }
      if (seen.state === 'running') return true;
      waiting(work, resource, seen, resource.kind === 'service' ? 'bootstrap' : phaseOf(resource.kind));
      return isStalled(work, seen, deadline);
    });
    if (last === undefined) throw new InternalError(`${resource.key} became ready unseen`);
    if (last.state === 'running') return last;
    await create();
  }
}

/** True where the request is to be sent again; never past the deadline, so that what dies again and again is given up. */
export function isStalled(work: Work, seen: Observation, deadline: number): boolean {
  return seen.stalled === true && work.call.clock.now() < deadline;
}

const lastReason = new WeakMap<ResourceRecord, string>();

export function waiting(work: Work, resource: ResourceRecord, seen: Observation, phase: Phase): void {
  if (seen.reason === '' || lastReason.get(resource) === seen.reason) return;
  lastReason.set(resource, seen.reason);
  work.call.emit({ type: 'resource.waiting', phase, resource: resource.key, message: seen.reason });
}

/** How long a resource may take to do what it is for. A job may take as long as the spin lives. */
function patience({ provider, session }: Work, resource: ResourceRecord): number {
  if (resource.desire.kind === 'database') return DATABASE_BOOT_MS;
  if (resource.desire.kind === 'registration') return TABLE.booting.timeoutMs + checkedFor(session.record, resource);
  if (resource.desire.kind !== 'service') return TABLE.booting.timeoutMs;
  const { service } = resource.desire;
  if (service.job) return Infinity;
  return service.bootstrap.reduce((sum, step) => sum + step.timeoutMs, service.health.deadlineMs + (provider.bootMs ?? 0) + SLACK_MS);
}

/** How long those who are registered may be checked where they are, and once more: a first check may come too soon. */
function checkedFor({ resources }: SpinRecord, { needs }: ResourceRecord): number {
  const times = needs.map((key) => {
    const desire = resources[key]?.desire;
    if (desire?.kind !== 'service') return 0;
    const { intervalMs, timeoutMs, healthyAfter } = desire.service.health;
    return (healthyAfter + 1) * (intervalMs + timeoutMs);
  });
  return Math.max(0, ...times);
}

/** What a thrown thing means for the resource; undefined where it is about the command instead (interrupted, lease lost, a bug). */
export function faultOf(thrown: unknown, signal: AbortSignal): FaultNote | undefined {
  if (signal.aborted) return undefined;
  if (thrown instanceof Fault) return thrown.note();
  if (!isSpinError(thrown) || thrown.code === 'lease-lost' || thrown.code === 'interrupted') return undefined;
  return { class: thrown.code, message: messageOf(thrown) };
}
