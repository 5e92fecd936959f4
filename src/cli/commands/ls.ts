import { type Command, given, result } from '../command.ts';
import { OWNER_FILTER, TAG_FILTER, filters } from '../options.ts';

export const ls: Command = {
  name: 'ls',
  group: 'Look',
  summary: 'List spins',
  args: [],
  options: [
    TAG_FILTER,
    OWNER_FILTER,
    {
      flags: '--only <state>',
      summary: 'only spins in this state',
      choices: ['starting', 'up', 'degraded', 'failed', 'stopping', 'expired'],
    },
    { flags: '--wide', summary: 'deadline, price and tags too' },
  ],
  examples: [
    ['spin ls', 'every spin'],
    ['spin ls --owner me --only failed', 'mine that failed'],
    ['spin ls -q -t team=web', 'only the IDs, of one team'],
  ],
  mutates: false,
  async run(app, input) {
    const [{ ls: run }, { viewLs }] = await Promise.all([import('../../app/ls.ts'), import('../views/ls.ts')]);
    const outcome = await run(app, { ...filters(input), ...given({ state: input.text('only') }) });
    const wide = input.flag('wide');
    return result(outcome, (clean, page) => viewLs(clean, page, wide), { brief: ({ spins }) => spins.map((spin) => spin.id).join('\n') });
  },
};
