import { EXIT } from '../../core/error-codes.ts';
import { type Command, result } from '../command.ts';

export const doctor: Command = {
  name: 'doctor',
  group: 'Set up',
  summary: 'Check this machine, config, state and providers',
  args: [],
  options: [],
  examples: [['spin doctor', 'what works, and what to do about what does not']],
  mutates: false,
  async run(app) {
    const [{ doctor: run }, { viewDoctor }] = await Promise.all([import('../../app/doctor.ts'), import('../views/doctor.ts')]);
    const outcome = await run(app);
    return result(outcome, viewDoctor, { exit: outcome.checks.every((check) => check.ok) ? EXIT.done : EXIT.failed });
  },
};
