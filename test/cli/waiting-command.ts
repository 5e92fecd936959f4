/** Run by signals.test.ts: a command that stops when it is asked to, or never. */
import { listenForSignals } from '../../src/cli/signals.ts';

const { signal } = listenForSignals(
  (line) => console.error(line),
  () => console.error('last wish'),
  'spin gc',
);
const alive = setInterval(() => undefined, 1_000);
console.error('ready');
if (process.argv[2] === 'polite') {
  signal.addEventListener('abort', () => {
    console.error(`aborted: ${String(signal.reason?.code)} (${String(signal.reason?.hint)})`);
    clearInterval(alive);
  });
}
