import { formatDuration } from '../core/duration.ts';
import { InternalError, isSpinError, messageOf, SpinError } from '../core/errors.ts';
import type { FaultNote } from '../core/events.ts';
import { makeIncarnation, makeTraceId, parseSpinId, type SpinId } from '../core/ids.ts';
import { converge } from '../lifecycle/converge.ts';
import { ResourceFailure, withRetries } from '../lifecycle/effects.ts';
import { type Decision, reconcile, refuseLoss } from '../lifecycle/reconcile.ts';
import { ReleaseTree } from '../lifecycle/release.ts';
import { survey } from '../lifecycle/survey.ts';
import { Watch } from '../lifecycle/watch.ts';
import { spinOf, type Work } from '../lifecycle/work.ts';
import { buildPlan } from '../plan/build.ts';
import type { Plan } from '../plan/plan.ts';
import { Fault } from '../providers/fault.ts';
import type { Enforcer, Provider } from '../providers/provider.ts';
import { showProblem } from '../spec/problems.ts';
import type { Spec } from '../spec/spec.ts';
import type { SpinRecord } from '../store/record.ts';
import { RECORD_SCHEMA } from '../store/record.ts';
import type { Session } from '../store/session.ts';
import type { App } from './context.ts';
import { deadlineOf } from './deadline.ts';
import { takeDown } from './down.ts';
import type { UpOutcome } from './outcomes.ts';
import { checkGuardrails, preflight } from './preflight.ts';
import { loadRequest, type SpecRequest } from './spec-request.ts';
import { durationOf } from './durations.ts';
import { notFound, takeLease, waiting, workOn } from './work-on.ts';
import { describeChanges, outcomeOf } from './up-outcome.ts';

export interface UpRequest extends SpecRequest {
  /** Return once the record and the preflight are done; a background process goes on. */
  readonly detach?: boolean;
  /** Wait for another process that holds the lease: a duration such as `2m`, or true for as long as it takes. */
  readonly wait?: string | true;
  /** What happens to what came up when something else did not. */
  readonly onFailure: 'keep' | 'rollback';
  /** The whole command must be done within this time; a duration such as `5m`. */
  readonly timeout?: string;
  /** Go on with the spec in the record of this spin: the background half of `detach`. */
  readonly resume?: string;
}

interface Wanted {
  readonly id: SpinId;
  readonly spec: Spec;
  readonly specFile: string;
  readonly warnings: readonly string[];
}

const ENFORCE_TIMEOUT_MS = 30_000;

/**
 * Brings a spin to what its spec asks for: makes it, resumes it, changes it, or finds that nothing is to be done.
 * @throws SpinError: `spec-*`, `budget-exceeded`, `limit-exceeded`, `lease-held`, `lease-lost`, `preflight-failed`,
 *   `change-refused`, `resource-failed`, `timeout`, `interrupted`
 */
export async function up(app: App, request: UpRequest): Promise<UpOutcome> {
  const began = app.clock.now();
  const timeout = timeoutOf(app, request.timeout);
  const wanted = await wantedBy(app, request);
  const provider = await app.provider(wanted.spec.provider);
  const plan = buildPlan(wanted.spec, provider);
  const known = await app.store.read(wanted.id);
  const warnings = [...wanted.warnings, ...checkGuardrails(app, plan, wanted.spec, known?.record)];
  const session = await claim(app, wanted, provider, request, timeout.signal).catch((thrown: unknown) => {
    timeout.cancel();
    throw thrown;
  });
  try {
    const work = workOn(app, session, provider, timeout.signal);
    return await bring(app, work, { wanted: { ...wanted, warnings }, plan, request, began });
  } finally {
    timeout.cancel();
    await session.close();
  }
}

interface Errand {
  readonly wanted: Wanted;
  readonly plan: Plan;
  readonly request: UpRequest;
  readonly began: number;
}

