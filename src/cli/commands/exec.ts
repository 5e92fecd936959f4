import { EXIT } from '../../core/error-codes.ts';
import { SpinError } from '../../core/errors.ts';
import { type Command, result } from '../command.ts';

export const exec: Command = {
  name: 'exec',
  group: 'Look',
  summary: 'Run a command in the environment of an instance',
  description:
    'Exits with the exit code of the command. With --output json the command gets no terminal, and what it prints is in the document.',
  args: [
    { form: '<id>', summary: 'spin ID', completes: 'spin' },
    { form: '<service>', summary: 'a service, or one instance of it: web/2', completes: 'service' },
    { form: '[command...]', summary: 'after --, the command and its arguments', completes: 'shell' },
  ],
  options: [],
  examples: [
    ['spin exec web api -- env', 'what the service api sees'],
    ['spin exec web db/1 -- psql -c "select 1"', 'in its first instance'],
  ],
  mutates: false,
  async run(app, input) {
    const { exec: run } = await import('../../app/exec.ts');
    const [id, target] = [input.arg('id') ?? '', input.arg('service') ?? ''];
    const [first, ...rest] = input.args('command');
    if (first === undefined) throw new SpinError('usage', 'exec needs a command', { hint: `spin exec ${id} ${target} -- COMMAND` });
    const outcome = await run(app, { id, target, command: [first, ...rest], stdio: input.json ? 'pipe' : 'inherit' });
    // The command wrote to the terminal itself; there is nothing to add.
    return result(outcome, () => '', { exit: outcome.exitCode === 0 ? EXIT.done : outcome.exitCode });
  },
};
