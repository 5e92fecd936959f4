import { type Command, given, result } from '../command.ts';

const FORMATS = ['env', 'json', 'credential-process'] as const;

export const creds: Command = {
  name: 'creds',
  group: 'Look',
  summary: 'Print short-lived credentials that reach one spin and nothing else',
  description: 'For clouds. They end with the time asked for, and never after the deadline of the spin.',
  args: [{ form: '[id]', summary: 'spin ID (default: that of the spec here)', completes: 'spin' }],
  options: [
    { flags: '--duration <duration>', summary: 'how long they hold (default: 1h)' },
    {
      flags: '--format <format>',
      summary: 'env for a shell to evaluate, or credential-process for an AWS profile (default: env)',
      choices: FORMATS,
    },
  ],
  examples: [
    ['spin creds pr-42 --duration 30m', 'export lines, for eval'],
    ['spin creds pr-42 --format credential-process', 'for credential_process in an AWS profile'],
  ],
  mutates: false,
  async run(app, input) {
    const [{ credentials: run }, { viewCredentials }] = await Promise.all([
      import('../../app/credentials.ts'),
      import('../views/credentials.ts'),
    ]);
    const outcome = await run(app, given({ id: input.arg('id'), duration: input.text('duration') }));
    const format = FORMATS.find((each) => each === input.text('format')) ?? 'env';
    const { warnings } = outcome;
    return result(outcome, (clean) => viewCredentials(clean, format), { brief: (clean) => viewCredentials(clean, format), warnings });
  },
};
