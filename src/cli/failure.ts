import { EXIT, type ErrorCode, rowOf } from '../core/error-codes.ts';
import { type SpinError, isSpinError, messageOf } from '../core/errors.ts';
import { Fault } from '../providers/fault.ts';

/** Anything thrown, as the shell presents it. */
export interface Failure {
  readonly code: ErrorCode | 'internal';
  readonly message: string;
  readonly hint?: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly exit: number;
  /** For --verbose. */
  readonly stack: string;
}

/** The funnel: what the user can act on, a provider's refusal that nobody caught, or a bug. */
export function failureOf(thrown: unknown): Failure {
  const stack = stackOf(thrown);
  if (isSpinError(thrown)) return { ...known(thrown), stack };
  if (thrown instanceof Fault) {
    const { exit, hint: usual } = rowOf('provider-failed');
    const hint = thrown.hint ?? usual;
    return {
      code: 'provider-failed',
      message: thrown.message,
      ...(hint === undefined ? {} : { hint }),
      data: { kind: thrown.kind, fault: thrown.note() },
      exit,
      stack,
    };
  }
  return { code: 'internal', message: messageOf(thrown), data: {}, exit: EXIT.internal, stack };
}

function known(error: SpinError): Omit<Failure, 'stack'> {
  const { code, message, hint, data, exit } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }), data, exit };
}

/** The stack with those of its causes. */
function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const stack = thrown.stack ?? thrown.message;
  return thrown.cause === undefined ? stack : `${stack}\ncaused by: ${stackOf(thrown.cause)}`;
}
