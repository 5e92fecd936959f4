import type { FaultNote } from '../core/events.ts';

/** What a provider's failure means to the engine, which decides on nothing else. */
export const FAULT_KINDS = ['throttled', 'capacity', 'quota', 'denied', 'not-found', 'conflict', 'invalid', 'transient'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** A provider's classified failure. `class` is finer and for people: `missing-command`, `port-taken`, `RequestLimitExceeded`. */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly class: string;
  readonly lastLines: readonly string[];

  constructor(
    kind: FaultKind,
    faultClass: string,
    message: string,
    detail: { readonly cause?: unknown; readonly lastLines?: readonly string[] } = {},
  ) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'Fault';
    this.kind = kind;
    this.class = faultClass;
    this.lastLines = detail.lastLines ?? [];
  }

  /** The failure as events and records carry it. */
  note(): FaultNote {
    return { class: this.class, message: this.message, ...(this.lastLines.length === 0 ? {} : { lastLines: this.lastLines }) };
  }
}
