import { type ErrorCode, type ExitCode, rowOf } from './error-codes.ts';

/** What may go with a SpinError beside its code and message. */
export interface ErrorDetail {
  /** The next command or edit to make; overrides the hint of the code's row. */
  readonly hint?: string;
  /** Facts for `--output json`; never a secret. `id` stands for ID in the hint of the row. */
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
    this.data = detail.data ?? {};
    this.hint = detail.hint ?? usualHint(code, this.data['id']);
    Object.defineProperty(this, SPIN_ERROR, { value: true });
  }

  get exit(): ExitCode {
    return rowOf(this.code).exit;
  }
}

/** The hint of the code's row, about the spin that the error is about. */
function usualHint(code: ErrorCode, id: unknown): string | undefined {
  const { hint } = rowOf(code);
  return typeof id === 'string' ? hint?.replace(/\bID\b/, id) : hint;
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

/** What Node says of a certificate that it does not believe (nodejs.org/api/tls.html, "X509 certificate error codes"). */
const CERTIFICATE_CODES: ReadonlySet<string> = new Set(
  `UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_CRL UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECRYPT_CRL_SIGNATURE
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY CERT_SIGNATURE_FAILURE CRL_SIGNATURE_FAILURE CERT_NOT_YET_VALID CERT_HAS_EXPIRED CRL_NOT_YET_VALID
  CRL_HAS_EXPIRED ERROR_IN_CERT_NOT_BEFORE_FIELD ERROR_IN_CERT_NOT_AFTER_FIELD ERROR_IN_CRL_LAST_UPDATE_FIELD
  ERROR_IN_CRL_NEXT_UPDATE_FIELD DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_GET_ISSUER_CERT_LOCALLY
  UNABLE_TO_VERIFY_LEAF_SIGNATURE CERT_CHAIN_TOO_LONG CERT_REVOKED INVALID_CA PATH_LENGTH_EXCEEDED INVALID_PURPOSE CERT_UNTRUSTED
  CERT_REJECTED HOSTNAME_MISMATCH ERR_TLS_CERT_ALTNAME_INVALID`.split(/\s+/),
);

/** What is wrong with the certificate of whoever was to answer, or undefined where that is not what was thrown. */
export function untrustedCertificate(thrown: unknown): string | undefined {
  if (!CERTIFICATE_CODES.has(systemCode(thrown) ?? '')) return undefined;
  // What follows is advice on how to run Node.
  return messageOf(thrown).split('; ')[0];
}

/** Marks a branch that the types say cannot be reached. @throws InternalError always. */
export function assertNever(value: never, what: string): never {
  throw new InternalError(`${what}: unexpected ${JSON.stringify(value)}`);
}
