import { describe, expect, it } from 'vitest';
import { ERROR_CODES, EXIT, rowOf, type ErrorCode } from '../../src/core/error-codes.ts';
import { SpinError, InternalError, isSpinError, messageOf, systemCode } from '../../src/core/errors.ts';
import { EVENTS } from '../../src/core/events.ts';
import { PHASES } from '../../src/core/phases.ts';

const codes = Object.keys(ERROR_CODES).filter((code): code is ErrorCode => code in ERROR_CODES);

describe('the table of error codes', () => {
  it('never lets a failure end with 0, nor a user error look like a bug', () => {
    const exits = codes.map((code) => rowOf(code).exit);
    expect(exits).not.toContain(EXIT.done);
    expect(exits).not.toContain(EXIT.internal);
  });

  it('has stable exit codes', () => {
    expect(EXIT).toEqual({ done: 0, failed: 1, usage: 2, partial: 3, leaseHeld: 4, declined: 5, internal: 70, interrupted: 130 });
  });

  it('has codes that can stand in a link', () => {
    expect(codes.filter((code) => !/^[a-z]+(-[a-z]+)*$/.test(code))).toEqual([]);
  });
});

describe('an error', () => {
  it('takes hint and exit code from its row, unless it has a better hint', () => {
    const error = new SpinError('spin-not-found', 'there is no spin demo');
    expect(error).toMatchObject({ code: 'spin-not-found', hint: 'spin ls', exit: 1, data: {} });
    expect(new SpinError('spin-not-found', 'there is no spin demo', { hint: 'did you mean demo2?' }).hint).toBe('did you mean demo2?');
  });

  it('names the spin that it is about in the hint of its row', () => {
    const hints = (data: Readonly<Record<string, unknown>>) =>
      (['timeout', 'release-failed', 'change-refused', 'usage'] as const).map((code) => new SpinError(code, 'x', { data }).hint);
    expect(hints({ id: 'web' })).toEqual(['spin status web', 'spin down web', 'spin down web, then spin up', 'spin --help']);
    expect(hints({})[0]).toBe('spin status ID');
  });

  it('is known as ours by its mark, and a bug is not', () => {
    expect(isSpinError(new SpinError('usage', 'x'))).toBe(true);
    expect([new InternalError('x'), { code: 'usage' }, 'usage', null, undefined].map(isSpinError)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it('keeps its cause, and is nothing more than one line of anything thrown', () => {
    const cause = new InternalError('below');
    expect(new SpinError('timeout', 'x', { cause }).cause).toBe(cause);
    expect([messageOf(cause), messageOf('text'), messageOf(undefined)]).toEqual(['below', 'text', 'undefined']);
    expect([systemCode(Object.assign(new InternalError('x'), { code: 'ENOENT' })), systemCode({ code: 2 }), systemCode(null)]).toEqual([
      'ENOENT',
      undefined,
      undefined,
    ]);
  });
});

describe('the table of events', () => {
  it('names types as subject and what happened, each in a phase', () => {
    expect(Object.keys(EVENTS).filter((type) => !/^[a-z]+\.[a-z]+$/.test(type))).toEqual([]);
    expect(Object.values(EVENTS).filter(({ phase }) => !PHASES.includes(phase))).toEqual([]);
  });
});
