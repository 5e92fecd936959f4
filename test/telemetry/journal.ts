/** Journals for tests: `[seconds since the start, type, what goes with it]` per line. */
import { isoTime } from '../../src/core/clock.ts';
import { EVENTS, type EventBody, type EventType, type SpinEvent } from '../../src/core/events.ts';
import { T0, incarnation, spinId } from '../cost/records.ts';

export type Line = readonly [seconds: number, type: EventType, over?: Omit<EventBody, 'type'>];

export function journal(...lines: readonly Line[]): readonly SpinEvent[] {
  return lines.map(([seconds, type, over = {}]) => ({
    v: 1,
    time: isoTime(T0 + seconds * 1_000),
    id: spinId('demo'),
    incarnation: incarnation(0),
    trace: '0'.repeat(32),
    type,
    phase: EVENTS[type].phase,
    ...over,
  }));
}

const of = (resource: string) => ({ resource });

/** An `up` of a keeper, a secret and an exposed service with two instances, which took ten seconds. */
export const UP: readonly Line[] = [
  [0, 'spin.requested', { data: { command: 'up' } }],
  [0.1, 'lease.acquired'],
  [0.2, 'plan.made'],
  [0.5, 'resource.creating', of('keeper.keeper@1')],
  [1, 'keeper.started'],
  [1, 'resource.ready', of('keeper.keeper@1')],
  [1, 'resource.creating', of('secret.key@1')],
  [1.4, 'secret.issued', { resource: 'secret.key@1', ms: 400 }],
  [1.5, 'resource.ready', of('secret.key@1')],
  [1, 'resource.creating', of('route.web@1')],
  [1.2, 'resource.ready', of('route.web@1')],
  [2, 'resource.creating', of('service.web@1')],
  [3, 'resource.created', of('service.web@1')],
  [5, 'bootstrap.step', { resource: 'service.web@1', instance: 'web@1.1', ms: 1_500 }],
  [7, 'instance.healthy', { resource: 'service.web@1', instance: 'web@1.1', ms: 2_000 }],
  [8, 'instance.healthy', { resource: 'service.web@1', instance: 'web@1.2', ms: 3_000 }],
  [8, 'resource.ready', { resource: 'service.web@1', ms: 6_000 }],
  [8.5, 'resource.creating', of('registration.web@1')],
  [9, 'resource.ready', of('registration.web@1')],
  [10, 'spin.ready'],
];

export const later = (seconds: number, lines: readonly Line[]): readonly Line[] =>
  lines.map(([at, type, over]) => (over === undefined ? [at + seconds, type] : [at + seconds, type, over]));
