import type { ExitCode } from '../core/error-codes.ts';

/** The error of a document: what SpinError tells, with `internal` for bugs. */
export interface DocumentError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** What `--output json` prints: exactly one document, also after a failure. */
export interface Document {
  /** `spin.<command>/<version>`. */
  readonly schema: string;
  readonly ok: boolean;
  readonly exit: ExitCode | number;
  readonly result?: unknown;
  readonly error?: DocumentError;
}

/** Version of the documents' form. Fields are added without a new one; one that changes or goes makes a new one. */
const VERSION = 1;

export function documentOf(
  command: string | undefined,
  exit: number,
  parts: { readonly result?: unknown; readonly error?: DocumentError },
): Document {
  return { schema: command === undefined ? `spin/${VERSION}` : `spin.${command}/${VERSION}`, ok: exit === 0, exit, ...parts };
}

/** Indented: a person reads it as often as a script. */
export function printDocument(document: Document): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** One item of a stream, on one line: `{"schema":"spin.logs.item/1","item":{...}}`. */
export function printItem(command: string, item: unknown): string {
  return `${JSON.stringify({ schema: `spin.${command}.item/${VERSION}`, item })}\n`;
}

/** What ends a stream that failed, on one line. */
export function printEnd(document: Document): string {
  return `${JSON.stringify(document)}\n`;
}
