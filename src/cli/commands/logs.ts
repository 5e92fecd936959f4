import type { ShownLine } from '../../app/logs.ts';
import { type Command, given, result, stream } from '../command.ts';
import { count } from '../options.ts';

export const logs: Command = {
  name: 'logs',
  group: 'Look',
  summary: 'Show what services print',
  description: 'On a terminal, escape sequences other than colours are left out. With --follow --output json, one document per line.',
  args: [
    { form: '[id]', summary: 'spin ID (default: that of the spec here)', completes: 'spin' },
    { form: '[service]', summary: 'only this service', completes: 'service' },
  ],
  options: [
    { flags: '-f, --follow', summary: 'go on as lines come' },
    { flags: '--since <duration>', summary: 'only lines younger than this, such as 10m' },
    { flags: '--tail <lines>', summary: 'only the last lines of each instance' },
  ],
  examples: [
    ['spin logs web', 'every service of the spin web'],
    ['spin logs web api --follow --tail 20', 'one service, as it goes on'],
  ],
  mutates: false,
  async run(app, input) {
    const [{ logs: run }, { viewLogLine, viewLogs }] = await Promise.all([import('../../app/logs.ts'), import('../views/logs.ts')]);
    const id = input.arg('id');
    const follow = input.flag('follow');
    const lines = run(app, {
      ...given({ id, service: input.arg('service'), since: input.text('since'), tail: count(input, 'tail') }),
      follow,
    });
    if (follow || !input.json) return stream(lines, viewLogLine);
    const all: ShownLine[] = [];
    for await (const line of lines) all.push(line);
    return result({ lines: all }, viewLogs);
  },
};
