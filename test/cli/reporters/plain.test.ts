import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { makeReporter } from '../../../src/cli/reporters/choose.ts';
import { writerOn } from '../../../src/cli/output.ts';
import { plainReporter } from '../../../src/cli/reporters/plain.ts';
import { tell } from '../../../src/cli/text/tell.ts';
import type { Globals } from '../../../src/cli/program.ts';
import { event } from './events.ts';

const GLOBALS: Globals = { output: 'text', quiet: false, verbose: false, colour: true, config: true, yes: false };

function told(globals: Partial<Globals>): string {
  const stream = new PassThrough();
  const reporter = makeReporter({
    stderr: writerOn(() => stream),
    stream: () => stream,
    env: {},
    globals: { ...GLOBALS, ...globals },
    live: true,
  });
  reporter.event(event(0, { type: 'lease.acquired' }));
  reporter.event(event(10, { type: 'resource.creating', resource: 'service.web@1' }));
  reporter.event(
    event(20, {
      type: 'instance.exited',
      instance: 'web@1.1',
      data: { code: 1 },
      fault: { class: 'exit-nonzero', message: 'ended\u001B[2J' },
    }),
  );
  reporter.event(event(1_234, { type: 'resource.ready', resource: 'service.web@1', ms: 1_224 }));
  reporter.done();
  return String(stream.read() ?? '');
}

describe('the story without a terminal', () => {
  it('tells a note at once, behind what was to be told', () => {
    const lines: string[] = [];
    const reporter = plainReporter((text) => lines.push(text), false);
    reporter.event(event(0, { type: 'resource.creating', resource: 'service.web@1' }));
    reporter.note('warning: so');
    expect(lines.join('')).toBe('   0.00s  web  service.web@1: creating\nwarning: so\n');
  });

  it('counts from when the command was asked for', () => {
    const lines: string[] = [];
    const reporter = plainReporter((text) => lines.push(text), false);
    reporter.event(event(0, { type: 'spin.requested', ms: 1_500, data: { command: 'up' } }));
    reporter.event(event(500, { type: 'resource.creating', resource: 'service.web@1' }));
    reporter.done();
    expect(lines).toEqual(['   2.00s  web  service.web@1: creating\n']);
  });

  it('is one line per change, with the time since the first', () => {
    expect(told({})).toBe(
      [
        '   0.01s  web  service.web@1: creating',
        '   0.02s  web  web@1.1: ended by itself (code 1) (exit-nonzero: ended\\x1b[2J)',
        '   1.23s  web  service.web@1: ready after 1.22s',
        '',
      ].join('\n'),
    );
  });

  it('says of a request that waits for its turn which one and how long, once', () => {
    const paced = event(0, { type: 'cloud.paced', ms: 1_310, data: { action: 'ec2:RunInstances' } });
    expect(tell(paced)).toBe('ec2:RunInstances waits 1.31s for its turn');
  });

  it('leaves to the error what failed first, and tells of others', () => {
    const stream = new PassThrough();
    const reporter = makeReporter({ stderr: writerOn(() => stream), stream: () => stream, env: {}, globals: GLOBALS, live: true });
    const fault = (message: string) => ({ class: 'exit-nonzero' as const, message });
    reporter.event(event(0, { type: 'resource.failed', resource: 'service.a@1', fault: fault('no database') }));
    reporter.event(event(0, { type: 'resource.failed', resource: 'service.b@1', fault: fault('no disk') }));
    reporter.event(event(0, { type: 'spin.failed', fault: fault('no database') }));
    reporter.event(event(0, { type: 'instance.restarted', instance: 'c@1.1', data: { restarts: 3 } }));
    reporter.done();
    expect(String(stream.read())).toBe(
      [
        '   0.00s  web  service.a@1: failed (exit-nonzero)',
        '   0.00s  web  service.b@1: failed (exit-nonzero: no disk)',
        '   0.00s  web  failed (exit-nonzero)',
        '   0.00s  web  c@1.1: restart 3',
        '',
      ].join('\n'),
    );
  });

  it('is told soon, and in one write what comes close together', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const writes: string[] = [];
    const reporter = plainReporter((text) => writes.push(text), false);
    reporter.event(event(0, { type: 'resource.releasing', resource: 'service.a@1' }));
    reporter.event(event(1, { type: 'resource.releasing', resource: 'service.b@1' }));
    expect(writes).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(writes).toEqual(['   0.00s  web  service.a@1: releasing\n   0.00s  web  service.b@1: releasing\n']);
    reporter.note('stopping');
    reporter.pause();
    expect(writes.slice(1)).toEqual(['stopping\n']);
    reporter.done();
    await vi.advanceTimersByTimeAsync(100);
    expect(writes.length).toBe(2);
  });

  it('has details only when asked', () => {
    expect(told({ verbose: true })).toContain('lease taken');
  });

  it('is not told with --quiet or JSON', () => {
    expect(told({ quiet: true })).toBe('');
    expect(told({ output: 'json' })).toBe('');
  });
});
