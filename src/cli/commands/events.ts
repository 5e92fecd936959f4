import { type Command, given, result, stream } from '../command.ts';

export const events: Command = {
  name: 'events',
  group: 'Look',
  summary: 'Show the journal of a spin, and its timings',
  description: 'With --follow --output json, one document per line.',
  args: [{ form: '[id]', summary: 'spin ID (default: that of the spec here)', completes: 'spin' }],
  options: [{ flags: '-f, --follow', summary: 'go on as events come' }],
  examples: [
    ['spin events web', 'what happened, and how long each phase took'],
    ['spin events web --follow -o json', 'one document per event, for a script'],
  ],
  mutates: false,
  async run(app, input) {
    const [{ events: run, followEvents }, { viewEvent, viewEvents }] = await Promise.all([
      import('../../app/events.ts'),
      import('../views/events.ts'),
    ]);
    const id = given({ id: input.arg('id') });
    if (input.flag('follow')) return stream(followEvents(app, id), viewEvent);
    return result(await run(app, id), viewEvents);
  },
};
