import { isoTime } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import { SpinError } from '../core/errors.ts';
import { canonicalJson, type SpinId } from '../core/ids.ts';
import { converge } from '../lifecycle/converge.ts';
import { withRetries } from '../lifecycle/retries.ts';
import { type Decision, reconcile, refuseLoss } from '../lifecycle/reconcile.ts';
import { survey } from '../lifecycle/survey.ts';
import { spinOf, type Work } from '../lifecycle/work.ts';
import type { Plan } from '../plan/plan.ts';
import type { Enforcer } from '../providers/provider.ts';
import type { SpinRecord } from '../store/record.ts';
import { adopt, claim, type Wanted, wantedBy } from './claim.ts';
import type { App } from './context.ts';
import { durationOf } from './durations.ts';
import { silent } from './emitter.ts';
import type { UpOutcome } from './outcomes.ts';
import { planFor } from './plan-for.ts';
import { checkGuardrails, preflight } from './preflight.ts';
import type { SpecRequest } from './spec-request.ts';
import { failed } from './up-failure.ts';
import { describeChanges, outcomeOf } from './up-outcome.ts';
import { begin } from './work-on.ts';

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

const ENFORCE_TIMEOUT_MS = 30_000;
/** Whoever asks for a spin that stands wants to use it, and an `up` alone moves no deadline. */
const ENDS_SOON_MS = 60_000;

/**
 * Brings a spin to what its spec asks for: makes it, resumes it, changes it, or finds that nothing is to be done.
 * @throws SpinError: `spec-*`, `budget-exceeded`, `limit-exceeded`, `lease-held`, `lease-lost`, `preflight-failed`,
 *   `change-refused`, `resource-failed`, `timeout`, `interrupted`
 */
export async function up(app: App, request: UpRequest): Promise<UpOutcome> {
  const began = app.clock.now();
  const wanted = await wantedBy(app, request);
  const timeout = timeoutOf(app, request.timeout, wanted.id, began);
  const provider = await app.provider(wanted.spec.provider);
  const plan = await planFor(wanted.spec, provider, { clock: app.clock, signal: app.signal, emit: silent });
  const known = await app.store.read(wanted.id);
  const warnings = [...wanted.warnings, ...checkGuardrails(app, plan, wanted.spec, known?.record)];
  const session = await claim(app, wanted, provider, request.wait, timeout.signal).catch((thrown: unknown) => {
    timeout.cancel();
    throw thrown;
  });
  try {
    const work = begin(app, session, provider, { command: 'up', began }, timeout.signal);
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
  const decisions = await decide(work, plan);
  refuseLoss(decisions, session.record.id);
  call.emit({ type: 'plan.made', data: { resources: plan.resources.length, hourly: plan.hourly } });
  const changes = describeChanges(decisions);
  if (fresh) await preflightOrForget(work, plan);
  else if (decisions.some(makes)) await preflight(work, plan);
  const before = session.record;
  const { deadline, readyAt } = before;
  await session.update((record) => adopt(app, record, errand.wanted, call.clock.now()));
  // At once, and not when everything is ready: what enforces the old deadline may strike before.
  if (readyAt !== undefined && session.record.deadline !== deadline) await enforce(work);

  const moved = fresh ? [] : whatMoved(before, session.record);
  const ending = readyAt === undefined ? [] : endsSoon(session.record, call.clock.now());
  const facts = { changes, warnings: [...errand.wanted.warnings, ...moved, ...ending] };
  if (decisions.every((decision) => decision.action === 'keep' && decision.stale.length === 0)) {
    // Nothing that runs is touched; what is known about it, such as its price, may be written down anew.
    await converge(work, decisions);
    await markReady(work);
    if (moved.length === 0) call.emit({ type: 'spin.unchanged' });
    else call.emit({ type: 'spin.ready', ms: call.clock.now() - errand.began });
    return outcomeOf(app, work, { ...facts, result: moved.length === 0 ? 'unchanged' : 'changed' });
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
    return outcomeOf(app, work, { ...facts, result: 'detached' });
  }
  const standing = new Set(Object.keys(session.record.resources));
  try {
    await converge(work, decisions);
    await markReady(work);
  } catch (thrown) {
    throw await failed(app, work, thrown, request.onFailure, standing);
  }
  call.emit({ type: 'spin.ready', ms: call.clock.now() - errand.began });
  // What never was up is resumed by making what is missing.
  const goesOn = readyAt === undefined ? ['keep', 'resume', 'create'] : ['keep', 'resume'];
  const resumed = decisions.every((decision) => goesOn.includes(decision.action));
  return outcomeOf(app, work, { ...facts, result: fresh ? 'created' : resumed ? 'resumed' : 'changed' });
}

/** What changed about the spin itself, which no process notices and its user should. */
function whatMoved(before: SpinRecord, after: SpinRecord): readonly string[] {
  return [
    ...(before.deadline === after.deadline ? [] : [`the deadline moved from ${isoTime(before.deadline)} to ${isoTime(after.deadline)}`]),
    ...(before.owner === after.owner ? [] : [`the owner changed from ${before.owner} to ${after.owner}`]),
    ...(canonicalJson(before.tags) === canonicalJson(after.tags) ? [] : ['the tags changed']),
  ];
}

function endsSoon({ id, deadline }: SpinRecord, now: number): readonly string[] {
  return deadline - now > ENDS_SOON_MS ? [] : [`${id} ends in ${formatDuration(deadline - now)}: spin extend ${id} --by 1h`];
}

function makes({ action }: Decision): boolean {
  return action === 'create' || action === 'replace' || action === 'scale-up';
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

function timeoutOf(
  app: App,
  timeout: string | undefined,
  id: SpinId,
  began: number,
): { readonly signal: AbortSignal | undefined; cancel(): void } {
  if (timeout === undefined) return { signal: undefined, cancel: () => undefined };
  const ms = durationOf('--timeout', timeout);
  const over = new AbortController();
  const done = new AbortController();
  void app.clock.sleep(Math.max(0, began + ms - app.clock.now()), done.signal).then(
    () => over.abort(new SpinError('timeout', `not up within ${timeout}`, { data: { id } })),
    () => undefined,
  );
  return { signal: over.signal, cancel: () => done.abort() };
}
