import { type Command, given, result } from '../command.ts';
import { OWNER_FILTER, TAG_FILTER, filters } from '../options.ts';

export const cost: Command = {
  name: 'cost',
  group: 'Look',
  summary: 'Show what spins cost, so far and until their deadlines',
  description:
    'Released spins stay in the ledger and are part of it. A price that is not known is shown as unknown, never as zero. With --billed it asks before it spends.',
  args: [{ form: '[id]', summary: 'only this spin', completes: 'spin' }],
  options: [
    { flags: '--by <key>', summary: 'spin, owner, service, provider, or tag:NAME (default: spin)' },
    { flags: '--since <duration>', summary: 'only what was spent in so much time until now, such as 7d' },
    { flags: '--from <time>', summary: 'only what was spent from here on, such as 2026-12-01' },
    { flags: '--to <time>', summary: 'only what was spent up to here' },
    OWNER_FILTER,
    TAG_FILTER,
    { flags: '--billed', summary: 'also ask the cloud what it billed; each request costs 0.01 USD' },
  ],
  examples: [
    ['spin cost', 'per spin'],
    ['spin cost --by tag:team --since 30d', 'per team, over a month'],
    ['spin cost --billed --since 7d', 'estimate, bill and what bears no tag, side by side'],
  ],
  mutates: false,
  asks: true,
  async run(app, input) {
    const [{ cost: run }, { viewCost }] = await Promise.all([import('../../app/cost.ts'), import('../views/cost.ts')]);
    const outcome = await run(app, {
      billed: input.flag('billed'),
      ...filters(input),
      ...given({ id: input.arg('id'), by: input.text('by'), since: input.text('since'), from: input.text('from'), to: input.text('to') }),
    });
    return result(outcome, viewCost);
  },
};
