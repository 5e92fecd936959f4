import type { GcOutcome } from '../../app/outcomes.ts';
import { rowOf } from '../../core/error-codes.ts';
import { type Command, type Problem, given, result } from '../command.ts';
import { count, percent } from '../options.ts';

export const gc: Command = {
  name: 'gc',
  group: 'End',
  summary: 'Sweep what is expired, broken or owned by no record',
  description:
    'Made for cron. A spin with a tag keep=YYYY-MM-DD is left alone until that day ends. A sweep that would delete suspiciously much deletes nothing and exits with 5.',
  args: [],
  options: [
    { flags: '-n, --dry-run', summary: 'say what would go, and why' },
    { flags: '--grace <duration>', summary: 'how old an orphan must be (default: 10m)' },
    { flags: '--max-spins <n>', summary: 'stop if more than this many would go' },
    { flags: '--max-percent <n>', summary: 'stop if more than this share would go' },
    { flags: '--force', summary: 'sweep however much it is' },
  ],
  examples: [
    ['spin gc --dry-run', 'every verdict with its reason'],
    ['spin gc --yes --quiet', 'the line for cron'],
  ],
  mutates: true,
  asks: true,
  resume: 'spin gc',
  async run(app, input) {
    const [{ gc: run }, { viewGc }] = await Promise.all([import('../../app/gc.ts'), import('../views/gc.ts')]);
    const outcome = await run(app, {
      ...given({ grace: input.text('grace'), maxSpins: count(input, 'max-spins'), maxPercent: percent(input, 'max-percent') }),
      dryRun: input.flag('dry-run'),
      force: input.flag('force'),
    });
    const problem = problemOf(outcome);
    return result(outcome, viewGc, { exit: problem === undefined ? 0 : rowOf(problem.code).exit, problem });
  },
};

function problemOf({ swept, unlisted, unasked }: GcOutcome): Problem | undefined {
  const failed = swept.filter((row) => row.result === 'failed');
  // Nobody watches a cron line: credentials that are over must not look like a clean sweep.
  const blind = unasked.filter((line) => unlisted.some((provider) => line.startsWith(`${provider}: `)));
  if (failed.length === 0)
    return blind.length === 0
      ? undefined
      : { code: 'partly-done', message: `not all could be asked what is there: ${blind.join('; ')}`, hint: 'spin doctor' };
  const what = failed.map((row) => row.subject).join(', ');
  const code = failed.length === swept.length ? 'release-failed' : 'partly-done';
  return { code, message: `${failed.length} of ${swept.length} could not be swept: ${what}`, hint: 'spin gc' };
}
