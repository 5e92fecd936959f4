import { isoTime } from '../core/clock.ts';
import { costOver } from '../core/money.ts';
import { reconcile } from '../lifecycle/reconcile.ts';
import { survey } from '../lifecycle/survey.ts';
import { spinOf } from '../lifecycle/work.ts';
import { makeIncarnation, makeTraceId } from '../core/ids.ts';
import { guardrails } from '../policy/guardrails.ts';
import { showProblem } from '../spec/problems.ts';
import type { App } from './context.ts';
import { deadlineFor } from './deadline.ts';
import { silent } from './emitter.ts';
import type { PlanOutcome } from './outcomes.ts';
import { planFor } from './plan-for.ts';
import { remaining, spentOn } from './preflight.ts';
import { loadRequest, type SpecRequest } from './spec-request.ts';
import { describeChanges } from './up-outcome.ts';

/** What `up` would do, and what it would cost. Changes nothing, takes no lease. @throws SpinError as `up`, for spec and config */
export async function plan(app: App, request: SpecRequest): Promise<PlanOutcome> {
  const { id, spec, warnings } = await loadRequest(app, request);
  const provider = await app.provider(spec.provider);
  const call = { clock: app.clock, signal: app.signal, emit: silent };
  const wanted = await planFor(spec, provider, call);
  const stored = await app.store.read(id);
  const record = stored?.record.releasedAt === undefined && stored?.record.provider === provider.name ? stored.record : undefined;
  const existing = record === undefined ? undefined : await survey({ provider, call }, record);
  const decisions = reconcile(wanted, existing?.resources ?? [], existing?.assessments ?? new Map());
  // A running spin holds what it asks for itself; only what is not there yet can be checked for.
  const spin = record === undefined ? { id, incarnation: makeIncarnation(app.clock.now()), trace: makeTraceId() } : spinOf(record);
  const checks = record === undefined ? await provider.preflight(spin, wanted, call) : [];
  const guarded = guardrails(remaining(app, wanted, spec, record), spec, app.config.settings.limits, spentOn(app, record));
  const deadline = deadlineFor(app, spec, record);
  const msLeft = Math.max(0, deadline - app.clock.now());
  return {
    id,
    provider: provider.name,
    owner: spec.owner,
    exists: record !== undefined,
    changes: describeChanges(decisions),
    hourly: wanted.hourly,
    untilTtl: costOver(wanted.hourly, msLeft),
    ttlMs: spec.ttlMs,
    deadline: isoTime(deadline),
    msLeft,
    checks,
    refusals: [
      ...guarded.refusals.map((refusal) => refusal.message),
      ...decisions.filter((decision) => decision.action === 'refuse').map((decision) => `${decision.address}: ${decision.reason}`),
    ],
    warnings: [...warnings.map((warning) => showProblem(warning)), ...guarded.warnings],
  };
}
