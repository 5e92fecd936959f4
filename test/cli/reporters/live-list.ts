/** Run in a terminal by terminal.test.ts: tells a story through the live reporter, and stops in the middle where asked to. */
import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { terminalReporter } from '../../../src/cli/reporters/terminal.ts';
import { event } from './events.ts';

const start = Date.now();
const reporter = terminalReporter(process.stderr, { verbose: false, colour: true });
reporter.event(event(0, { type: 'spin.requested', data: { command: 'up' } }, 'web', start));
for (const name of ['a', 'b']) reporter.event(event(1, { type: 'resource.creating', resource: `service.${name}@1` }, 'web', start));
reporter.event(event(2, { type: 'resource.waiting', resource: 'service.b@1', message: `waits ${'very '.repeat(40)}long` }, 'web', start));
reporter.event(event(3, { type: 'resource.ready', resource: 'service.a@1', ms: 2 }, 'web', start));
await delay(360);
// Past the stream: what is written through it makes the list step aside for a moment.
writeSync(1, '\u001B]9;middle\u0007');
standStillUntil(Number(process.argv[3] ?? 0));
await delay(400);
if (process.argv[2] === 'abandon') {
  reporter.abandon();
} else {
  reporter.event(
    event(
      900,
      { type: 'resource.failed', resource: 'service.b@1', fault: { class: 'crash-loop', message: 'ended 5 times' } },
      'web',
      start,
    ),
  );
  reporter.done();
  process.stdout.write('the result\n');
}

/** Draws no frame while the terminal narrows, which would be no one's to mend, and then hears of it as from its signal. */
function standStillUntil(columns: number): void {
  if (columns === 0) return;
  for (let tries = 0; tries < 500; tries++) {
    const { stdout } = spawnSync('stty', ['size'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
    if (Number(stdout.split(' ')[1]) === columns) break;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
  process.emit('SIGWINCH', 'SIGWINCH');
}
