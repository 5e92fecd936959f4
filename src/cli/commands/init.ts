import { type Command, given, result } from '../command.ts';

export const init: Command = {
  name: 'init',
  group: 'Set up',
  summary: 'Write a starter spec',
  description: 'Without a template, lists the templates there are.',
  args: [
    { form: '[template]', summary: 'which starter', completes: 'template' },
    { form: '[dir]', summary: 'where to write it (default: here)' },
  ],
  options: [{ flags: '--force', summary: 'overwrite files that exist' }],
  examples: [
    ['spin init', 'which templates there are'],
    ['spin init web', 'an HTTP service behind the router'],
    ['spin init job nightly', 'a one-off job, in the folder nightly'],
  ],
  mutates: true,
  async run(app, input) {
    const template = input.arg('template');
    const [{ init: run, templates }, { viewInit, viewTemplates }] = await Promise.all([
      import('../../app/init.ts'),
      import('../views/init.ts'),
    ]);
    if (template === undefined) {
      return result({ templates: await templates(app) }, viewTemplates, {
        brief: ({ templates: all }) => all.map((each) => each.name).join('\n'),
      });
    }
    const outcome = await run(app, { template, ...given({ dir: input.arg('dir') }), force: input.flag('force') });
    return result(outcome, viewInit, { brief: ({ files }) => files.join('\n') });
  },
};
