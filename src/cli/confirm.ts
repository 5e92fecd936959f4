import type { Question } from '../app/context.ts';
import { SpinError } from '../core/errors.ts';
import { clean } from './text/clean.ts';
import type { World } from './world.ts';

const SHOWN = 10;

/**
 * Asks on a terminal. Anything but y or yes is no.
 * @throws SpinError `confirmation-needed` without a terminal
 */
export async function askOnTerminal(question: Question, world: World, signal: AbortSignal): Promise<boolean> {
  if (world.stdin.isTTY !== true || world.stderr.isTTY !== true) {
    throw new SpinError('confirmation-needed', `${clean(question.text)} There is no terminal to ask on`, {
      hint: 'add --yes',
      data: { items: question.items },
    });
  }
  const { createInterface } = await import('node:readline/promises');
  const more = question.items.length > SHOWN ? [`  and ${question.items.length - SHOWN} more`] : [];
  const items = question.items.length > 1 ? [...question.items.slice(0, SHOWN).map((item) => `  ${clean(item)}`), ...more] : [];
  world.stderr.write([...items, ''].join('\n'));
  signal.throwIfAborted();
  const answered = new AbortController();
  const lines = createInterface({ input: world.stdin, output: world.stderr });
  try {
    const interrupted = new Promise<never>((_resolve, reject) => {
      const stop = (reason: unknown): void => {
        world.stderr.write('\n');
        reject(reason);
      };
      // Ctrl-C in the question reaches readline, not the process; any other signal comes through the process.
      lines.once('SIGINT', () => stop(new SpinError('interrupted', 'stopped by SIGINT', { hint: 'nothing was changed' })));
      signal.addEventListener('abort', () => stop(signal.reason), { once: true, signal: answered.signal });
      lines.once('close', () => reject(new SpinError('declined', 'no answer')));
    });
    const answer = await Promise.race([interrupted, lines.question(`${clean(question.text)} [y/N] `)]);
    return /^\s*y(es)?\s*$/i.test(answer);
  } finally {
    answered.abort();
    lines.close();
  }
}
