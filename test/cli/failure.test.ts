import { describe, expect, it } from 'vitest';
import { failureOf } from '../../src/cli/failure.ts';
import { PLAIN } from '../../src/cli/text/style.ts';
import { viewFailure } from '../../src/cli/views/failure.ts';
import { InternalError, SpinError } from '../../src/core/errors.ts';
import { Fault } from '../../src/providers/fault.ts';

const page = { width: 80, style: PLAIN, now: 0, verbose: false, self: 'spin' };

describe('a failure', () => {
  it('of the user is told with its code, the last log lines and what to type next', () => {
    const fault = { class: 'crash-loop', message: 'ended 5 times', lastLines: ['listen EADDRINUSE', '\u001B[2Jgone'] };
    const error = new SpinError('resource-failed', 'service.web@1 failed: ended 5 times', { hint: 'spin logs web', data: { fault } });
    expect(viewFailure(failureOf(error), page, '1.2.3')).toBe(
      [
        'error[resource-failed]: service.web@1 failed: ended 5 times',
        '  | listen EADDRINUSE',
        '  | \\x1b[2Jgone',
        'hint: spin logs web',
      ].join('\n'),
    );
  });

  it('that is a bug asks for a report, and shows its stack and causes only when asked', () => {
    const failure = failureOf(new InternalError('illegal transition', new Error('the cause')));
    expect(failure.exit).toBe(70);
    expect(viewFailure(failure, page, '1.2.3')).toMatchInlineSnapshot(`
      "internal error: illegal transition
      This is a bug in spin 1.2.3. Please report it with what the same command prints with --verbose."
    `);
    const verbose = viewFailure(failure, { ...page, verbose: true }, '1.2.3');
    expect(verbose).toContain('failure.test.ts');
    expect(verbose).toContain('caused by: Error: the cause');
  });

  it('of a provider that nobody caught is a failure, not a bug', () => {
    expect(failureOf(new Fault('throttled', 'RequestLimitExceeded', 'too fast'))).toMatchObject({
      code: 'provider-failed',
      exit: 1,
      data: { kind: 'throttled' },
    });
  });

  it('is anything that can be thrown', () => {
    expect(failureOf('text')).toMatchObject({ code: 'internal', message: 'text', exit: 70 });
    expect(failureOf(undefined)).toMatchObject({ code: 'internal', exit: 70 });
  });

  it('by interruption is one calm line', () => {
    const failure = failureOf(new SpinError('interrupted', 'stopped by SIGINT', { hint: 'spin up goes on' }));
    expect(viewFailure(failure, page, '1.2.3')).toBe('stopped by SIGINT\nhint: spin up goes on');
    expect(failure.exit).toBe(130);
  });
});