async function bring(app: App, work: Work, errand: Errand): Promise<UpOutcome> {
  const { session, call } = work;
  const { plan, request } = errand;
  const fresh = Object.keys(session.record.resources).length === 0 && session.record.readyAt === undefined;
  call.emit({ type: 'spin.requested', data: { command: 'up', waitedMs: call.clock.now() - errand.began } });
  const decisions = await decide(work, plan);
  refuseLoss(decisions);
  call.emit({ type: 'plan.made', data: { resources: plan.resources.length, hourly: plan.hourly } });
  const changes = describeChanges(decisions);
  if (fresh) await preflightOrForget(work, plan);
  const { deadline, readyAt } = session.record;
  await session.update((record) => adopt(app, record, errand, call.clock.now()));
  // At once, and not when everything is ready: what enforces the old deadline may strike before.
  if (readyAt !== undefined && session.record.deadline !== deadline) await enforce(work);

  if (decisions.every((decision) => decision.action === 'keep' && decision.stale.length === 0)) {
    // Nothing that runs is touched; what is known about it, such as its price, may be written down anew.
    await converge(work, decisions);
    await markReady(work);
    call.emit({ type: 'spin.unchanged' });
    return outcomeOf(app, work, { changes, warnings: errand.wanted.warnings, result: 'unchanged' });
  }
  if (request.detach === true) {
    app.spawnSelf([
      'up',
      '--resume',
      session.record.id,
      // This process has the lease until it ends.
      '--wait',
      '30s',
      '--on-failure',
      request.onFailure,
      ...(request.timeout === undefined ? [] : ['--timeout', request.timeout]),
    ]);
    return outcomeOf(app, work, { changes, warnings: errand.wanted.warnings, result: 'detached' });
  }
  const before = new Set(Object.keys(session.record.resources));
  try {
    await converge(work, decisions);
    await markReady(work);
  } catch (thrown) {
    throw await failed(app, work, thrown, request.onFailure, before);
  }
  call.emit({ type: 'spin.ready', ms: call.clock.now() - errand.began });
  // What never was up is resumed by making what is missing.
  const goesOn = readyAt === undefined ? ['keep', 'resume', 'create'] : ['keep', 'resume'];
  const resumed = decisions.every((decision) => goesOn.includes(decision.action));
  return outcomeOf(app, work, { changes, warnings: errand.wanted.warnings, result: fresh ? 'created' : resumed ? 'resumed' : 'changed' });
}

async function decide(work: Work, plan: Plan): Promise<readonly Decision[]> {
  const { resources, assessments } = await survey(work, work.session.record);
  return reconcile(plan, resources, assessments);
}

/** Nothing was made yet: a spin that cannot be made leaves no record behind. */
async function preflightOrForget(work: Work, plan: Plan): Promise<void> {
  try {
    await preflight(work, plan);
  } catch (thrown) {
    if (!work.call.signal.aborted) await work.session.remove();
    throw thrown;
  }
}

async function wantedBy(app: App, request: UpRequest): Promise<Wanted> {
  if (request.resume === undefined) {
    const { id, spec, file, warnings } = await loadRequest(app, request);
    return { id, spec, specFile: file, warnings: warnings.map((warning) => showProblem(warning)) };
  }
  const id = parseSpinId(request.resume);
  const stored = await app.store.read(id);
  if (stored === undefined || stored.record.releasedAt !== undefined) return notFound(app, id);
  return { id, spec: stored.record.spec, specFile: stored.record.specFile, warnings: [] };
}

/** Takes the lease; what is expired or half taken down is first taken down to the end, so that one ID never means two lives. */
async function claim(app: App, wanted: Wanted, provider: Provider, request: UpRequest, timeout: AbortSignal | undefined): Promise<Session> {
  for (;;) {
    const session = await takeLease(app, {
      id: wanted.id,
      command: 'up',
      take: 'claim',
      ...waiting(request.wait),
      ...(timeout === undefined ? {} : { timeout }),
      create: () => newRecord(app, wanted),
    });
    if (session === undefined) throw new InternalError('a lease with a record to create was not given');
    const { record } = session;
    try {
      const over = record.desired === 'down' || app.clock.now() >= record.deadline;
      if (!over) {
        refuseMove(record, wanted, provider);
        return session;
      }
      const work = workOn(app, session, await app.provider(record.provider), timeout);
      work.call.emit({ type: 'spin.requested', phase: 'drain', data: { command: 'down', before: 'up' } });
      await takeDown(app, work, true);
    } catch (thrown) {
      await session.close();
      throw thrown;
    }
    await session.close();
  }
}

function refuseMove(record: SpinRecord, wanted: Wanted, provider: Provider): void {
  if (record.provider === provider.name) return;
  throw new SpinError('change-refused', `${wanted.id} runs on ${record.provider}; the spec now says ${provider.name}`, {
    hint: `spin down ${wanted.id}, then spin up`,
  });
}

/** It lives from now on: the time that was spent waiting for another's lease is not taken from its TTL. */
function newRecord(app: App, wanted: Wanted): SpinRecord {
  const { spec, id, specFile } = wanted;
  const now = app.clock.now();
  return {
    schema: RECORD_SCHEMA,
    id,
    incarnation: makeIncarnation(now),
    trace: makeTraceId(),
    provider: spec.provider,
    owner: spec.owner,
    tags: spec.tags,
    spec,
    specFile,
    desired: 'up',
    createdAt: now,
    updatedAt: now,
    deadline: deadlineOf(app, now + spec.ttlMs, spec.tags),
    enforcers: [],
    resources: {},
    generations: {},
    spent: [],
  };
}

