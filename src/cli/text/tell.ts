import type { EventType, SpinEvent } from '../../core/events.ts';
import { took } from './time.ts';

/** What happened, in words; the subject (resource, instance or spin) stands before. */
const WORDS: Readonly<Record<EventType, (event: SpinEvent) => string>> = {
  'spin.requested': ({ data }) => `${fact(data, 'command') ?? 'command'} asked for`,
  'plan.made': ({ data }) => `plan made${fact(data, 'resources') === undefined ? '' : `: ${fact(data, 'resources')} resources`}`,
  'lease.acquired': () => 'lease taken',
  'lease.lost': () => 'lease lost',
  'resource.creating': () => 'creating',
  'resource.created': (event) => `created${after(event)}`,
  'secret.issued': (event) => `secret issued${after(event)}`,
  'bootstrap.step': ({ data, ms }) => `bootstrap step ${fact(data, 'step') ?? ''} done${ms === undefined ? '' : ` in ${took(ms)}`}`,
  'bootstrap.failed': () => 'bootstrap failed',
  'instance.started': () => 'started',
  'instance.healthy': (event) => `healthy${after(event)}`,
  'instance.unhealthy': () => 'unhealthy',
  'instance.exited': ({ data }) => `ended by itself${data === undefined ? '' : ` (${exitOf(data)})`}`,
  'instance.restarted': ({ data }) => (fact(data, 'restarts') === undefined ? 'restarted' : `restart ${fact(data, 'restarts')}`),
  'resource.alternative': () => 'no capacity: trying the next type or zone',
  'resource.waiting': () => 'waiting',
  'resource.ready': (event) => `ready${after(event)}`,
  'resource.failed': () => 'failed',
  'cloud.paced': ({ data, ms }) => `${fact(data, 'action') ?? 'a request'} waits${ms === undefined ? '' : ` ${took(ms)}`} for its turn`,
  'cloud.throttled': ({ data }) => `throttled: ${fact(data, 'action') ?? 'a request'} is sent again`,
  'provider.retried': () => 'asked again',
  'spin.ready': (event) => `up${after(event)}`,
  'spin.unchanged': () => 'unchanged: it already is what the spec asks for',
  'spin.failed': () => 'failed',
  'spin.extended': ({ data }) => `deadline moved to ${fact(data, 'deadline') ?? ''}`,
  'spin.expired': () => 'deadline passed',
  'keeper.started': ({ data }) =>
    `keeper started${Number(fact(data, 'adopted') ?? 0) > 0 ? `, ${fact(data, 'adopted')} instances adopted` : ''}`,
  'drain.started': () => 'draining',
  'drain.finished': (event) => `drained${after(event)}`,
  'hook.failed': () => 'hook failed',
  'hook.finished': ({ data }) => `hook ended${fact(data, 'exitCode') === undefined ? '' : ` with ${fact(data, 'exitCode')}`}`,
  'resource.releasing': () => 'releasing',
  'resource.released': (event) => `released${after(event)}`,
  'resource.withdrawn': ({ fault }) => (fault === undefined ? 'ended too, as the spin is down' : 'may be left, though the spin is down'),
  'secret.destroyed': () => 'secret destroyed',
  'snapshot.kept': ({ data }) => `leaves the snapshot ${fact(data, 'snapshot') ?? ''}`,
  'snapshot.skipped': () => 'leaves no snapshot',
  'spin.released': () => 'down: nothing is left',
  'gc.swept': ({ data }) => `swept${fact(data, 'reason') === undefined ? '' : `: ${fact(data, 'reason')}`}`,
};

/** One event as a line: `service.web@1: ready after 310ms`, with its fault or message behind it. */
export function tell(event: SpinEvent): string {
  return withSubject(event, tellShort(event));
}

/** The same without its subject. */
export function tellShort(event: SpinEvent): string {
  const why = event.fault === undefined ? event.message : `${event.fault.class}: ${event.fault.message}`;
  return `${WORDS[event.type](event)}${why === undefined ? '' : ` (${why})`}`;
}

/**
 * Tells events as they happen, before an error that ends the story: what failed first is told there with its message,
 * and needs only its class here.
 */
export function storyteller(verbose: boolean): (event: SpinEvent) => string {
  let first: string | undefined;
  return (event) => {
    const { fault, type } = event;
    if (verbose || fault === undefined || (type !== 'resource.failed' && type !== 'spin.failed')) return tellShort(event);
    first ??= event.resource;
    return type === 'spin.failed' || first === event.resource ? `${WORDS[type](event)} (${fault.class})` : tellShort(event);
  };
}

/** A line for what happened to whom. */
export function withSubject({ instance, resource }: SpinEvent, text: string): string {
  const subject = instance ?? resource;
  return `${subject === undefined ? '' : `${subject}: `}${text}`;
}

function after({ ms }: SpinEvent): string {
  return ms === undefined ? '' : ` after ${took(ms)}`;
}

/** A text or number among an event's facts. */
function fact(data: SpinEvent['data'], name: string): string | undefined {
  const value = data?.[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function exitOf(data: Readonly<Record<string, unknown>>): string {
  return typeof data['signal'] === 'string' ? data['signal'] : `code ${fact(data, 'code')}`;
}
