import { type Known, type NanoUsd, addMoney, costOver, formatMoney } from '../core/money.ts';
import type { Plan } from '../plan/plan.ts';
import type { Spec } from '../spec/spec.ts';

/** Limits of the config; one that is left out does not limit. */
export interface GuardrailLimits {
  readonly maxInstances?: number;
  readonly maxHourly?: NanoUsd;
  readonly maxTotal?: NanoUsd;
}

/** Why `up` must not go on: the code and message of the SpinError to throw. */
export interface Refusal {
  readonly code: 'budget-exceeded' | 'limit-exceeded';
  readonly message: string;
}

export interface Guarded {
  readonly refusals: readonly Refusal[];
  /** What could not be checked, because a price is unknown. */
  readonly warnings: readonly string[];
}

/**
 * Holds a plan to the budget of its spec and the limits of the config.
 * An unknown price is a warning, unless the known prices alone are too much.
 * @param spent what this incarnation has cost so far; it counts towards the totals
 */
export function guardrails(plan: Plan, spec: Pick<Spec, 'budget'>, limits: GuardrailLimits, spent: Known<NanoUsd> = 0): Guarded {
  const hourly = knownPart(plan);
  const total: Part = {
    known: costOver(hourly.known, plan.ttlMs) + (spent === 'unknown' ? 0 : spent),
    unknown: spent === 'unknown' ? [...hourly.unknown, 'what ran before'] : hourly.unknown,
  };
  const checks = [
    within(hourly, spec.budget.perHour, 'per hour', 'the budget of the spec (budget.perHour)'),
    within(total, spec.budget.total, 'until its TTL ends', 'the budget of the spec (budget.total)'),
    within(hourly, limits.maxHourly, 'per hour', 'the limit of the config (limits.maxHourly)'),
    within(total, limits.maxTotal, 'until its TTL ends', 'the limit of the config (limits.maxTotal)'),
  ];
  return {
    refusals: [...checks.flatMap(({ refusal }) => refusal ?? []), ...tooMany(plan, limits)],
    warnings: checks.flatMap(({ warning }) => warning ?? []),
  };
}

/** An amount of which some parts may be unknown. */
interface Part {
  readonly known: NanoUsd;
  /** What the unknown parts belong to. */
  readonly unknown: readonly string[];
}

function knownPart({ resources }: Plan): Part {
  return {
    known: addMoney(resources.flatMap(({ hourly }) => (hourly === 'unknown' ? [] : [hourly]))),
    unknown: resources.filter(({ hourly }) => hourly === 'unknown').map(({ address }) => address),
  };
}

function within(
  { known, unknown }: Part,
  limit: NanoUsd | undefined,
  span: string,
  what: string,
): { readonly refusal?: Refusal; readonly warning?: string } {
  if (limit === undefined) return {};
  if (known > limit) {
    const amount = unknown.length === 0 ? formatMoney(known) : `at least ${formatMoney(known)}`;
    return { refusal: { code: 'budget-exceeded', message: `the plan costs ${amount} ${span}; ${what} is ${formatMoney(limit)}` } };
  }
  if (unknown.length > 0)
    return { warning: `${what} of ${formatMoney(limit)} ${span} is not enforced: no price is known for ${unknown.join(', ')}` };
  return {};
}

function tooMany({ resources }: Plan, { maxInstances }: GuardrailLimits): readonly Refusal[] {
  const instances = resources.reduce((sum, { kind, count }) => sum + (kind === 'service' ? count : 0), 0);
  if (maxInstances === undefined || instances <= maxInstances) return [];
  return [
    {
      code: 'limit-exceeded',
      message: `the plan has ${instances} instances; the limit of the config (limits.maxInstances) is ${maxInstances}`,
    },
  ];
}
