import { SpinError } from '../../core/errors.ts';
import { type Command, result } from '../command.ts';

const SHELLS: readonly string[] = ['bash', 'zsh', 'fish'];

export const completion: Command = {
  name: 'completion',
  group: 'Set up',
  summary: 'Print a completion script for bash, zsh or fish',
  args: [{ form: '<shell>', summary: 'bash, zsh or fish', choices: SHELLS }],
  options: [],
  examples: [['source <(spin completion bash)', 'in ~/.bashrc, so that every shell has it']],
  mutates: false,
  async run(_app, input) {
    const shell = input.arg('shell') ?? '';
    if (!SHELLS.includes(shell)) {
      throw new SpinError('usage', `completion needs a shell: ${SHELLS.join(', ')}`, { hint: 'source <(spin completion bash)' });
    }
    const { completionScript } = await import('../completion-script.ts');
    const outcome = { shell, script: completionScript(shell) };
    return result(outcome, ({ script }) => script, { brief: ({ script }) => script });
  },
};
