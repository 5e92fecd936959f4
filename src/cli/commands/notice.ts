import { type Command, result } from '../command.ts';

export const notice: Command = {
  name: 'notice',
  group: 'Look',
  summary: 'Write down that instances have failed for good',
  description: 'Called by a keeper that gave an instance up.',
  args: [{ form: '<id>', summary: 'spin ID' }],
  options: [{ flags: '--incarnation <ulid>', summary: 'only this incarnation' }],
  examples: [['spin notice web --incarnation 01j...', 'what a keeper runs']],
  mutates: true,
  hidden: true,
  async run(app, input) {
    const { notice: run } = await import('../../app/notice.ts');
    const failed = await run(app, { id: input.arg('id') ?? '', incarnation: input.text('incarnation') ?? '' });
    return result({ failed }, (outcome) => outcome.failed.join('\n'));
  },
};
