import { SpinError } from '../core/errors.ts';
import type { Known, NanoUsd } from '../core/money.ts';
import { costOfIntervals, intervalsOf } from '../cost/intervals.ts';
import { spinOf, type Work } from '../lifecycle/work.ts';
import type { Plan } from '../plan/plan.ts';
import { guardrails } from '../policy/guardrails.ts';
import type { Spec } from '../spec/spec.ts';
import type { SpinRecord } from '../store/record.ts';
import type { App } from './context.ts';
import { deadlineFor } from './deadline.ts';

/** What the present life of a spin has cost; nothing where it has none. */
export function spentOn(app: App, record: SpinRecord | undefined): Known<NanoUsd> {
  if (record === undefined || record.releasedAt !== undefined) return 0;
  return costOfIntervals(intervalsOf(record, app.clock.now()));
}

/** Holds a plan against budget and limits, with what the spin has cost already. @returns warnings @throws SpinError `budget-exceeded`, `limit-exceeded` */
export function checkGuardrails(app: App, plan: Plan, spec: Spec, record: SpinRecord | undefined): readonly string[] {
  const result = guardrails(remaining(app, plan, spec, record), spec, app.config.settings.limits, spentOn(app, record));
  const [first] = result.refusals;
  if (first !== undefined) throw new SpinError(first.code, result.refusals.map((refusal) => refusal.message).join('; '));
  return result.warnings;
}

/** The plan for the time that is left: what has passed is in what was spent, and must not be counted twice. */
export function remaining(app: App, plan: Plan, spec: Spec, record: SpinRecord | undefined): Plan {
  return { ...plan, ttlMs: Math.max(0, deadlineFor(app, spec, record) - app.clock.now()) };
}

/** The provider's checks before the first creating call. @throws SpinError `preflight-failed`, naming every check that failed */
export async function preflight(work: Work, plan: Plan): Promise<void> {
  const checks = await work.provider.preflight(spinOf(work.session.record), plan, work.call);
  const failed = checks.filter((check) => !check.ok);
  const [first] = failed;
  if (first === undefined) return;
  throw new SpinError('preflight-failed', failed.map((check) => `${check.name}: ${check.detail}`).join('; '), {
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    data: { checks: failed },
  });
}
