import { describe, expect, it } from 'vitest';
import { addMoney, costOver, usd, type Known, type NanoUsd } from '../../src/core/money.ts';
import type { Plan, PlannedResource, ResourceKind } from '../../src/plan/plan.ts';
import { guardrails } from '../../src/policy/guardrails.ts';
import { HOUR, resource } from '../cost/records.ts';

function planned(kind: ResourceKind, name: string, hourly: Known<NanoUsd>, count = 1): PlannedResource {
  const { address, desire, digest, strategy } = resource({ kind, name });
  return { address, kind, desire, count, digest, strategy, needs: [], hourly };
}

function plan(...resources: readonly PlannedResource[]): Plan {
  const hourly = addMoney(resources.map((each) => each.hourly));
  return { resources, hourly, untilTtl: costOver(hourly, 4 * HOUR), ttlMs: 4 * HOUR };
}

const free = { budget: {} };

describe('a budget', () => {
  const two = plan(planned('keeper', 'keeper', 0), planned('service', 'web', usd(2)));

  it('that is kept to, to the last nano-dollar, is silent', () => {
    expect(
      guardrails(two, { budget: { perHour: usd(2), total: usd(8) } }, { maxHourly: usd(2), maxTotal: usd(8), maxInstances: 1 }),
    ).toEqual({ refusals: [], warnings: [] });
  });

  it('of the spec and a limit of the config are refusals that name both amounts and where they stand', () => {
    expect(guardrails(two, { budget: { perHour: usd(1.5), total: usd(7) } }, { maxHourly: usd(1), maxTotal: usd(5) }).refusals).toEqual([
      { code: 'budget-exceeded', message: 'the plan costs $2.00 per hour; the budget of the spec (budget.perHour) is $1.50' },
      { code: 'budget-exceeded', message: 'the plan costs $8.00 until its TTL ends; the budget of the spec (budget.total) is $7.00' },
      { code: 'budget-exceeded', message: 'the plan costs $2.00 per hour; the limit of the config (limits.maxHourly) is $1.00' },
      { code: 'budget-exceeded', message: 'the plan costs $8.00 until its TTL ends; the limit of the config (limits.maxTotal) is $5.00' },
    ]);
  });

  it('in total counts what the spin has cost before', () => {
    const budget = { budget: { total: usd(9) } };
    expect(guardrails(two, budget, {}, usd(1)).refusals).toEqual([]);
    expect(guardrails(two, budget, {}, usd(1.5)).refusals).toMatchObject([
      { message: expect.stringContaining('$9.50 until its TTL ends') },
    ]);
    expect(guardrails(two, budget, {}, 'unknown').warnings).toMatchObject([
      expect.stringContaining('no price is known for what ran before'),
    ]);
  });

  it('of nothing allows nothing that costs, and everything that is free', () => {
    expect(guardrails(two, { budget: { perHour: 0 } }, {}).refusals).toHaveLength(1);
    expect(guardrails(plan(planned('service', 'web', 0)), { budget: { perHour: 0, total: 0 } }, {}).refusals).toEqual([]);
  });
});

describe('an unknown price', () => {
  const vague = plan(planned('service', 'web', usd(2)), planned('service', 'db', 'unknown'));

  it('is a warning where a budget is set, and silent where none is', () => {
    expect(guardrails(vague, { budget: { perHour: usd(3) } }, {})).toEqual({
      refusals: [],
      warnings: ['the budget of the spec (budget.perHour) of $3.00 per hour is not enforced: no price is known for service.db'],
    });
    expect(guardrails(vague, free, {})).toEqual({ refusals: [], warnings: [] });
  });

  it('is no way around a budget that the known prices alone exceed', () => {
    expect(guardrails(vague, { budget: { perHour: usd(1) } }, {})).toEqual({
      refusals: [
        { code: 'budget-exceeded', message: 'the plan costs at least $2.00 per hour; the budget of the spec (budget.perHour) is $1.00' },
      ],
      warnings: [],
    });
  });
});

it('counts the instances of services alone', () => {
  const three = plan(
    planned('keeper', 'keeper', 0),
    planned('service', 'web', 0, 2),
    planned('service', 'db', 0),
    planned('route', 'web', 0),
  );
  expect(guardrails(three, free, { maxInstances: 3 }).refusals).toEqual([]);
  expect(guardrails(three, free, { maxInstances: 2 }).refusals).toEqual([
    { code: 'limit-exceeded', message: 'the plan has 3 instances; the limit of the config (limits.maxInstances) is 2' },
  ]);
});
