import { type Command, given, result } from '../command.ts';
import { SPEC_OPTIONS, WAIT, specRequest, waitOf } from '../options.ts';

export const up: Command = {
  name: 'up',
  group: 'Bring up',
  summary: 'Bring a spin up, or make it what its spec now says',
  description:
    'Run again on a healthy spin it changes nothing; with a changed spec it touches only what changed; after a failure or crash it resumes.',
  args: [],
  options: [
    ...SPEC_OPTIONS,
    { flags: '-d, --detach', summary: 'go on in the background' },
    WAIT,
    {
      flags: '--on-failure <action>',
      summary: 'what to do with a spin that did not come up (default: rollback without a terminal)',
      choices: ['keep', 'rollback'],
    },
    { flags: '--timeout <duration>', summary: 'give up after this time' },
    { flags: '--resume <id>', summary: 'go on with a spin by its record', hidden: true },
  ],
  examples: [
    ['spin up', 'the spec in this folder'],
    ['spin up --id pr-42 --ttl 4h', 'under another ID, for four hours'],
    ['spin up -f - < spec.yaml', 'a spec from standard input'],
    ['spin up --on-failure keep', 'leave what failed for a look'],
  ],
  mutates: true,
  async run(app, input) {
    const [{ up: run }, { viewUp, briefUp }] = await Promise.all([import('../../app/up.ts'), import('../views/up.ts')]);
    const asked = input.text('on-failure') ?? app.config.settings.onFailure;
    // A person can look at what failed; where nobody watches, nothing may stay.
    const onFailure = asked === 'keep' || (asked === undefined && input.interactive()) ? 'keep' : 'rollback';
    const outcome = await run(app, {
      ...specRequest(input),
      ...given({
        wait: waitOf(input),
        timeout: input.text('timeout'),
        resume: input.text('resume'),
      }),
      detach: input.flag('detach'),
      onFailure,
    });
    return result(outcome, viewUp, { brief: briefUp });
  },
};
