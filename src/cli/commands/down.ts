import type { DownOutcome } from '../../app/outcomes.ts';
import { ERROR_CODES, type ErrorCode, rowOf } from '../../core/error-codes.ts';
import { type Command, type Problem, given, result } from '../command.ts';
import { FILE, TAG_FILTER, WAIT, filters, waitOf } from '../options.ts';

export const down: Command = {
  name: 'down',
  group: 'End',
  summary: 'Take spins down, and prove that nothing is left',
  description: 'Works on a half-made spin, without the spec, and again. Takes over from an up that is still at work.',
  args: [{ form: '[ids...]', summary: 'spin IDs (default: that of the spec here)', completes: 'spin' }],
  options: [
    FILE,
    { flags: '--all', summary: 'every spin' },
    TAG_FILTER,
    WAIT,
    { flags: '--force', summary: 'go on though the evacuation hook fails' },
    { flags: '--incarnation <ulid>', summary: 'only this incarnation', hidden: true },
    { flags: '--expired', summary: 'called because the deadline passed', hidden: true },
  ],
  examples: [
    ['spin down web', 'one spin'],
    ['spin down --tag team=web --yes', 'all of a team, without asking'],
  ],
  mutates: true,
  asks: true,
  async run(app, input) {
    const [{ down: run }, { viewDown }] = await Promise.all([import('../../app/down.ts'), import('../views/down.ts')]);
    const ids = input.args('ids');
    const outcome = await run(app, {
      ids,
      ...filters(input),
      ...given({
        file: input.text('file'),
        incarnation: input.text('incarnation'),
        wait: waitOf(input),
      }),
      all: input.flag('all'),
      expired: input.flag('expired'),
      force: input.flag('force'),
    });
    const problem = problemOf(outcome);
    return result(outcome, viewDown, { exit: problem === undefined ? 0 : rowOf(problem.code).exit, problem });
  },
};

/** All is known to be gone: no problem. The only one asked for failed: its own. Some of many, or a provider that could not be asked: partly done. */
function problemOf({ spins }: DownOutcome): Problem | undefined {
  const failed = spins.filter((spin) => spin.result === 'failed');
  const [first] = failed;
  if (first === undefined) return blindness(spins);
  if (spins.length === 1) {
    return {
      code: codeOf(first.error?.code),
      message: first.error?.message ?? `${first.id} could not be proven gone`,
      ...hintOf(first.error?.hint),
    };
  }
  const names = failed.map((spin) => spin.id).join(', ');
  if (failed.length === spins.length)
    return { code: 'release-failed', message: `none of ${spins.length} spins could be taken down: ${names}` };
  return {
    code: 'partly-done',
    message: `${failed.length} of ${spins.length} spins could not be taken down: ${names}`,
    hint: `spin down ${first.id}`,
  };
}

/** A provider that could not be asked at all must not look like one that has nothing. */
function blindness(spins: DownOutcome['spins']): Problem | undefined {
  const blind = spins.filter(({ unlisted }) => unlisted !== undefined);
  if (blind.length === 0) return undefined;
  const why = blind.flatMap(({ unlisted = [], unasked = [] }) =>
    unasked.filter((line) => unlisted.some((provider) => line.startsWith(`${provider}: `))),
  );
  const names = blind.map(({ id }) => id).join(', ');
  return {
    code: 'partly-done',
    message: `not all could be asked what is left of ${names}: ${[...new Set(why)].join('; ')}`,
    hint: 'spin doctor',
  };
}

function codeOf(code: string | undefined): ErrorCode {
  return code !== undefined && Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'release-failed';
}

function hintOf(hint: string | undefined) {
  return hint === undefined ? {} : { hint };
}
