import { isSpinError, messageOf } from '../core/errors.ts';
import type { FaultNote } from '../core/events.ts';

/** What a provider's failure means to the engine, which decides on nothing else. */
export const FAULT_KINDS = ['throttled', 'capacity', 'quota', 'denied', 'not-found', 'conflict', 'invalid', 'transient'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultDetail {
  readonly cause?: unknown;
  readonly lastLines?: readonly string[];
  readonly exhausted?: boolean;
  readonly hint?: string;
}

/** A provider's classified failure. `class` is finer and for people: `missing-command`, `port-taken`, `RequestLimitExceeded`. */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly class: string;
  readonly lastLines: readonly string[];
  /** With `capacity`: there is no further alternative to try. */
  readonly exhausted: boolean;
  /** The next thing to type, where one is known. */
  readonly hint: string | undefined;

  constructor(kind: FaultKind, faultClass: string, message: string, detail: FaultDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'Fault';
    this.kind = kind;
    this.class = faultClass;
    this.lastLines = detail.lastLines ?? [];
    this.exhausted = detail.exhausted ?? false;
    this.hint = detail.hint;
  }

  /** The same request may well succeed a moment later. */
  get passes(): boolean {
    return this.kind === 'throttled' || this.kind === 'transient';
  }

  /** The failure as events and records carry it. */
  note(): FaultNote {
    return { class: this.class, message: this.message, ...(this.lastLines.length === 0 ? {} : { lastLines: this.lastLines }) };
  }
}

/** A failure as records and events carry it, whatever was thrown. */
export function noteOf(thrown: unknown): FaultNote {
  if (thrown instanceof Fault) return thrown.note();
  return { class: isSpinError(thrown) ? thrown.code : 'failed', message: messageOf(thrown) };
}
