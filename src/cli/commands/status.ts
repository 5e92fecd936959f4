import { type Command, given, result } from '../command.ts';

export const status: Command = {
  name: 'status',
  group: 'Look',
  summary: 'Show one spin: what was written down, and what its provider says now',
  args: [{ form: '[id]', summary: 'spin ID (default: that of the spec here)', completes: 'spin' }],
  options: [],
  examples: [
    ['spin status web', 'resources, instances, endpoints, deadline'],
    ['spin status -q web', 'its state in one word'],
  ],
  mutates: false,
  async run(app, input) {
    const [{ status: run }, { viewStatus }] = await Promise.all([import('../../app/status.ts'), import('../views/status.ts')]);
    const outcome = await run(app, given({ id: input.arg('id') }));
    return result(outcome, viewStatus, { brief: ({ state }) => state });
  },
};
