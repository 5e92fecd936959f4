import { type Command, given, result } from '../command.ts';

export const adopt: Command = {
  name: 'adopt',
  group: 'Set up',
  summary: 'Make a record of a spin that has none, from its tags',
  description:
    'For a state folder that was lost, or a spin of another one. With the spec that it was made from, spin up goes on where it was; without it the record is enough to look, to price and to take down, until it is adopted once more with its spec.',
  args: [{ form: '<id>', summary: 'spin ID, as spin ls --cloud shows it' }],
  options: [{ flags: '-f, --file <file>', summary: 'the spec that it was made from, or - for standard input' }],
  examples: [
    ['spin ls --cloud', 'what there is to adopt'],
    ['spin adopt pr-42 -f spin.yaml', 'with the spec that it was made from'],
  ],
  mutates: true,
  asks: true,
  async run(app, input) {
    const [{ adopt: run }, { viewAdopt }] = await Promise.all([import('../../app/adopt.ts'), import('../views/adopt.ts')]);
    const outcome = await run(app, { id: input.arg('id') ?? '', ...given({ file: input.text('file') }) });
    return result(outcome, viewAdopt, { brief: ({ id }) => id });
  },
};
