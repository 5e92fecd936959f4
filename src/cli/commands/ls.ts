import type { CloudLsOutcome } from '../../app/outcomes.ts';
import { rowOf } from '../../core/error-codes.ts';
import { SpinError } from '../../core/errors.ts';
import { type Command, type Problem, given, result } from '../command.ts';
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
    { flags: '--cloud', summary: 'what the providers have by their tags, with a record or without' },
    { flags: '--wide', summary: 'deadline, price and tags too' },
  ],
  examples: [
    ['spin ls', 'every spin'],
    ['spin ls --owner me --only failed', 'mine that failed'],
    ['spin ls -q -t team=web', 'only the IDs, of one team'],
    ['spin ls --cloud', 'from tags alone, also what another state location owns'],
  ],
  mutates: false,
  async run(app, input) {
    if (input.flag('cloud')) {
      const [{ lsCloud }, { viewCloud }] = await Promise.all([import('../../app/cloud.ts'), import('../views/cloud.ts')]);
      if (input.flag('wide') || input.text('only') !== undefined || filters(input).tags !== undefined)
        throw new SpinError('usage', '--cloud lists what providers have, which has no state and is not filtered', {
          hint: 'spin ls --cloud',
        });
      const outcome = await lsCloud(app);
      const problem = problemOf(outcome);
      return result(outcome, viewCloud, {
        brief: ({ spins }) => spins.map((spin) => spin.id).join('\n'),
        exit: problem === undefined ? 0 : rowOf(problem.code).exit,
        problem,
      });
    }
    const [{ ls: run }, { viewLs }] = await Promise.all([import('../../app/ls.ts'), import('../views/ls.ts')]);
    const outcome = await run(app, { ...filters(input), ...given({ state: input.text('only') }) });
    const wide = input.flag('wide');
    return result(outcome, (clean, page) => viewLs(clean, page, wide), { brief: ({ spins }) => spins.map((spin) => spin.id).join('\n') });
  },
};

/** A provider that could not be asked at all must not look like one that has nothing. */
function problemOf({ unlisted }: CloudLsOutcome): Problem | undefined {
  const blind = unlisted.filter(({ inPart }) => inPart !== true).map(({ provider, problem }) => `${provider}: ${problem}`);
  if (blind.length === 0) return undefined;
  return { code: 'partly-done', message: `not all could be asked what is there: ${blind.join('; ')}`, hint: 'spin doctor' };
}
