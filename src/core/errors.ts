import { type ErrorCode, type ExitCode, rowOf } from './error-codes.ts';

/** What may go with a SpinError beside its code and message. */
export interface ErrorDetail {
  /** The next command or edit to make; overrides the hint of the code's row. */
  readonly hint?: string;
  /** Facts for `--output json`; never a secret. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

const SPIN_ERROR = Symbol.for('spin.error');

/**
 * A failure that the user can act on. The message is lower case, names the wrong value and where it stands;
 * the hint is the next thing to type; the code decides the exit code (core/error-codes.ts).
 */
export class SpinError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'SpinError';
    this.code = code;
    this.hint = detail.hint ?? rowOf(code).hint;
    this.data = detail.data ?? {};
    Object.defineProperty(this, SPIN_ERROR, { value: true });
  }

  get exit(): ExitCode {
    return rowOf(this.code).exit;
  }
}

/** A bug in spin: an illegal transition, a case that cannot be. The shell asks for a report and exits with 70. */
export class InternalError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'InternalError';
  }
}

/** True for a SpinError, also one that crossed a bundle boundary (where `instanceof` fails). */
export function isSpinError(value: unknown): value is SpinError {
  return typeof value === 'object' && value !== null && SPIN_ERROR in value;
}

/** The one-line reason of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a Node system error (`ENOENT`, `EEXIST`, ...), or undefined. */
export function systemCode(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** Marks a branch that the types say cannot be reached. @throws InternalError always. */
export function assertNever(value: never, what: string): never {
  throw new InternalError(`${what}: unexpected ${JSON.stringify(value)}`);
}
