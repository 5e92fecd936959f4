import { SpinError } from '../../core/errors.ts';
import { type Command, given, result } from '../command.ts';
import { WAIT, waitOf } from '../options.ts';

export const extend: Command = {
  name: 'extend',
  group: 'Bring up',
  summary: 'Move the deadline of a spin',
  args: [{ form: '[id]', summary: 'spin ID (default: that of the spec here)', completes: 'spin' }],
  options: [
    { flags: '--by <duration>', summary: 'later by this much' },
    { flags: '--ttl <duration>', summary: 'this long from now on' },
    WAIT,
  ],
  examples: [
    ['spin extend web --by 2h', 'two hours more'],
    ['spin extend web --ttl 10m', 'ten minutes from now, also where that is sooner'],
  ],
  mutates: true,
  async run(app, input) {
    const [by, ttl] = [input.text('by'), input.text('ttl')];
    if ((by === undefined) === (ttl === undefined)) {
      const problem = by === undefined ? 'extend needs --by or --ttl' : 'extend takes --by or --ttl, not both';
      throw new SpinError('usage', problem, { hint: `spin extend ${input.arg('id') ?? 'ID'} --by 1h` });
    }
    const [{ extend: run }, { viewExtend }] = await Promise.all([import('../../app/extend.ts'), import('../views/extend.ts')]);
    const outcome = await run(app, given({ id: input.arg('id'), by, ttl, wait: waitOf(input) }));
    return result(outcome, viewExtend, { brief: ({ deadline }) => deadline });
  },
};
