import { type Command, result } from '../command.ts';

export const schema: Command = {
  name: 'schema',
  group: 'Set up',
  summary: 'Print the JSON Schema of a spec, for editors',
  args: [],
  options: [],
  examples: [['spin schema > spin.schema.json', 'then, on top of spin.yaml: # yaml-language-server: $schema=spin.schema.json']],
  mutates: false,
  async run() {
    const { jsonSchema } = await import('../../spec/schema.ts');
    const text = JSON.stringify(jsonSchema(), undefined, 2);
    return result(jsonSchema(), () => text, { brief: () => text });
  },
};
