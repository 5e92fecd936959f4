import { EXIT } from '../../core/error-codes.ts';
import { type Command, result } from '../command.ts';
import { SPEC_OPTIONS, specRequest } from '../options.ts';

export const plan: Command = {
  name: 'plan',
  group: 'Bring up',
  summary: 'Show what up would do, and what it would cost',
  description: 'Changes nothing. Exits with 5 where up would be refused by a budget or limit, and with 1 where a check fails.',
  args: [],
  options: SPEC_OPTIONS,
  examples: [
    ['spin plan', 'the resource graph, what would change, and the price'],
    ['spin plan -f review.yaml --ttl 2h', 'another spec, a shorter life'],
  ],
  mutates: false,
  async run(app, input) {
    const [{ plan: run }, { viewPlan }] = await Promise.all([import('../../app/plan.ts'), import('../views/plan.ts')]);
    const outcome = await run(app, specRequest(input));
    const failed = outcome.checks.some((check) => !check.ok);
    return result(outcome, viewPlan, { exit: outcome.refusals.length > 0 ? EXIT.declined : failed ? EXIT.failed : EXIT.done });
  },
};
