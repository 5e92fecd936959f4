import { type Command, result } from '../command.ts';

export const config: Command = {
  name: 'config',
  group: 'Set up',
  summary: 'Show each setting and where it came from',
  args: [],
  options: [],
  examples: [['spin config', 'flag, environment, project config, user config, or built in']],
  mutates: false,
  async run(app) {
    const [{ config: run }, { viewConfig }] = await Promise.all([import('../../app/config.ts'), import('../views/config.ts')]);
    return result(await run(app), viewConfig);
  },
};
