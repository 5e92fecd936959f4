import { parseTime } from './clock.ts';
import type { Phase } from './phases.ts';
import type { Incarnation, SpinId } from './ids.ts';

interface EventRow {
  /** The phase that an event of this type belongs to, unless the event says otherwise. */
  readonly phase: Phase;
  /** How loud a reporter is about it: `step` is shown, `detail` only with --verbose. */
  readonly level: 'step' | 'detail' | 'warning';
  readonly meaning: string;
}

/** Every event type. Types and fields are a promise to scripts; docs/events.md is made from this table. */
export const EVENTS = {
  'spin.requested': {
    phase: 'plan',
    level: 'detail',
    meaning: 'A command began to work on the spin; data.command names it, ms is the time since it was asked for.',
  },
  'plan.made': { phase: 'plan', level: 'detail', meaning: 'The plan is known; data holds its counts and hourly price.' },
  'lease.acquired': { phase: 'plan', level: 'detail', meaning: 'This process may change the record; data.fence is its fencing number.' },
  'lease.lost': { phase: 'plan', level: 'warning', meaning: 'Another process took the lease over.' },
  'resource.creating': { phase: 'provision', level: 'step', meaning: 'The intent is on disk and the creating call begins.' },
  'resource.created': { phase: 'provision', level: 'step', meaning: 'The provider has the resource; it is not ready yet.' },
  'resource.alternative': {
    phase: 'provision',
    level: 'step',
    meaning: 'There was no capacity; the next instance type or zone is tried. data.attempt counts, fault says why.',
  },
  'resource.waiting': { phase: 'bootstrap', level: 'detail', meaning: 'What the resource waits for changed; message says it.' },
  'secret.issued': { phase: 'provision', level: 'detail', meaning: 'A secret was had from its source; ms says how long that took.' },
  'cloud.paced': {
    phase: 'provision',
    level: 'detail',
    meaning: 'A request waits for its turn, so that the cloud does not throttle it; data.action names it, ms says for how long.',
  },
  'bootstrap.step': {
    phase: 'bootstrap',
    level: 'detail',
    meaning: 'A bootstrap step ended well; data.step names it, ms says how long it took.',
  },
  'bootstrap.failed': { phase: 'bootstrap', level: 'warning', meaning: 'A bootstrap step failed; fault holds the class.' },
  'instance.started': { phase: 'bootstrap', level: 'detail', meaning: 'The process or machine of an instance runs.' },
  'instance.healthy': {
    phase: 'bootstrap',
    level: 'detail',
    meaning: 'The health check of an instance passed; ms is the time since it started.',
  },
  'instance.unhealthy': { phase: 'serve', level: 'warning', meaning: 'The health check of an instance fails.' },
  'instance.exited': { phase: 'serve', level: 'warning', meaning: 'The process of an instance ended by itself; data has code and signal.' },
  'instance.restarted': { phase: 'serve', level: 'warning', meaning: 'An instance was started again; data.restarts counts.' },
  'resource.ready': {
    phase: 'bootstrap',
    level: 'step',
    meaning: 'The resource does what it is for; ms is the time since this command asked for it.',
  },
  'resource.failed': { phase: 'bootstrap', level: 'warning', meaning: 'The resource did not come up; fault holds the class.' },
  'cloud.throttled': {
    phase: 'provision',
    level: 'detail',
    meaning: 'The cloud refused a request for being one too many, and it is sent again; data.action names it.',
  },
  'provider.retried': {
    phase: 'provision',
    level: 'warning',
    meaning: 'A provider still fails to do what it was asked for, and is asked again; fault says why, once for each reason.',
  },
  'spin.ready': { phase: 'serve', level: 'step', meaning: 'Every resource of the plan is ready.' },
  'spin.unchanged': { phase: 'serve', level: 'step', meaning: 'The spin already was what the spec asks for.' },
  'spin.failed': { phase: 'serve', level: 'warning', meaning: 'The command on the spin failed; fault holds the class.' },
  'hook.failed': { phase: 'drain', level: 'warning', meaning: 'A drain or evacuation hook failed; message says how.' },
  'spin.extended': { phase: 'serve', level: 'step', meaning: 'The deadline moved; data.deadline is the new one.' },
  'spin.expired': { phase: 'release', level: 'warning', meaning: 'The deadline passed; data.enforcer names who noticed.' },
  'keeper.started': {
    phase: 'provision',
    level: 'detail',
    meaning: 'The keeper of a local spin runs; data.adopted counts the instances it found alive.',
  },
  'drain.started': { phase: 'drain', level: 'detail', meaning: 'No new request is sent to the instances; those under way may finish.' },
  'drain.finished': { phase: 'drain', level: 'detail', meaning: 'The drain ended; data.inFlight counts what was cut off.' },
  'hook.finished': { phase: 'drain', level: 'detail', meaning: 'A drain or evacuation hook ended; data has its exit code.' },
  'resource.releasing': { phase: 'release', level: 'step', meaning: 'The provider was asked to delete the resource.' },
  'resource.released': { phase: 'release', level: 'step', meaning: 'The resource is proven absent.' },
  'resource.withdrawn': {
    phase: 'release',
    level: 'warning',
    meaning: 'What was on its way when another took the spin down is ended too; fault says why it may be left.',
  },
  'secret.destroyed': { phase: 'release', level: 'detail', meaning: 'A secret was destroyed, and its absence confirmed.' },
  'snapshot.kept': {
    phase: 'release',
    level: 'step',
    meaning: 'The database goes, and its final snapshot stays; data.snapshot names it.',
  },
  'snapshot.skipped': {
    phase: 'release',
    level: 'warning',
    meaning: 'The database goes without its final snapshot, data.snapshot; message says why.',
  },
  'spin.released': { phase: 'release', level: 'step', meaning: 'The inventory of the spin is proven empty.' },
  'gc.swept': { phase: 'release', level: 'step', meaning: 'A sweep acted on the spin; data has verdict and reason.' },
} as const satisfies Readonly<Record<string, EventRow>>;

export type EventType = keyof typeof EVENTS;

/** A failure as events, records and outcomes carry it. */
export interface FaultNote {
  /** Class of the failure, such as `health-never-passed` or `throttled`; an open set, documented in docs/errors.md. */
  readonly class: string;
  readonly message: string;
  /** The last lines of the log of what failed, redacted. */
  readonly lastLines?: readonly string[];
}

/** What the maker of an event gives; the emitter adds who, when and which life. */
export interface EventBody {
  readonly type: EventType;
  /** Overrides the phase of the type's row. */
  readonly phase?: Phase;
  /** Resource key, such as `service.web@1`. */
  readonly resource?: string;
  /** Instance name, such as `web@1.2`. */
  readonly instance?: string;
  readonly fault?: FaultNote;
  /** A duration in milliseconds that the event closes. */
  readonly ms?: number;
  readonly message?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** One line of the journal. */
export interface SpinEvent extends EventBody {
  readonly v: 1;
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string;
  readonly id: SpinId;
  readonly incarnation: Incarnation;
  readonly trace: string;
  readonly phase: Phase;
}

/** When what an event tells of began to be waited for, in milliseconds since the epoch: a command is asked for before it works on a spin. */
export function beganAt({ type, time, ms = 0 }: SpinEvent): number {
  return parseTime(time) - (type === 'spin.requested' ? ms : 0);
}

/** Takes an event; synchronous, never throws, never awaited: durability rests on the record, not on events. */
export type Emit = (body: EventBody) => void;
