import { type Command, given, result } from '../command.ts';

export const snapshot: Command = {
  name: 'snapshot',
  group: 'Look',
  summary: 'Write a volume into an archive that a spec can start from',
  args: [
    { form: '<id>', summary: 'spin ID', completes: 'spin' },
    { form: '<volume>', summary: 'name of the volume in the spec', completes: 'volume' },
    { form: '[file]', summary: 'where to write it (default: ID-VOLUME.tar.gz; in a cloud .json, which names a snapshot there)' },
  ],
  options: [{ flags: '--force', summary: 'overwrite a file that exists' }],
  examples: [['spin snapshot web data seed.tar.gz', 'then, in a spec: volumes: { data: { archive: seed.tar.gz } }']],
  mutates: true,
  async run(app, input) {
    const [{ snapshot: run }, { viewSnapshot }] = await Promise.all([import('../../app/snapshot.ts'), import('../views/snapshot.ts')]);
    const outcome = await run(app, {
      id: input.arg('id') ?? '',
      volume: input.arg('volume') ?? '',
      ...given({ file: input.arg('file') }),
      force: input.flag('force'),
    });
    return result(outcome, viewSnapshot, { brief: ({ file }) => file });
  },
};