/** The record takes the wanted spec on. A deadline moves only when the TTL itself was changed. */
function adopt(app: App, record: SpinRecord, errand: Errand, now: number): SpinRecord {
  const { spec, specFile } = errand.wanted;
  const wished = spec.ttlMs === record.spec.ttlMs ? record.deadline : record.createdAt + spec.ttlMs;
  const deadline = deadlineOf(app, wished, spec.tags);
  if (deadline <= now) {
    throw new SpinError(
      'change-refused',
      `the TTL of ${formatDuration(spec.ttlMs)} is over for ${record.id}, which is ${formatDuration(now - record.createdAt)} old`,
      {
        hint: `give a longer ttl, or: spin down ${record.id}`,
      },
    );
  }
  const { failure: _mended, ...rest } = record;
  return { ...rest, spec, specFile, owner: spec.owner, tags: spec.tags, desired: 'up', deadline, updatedAt: now };
}

async function markReady(work: Work): Promise<void> {
  const enforcers = await enforce(work);
  const now = work.call.clock.now();
  await work.session.update((latest) => ({ ...latest, enforcers, readyAt: latest.readyAt ?? now, updatedAt: now }));
}

function enforce(work: Work): Promise<readonly Enforcer[]> {
  const { session, provider, call } = work;
  const giveUpAt = call.clock.now() + ENFORCE_TIMEOUT_MS;
  return withRetries(work, giveUpAt, () => provider.enforce(spinOf(session.record), session.record.deadline, session.fence, call));
}

/** Notes a failure, rolls back where asked, and makes the error that the command ends with. */
async function failed(
  app: App,
  work: Work,
  thrown: unknown,
  onFailure: UpRequest['onFailure'],
  before: ReadonlySet<string>,
): Promise<unknown> {
  const { session, call } = work;
  const stopped = call.signal.aborted && !(isSpinError(call.signal.reason) && call.signal.reason.code === 'timeout');
  if (stopped || thrown instanceof InternalError) return thrown;
  const fault = noteOf(thrown);
  call.emit({ type: 'spin.failed', fault });
  await session.update((record) => ({ ...record, failure: fault, updatedAt: call.clock.now() }));
  if (onFailure === 'keep') return failure(session.record.id, thrown, fault, false);
  try {
    await rollBack(app, workOn(app, session, work.provider), before);
  } catch (broken) {
    if (app.signal.aborted || session.lost.aborted || broken instanceof InternalError) return broken;
    // Why it did not come up must not be hidden by what could not be taken back.
    const { message } = failure(session.record.id, thrown, fault, false);
    return new SpinError('release-failed', `${message}; and its rollback failed: ${messageOf(broken)}`, {
      hint: `spin down ${session.record.id}`,
      data: { ...(isSpinError(broken) ? broken.data : {}), id: session.record.id, fault, rolledBack: false },
      cause: thrown,
    });
  }
  return failure(session.record.id, thrown, fault, true);
}

function noteOf(thrown: unknown): FaultNote {
  if (thrown instanceof ResourceFailure) return thrown.fault;
  if (thrown instanceof Fault) return thrown.note();
  return { class: isSpinError(thrown) ? thrown.code : 'failed', message: messageOf(thrown) };
}

/** A spin that never was up goes away; one that was up loses only what this command made. */
async function rollBack(app: App, work: Work, before: ReadonlySet<string>): Promise<void> {
  const { record } = work.session;
  if (record.readyAt === undefined) {
    await takeDown(app, work, true);
    return;
  }
  const made = Object.values(record.resources).filter((resource) => !before.has(resource.key));
  await new ReleaseTree(work, new Watch(work), made).releaseAll();
}

function failure(id: SpinId, thrown: unknown, fault: FaultNote, rolledBack: boolean): SpinError {
  const code = isSpinError(thrown) ? thrown.code : 'resource-failed';
  const key = thrown instanceof ResourceFailure ? thrown.key : undefined;
  return new SpinError(code, key === undefined ? fault.message : `${key} failed (${fault.class}): ${fault.message}`, {
    hint: rolledBack
      ? 'it was rolled back; add --on-failure keep to look at it'
      : `spin logs ${id}; then spin up goes on, or spin down ${id}`,
    data: { id, ...(key === undefined ? {} : { resource: key }), fault, rolledBack },
    cause: thrown,
  });
}

function timeoutOf(app: App, timeout: string | undefined): { readonly signal: AbortSignal | undefined; cancel(): void } {
  if (timeout === undefined) return { signal: undefined, cancel: () => undefined };
  const ms = durationOf('--timeout', timeout);
  const over = new AbortController();
  const done = new AbortController();
  void app.clock.sleep(ms, done.signal).then(
    () => over.abort(new SpinError('timeout', `not up within ${timeout}`)),
    () => undefined,
  );
  return { signal: over.signal, cancel: () => done.abort() };
}
