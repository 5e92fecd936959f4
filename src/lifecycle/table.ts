import { InternalError } from '../core/errors.ts';
import type { ResourceRecord, Status } from '../store/record.ts';
import { STATUSES } from '../store/record.ts';

/** One row of the machine: what a resource status drives, where it may go, and what it means to others. */
export interface Row {
  /** What the engine does about a resource in this status. */
  readonly effect: 'create' | 'observe' | 'release' | 'none';
  readonly next: readonly Status[];
  /**
   * How long the effect may take before the resource counts as failed; services add their own bootstrap and health deadlines, and
   * registrations the time that health checks take.
   */
  readonly timeoutMs: number;
  /** Something may exist that is paid for. */
  readonly billable: boolean;
  /** Nothing follows. */
  readonly terminal: boolean;
  /** `down` must release it before the spin is gone. */
  readonly held: boolean;
}

/** THE state machine of a resource. Every other set of statuses is computed from its columns. */
export const TABLE = {
  creating: { effect: 'create', next: ['booting', 'failed', 'releasing'], timeoutMs: 120_000, billable: true, terminal: false, held: true },
  booting: {
    effect: 'observe',
    next: ['booting', 'ready', 'failed', 'releasing'],
    timeoutMs: 60_000,
    billable: true,
    terminal: false,
    held: true,
  },
  ready: { effect: 'none', next: ['booting', 'failed', 'releasing'], timeoutMs: 0, billable: true, terminal: false, held: true },
  failed: { effect: 'none', next: ['creating', 'releasing'], timeoutMs: 0, billable: true, terminal: false, held: true },
  releasing: { effect: 'release', next: ['releasing', 'released'], timeoutMs: 120_000, billable: true, terminal: false, held: true },
  released: { effect: 'none', next: [], timeoutMs: 0, billable: false, terminal: true, held: false },
} as const satisfies Record<Status, Row>;

/** The statuses whose row has this column set. */
export function statusesThat(column: 'billable' | 'terminal' | 'held'): readonly Status[] {
  return STATUSES.filter((status) => TABLE[status][column]);
}

/** True where `down` must release a resource of this status. */
export function isHeld(status: Status): boolean {
  return TABLE[status].held;
}

/**
 * Moves a resource to its next status.
 * @throws InternalError for a transition that the table does not have
 */
export function transition<T extends ResourceRecord>(from: ResourceRecord, to: T): T {
  const allowed: readonly Status[] = TABLE[from.status].next;
  if (from.key !== to.key) throw new InternalError(`a transition of ${from.key} cannot end at ${to.key}`);
  if (!allowed.includes(to.status)) throw new InternalError(`${from.key}: no transition from ${from.status} to ${to.status}`);
  return to;
}
