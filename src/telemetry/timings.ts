import { parseTime } from '../core/clock.ts';
import { beganAt, type EventType, type SpinEvent } from '../core/events.ts';
import { PHASES, type Phase } from '../core/phases.ts';
import { type BootstrapTally, tallyBootstraps } from './bootstraps.ts';

/** One bar of the waterfall: when a phase began and ended, relative to the request. Milliseconds. */
export interface PhaseSpan {
  readonly phase: Phase;
  readonly startMs: number;
  readonly ms: number;
}

/** What the journal says about the last command on a spin that changed something. All in milliseconds. */
export interface Timings {
  /** In the order of PHASES. They overlap, as resources move at the same time; a phase without events is left out. */
  readonly phases: readonly PhaseSpan[];
  /** M1: from the request to the last service's first healthy instance set. The phase of the name ends before the bootstrap. */
  readonly provisionMs?: number;
  /** M3: from the request to the first route that serves; to healthy where nothing is exposed. */
  readonly timeToServeMs?: number;
  /** M10: from the request to everything ready. */
  readonly convergenceMs?: number;
  /** M2 and M8: bootstraps that reached healthy and those that did not, by class. */
  readonly bootstrap: BootstrapTally;
  /** M5: the slowest issuance of a secret. */
  readonly secretIssuanceMs?: number;
  /** M7: requests that a cloud refused for being one too many (429 and 503), and that were sent again. */
  readonly throttled: number;
  /** From the request to the last event of the command. */
  readonly totalMs: number;
}

/** Folds the journal of an incarnation into the timings of its last command that changed something. */
export function foldTimings(events: readonly SpinEvent[]): Timings {
  const command = lastCommand(events);
  const [first] = command;
  if (first === undefined) return { phases: [], bootstrap: tallyBootstraps([]), throttled: 0, totalMs: 0 };
  const start = beganAt(first);
  const marks = marksOf(command, start);
  const at = (wanted: (mark: Mark) => boolean): readonly number[] => marks.filter(wanted).map((mark) => mark.end);
  const ready = (...kinds: readonly string[]) => at(({ event, kind }) => event.type === 'resource.ready' && kinds.includes(kind));
  const provisionMs = last(ready('service'));
  const exposed = marks.some(({ kind }) => kind === 'route' || kind === 'registration');
  const timeToServeMs = exposed ? (earliest(ready('registration')) ?? earliest(ready('route'))) : provisionMs;
  const convergenceMs = last(at(({ event }) => event.type === 'spin.ready'));
  const secretIssuanceMs = last(command.flatMap(({ type, ms }) => (type === 'secret.issued' && ms !== undefined ? [ms] : [])));
  return {
    phases: PHASES.flatMap((phase) => spanOf(phase, marks, timeToServeMs) ?? []),
    ...(provisionMs === undefined ? {} : { provisionMs }),
    ...(timeToServeMs === undefined ? {} : { timeToServeMs }),
    ...(convergenceMs === undefined ? {} : { convergenceMs }),
    bootstrap: tallyBootstraps(command),
    ...(secretIssuanceMs === undefined ? {} : { secretIssuanceMs }),
    throttled: command.filter(({ type }) => type === 'cloud.throttled').length,
    totalMs: last(at(() => true)) ?? 0,
  };
}

/**
 * The events of the last command that changed something, from its `spin.requested` to its end; of the last command where none did. What the keeper reports about
 * a spin that runs, long after the command that made it, is no part of it.
 */
export function lastCommand(events: readonly SpinEvent[]): readonly SpinEvent[] {
  const starts = events.flatMap(({ type }, index) => (type === 'spin.requested' ? [index] : []));
  const commands = (starts.length === 0 ? [0] : starts).map((start, n, all) => untilEnd(events.slice(start, all[n + 1])));
  return commands.findLast((command) => command.some(({ type }) => CHANGES.has(type))) ?? commands.at(-1) ?? [];
}

/** The events of the newest command, whether it changed something or not; for who has the lease, those of its own. */
export function newestCommand(events: readonly SpinEvent[]): readonly SpinEvent[] {
  return events.slice(
    Math.max(
      0,
      events.findLastIndex(({ type }) => type === 'spin.requested'),
    ),
  );
}

const ENDS: ReadonlySet<EventType> = new Set<EventType>(['spin.ready', 'spin.unchanged', 'spin.failed', 'spin.extended', 'spin.released']);
const CHANGES: ReadonlySet<EventType> = new Set<EventType>([
  'resource.creating',
  'resource.created',
  'resource.ready',
  'resource.failed',
  'resource.releasing',
  'resource.released',
  'keeper.started',
]);

/** What a command may still take away after its end: old generations, or everything on a rollback. */
const TRAILING: ReadonlySet<EventType> = new Set<EventType>([
  'drain.started',
  'drain.finished',
  'hook.finished',
  'resource.releasing',
  'resource.released',
  'secret.destroyed',
  'snapshot.kept',
  'snapshot.skipped',
  'spin.released',
]);

function untilEnd(events: readonly SpinEvent[]): readonly SpinEvent[] {
  const end = events.findIndex(({ type }) => ENDS.has(type));
  return end === -1 ? events : events.filter(({ type }, index) => index <= end || TRAILING.has(type));
}

/** An event with its place in the waterfall. Milliseconds since the request. */
interface Mark {
  readonly event: SpinEvent;
  /** Kind of the resource that it is about, or ''. */
  readonly kind: string;
  readonly begin: number;
  readonly end: number;
  readonly phases: readonly Phase[];
}

/** Events whose `ms` is the length of the work that they close; in others it goes back to something with an event of its own. */
const CLOSING: ReadonlySet<EventType> = new Set<EventType>([
  'secret.issued',
  'bootstrap.step',
  'bootstrap.failed',
  'hook.finished',
  'drain.finished',
]);

const ENDING: ReadonlySet<Phase> = new Set<Phase>(['drain', 'release']);

/** What happens to a resource that is being released, or to anything in a command that takes the spin down, is part of ending it. */
function marksOf(command: readonly SpinEvent[], start: number): readonly Mark[] {
  const [request] = command;
  const isDown = request?.type === 'spin.requested' && ENDING.has(request.phase);
  const leaving = new Set<string | undefined>();
  return command.map((event) => {
    if (event.type === 'resource.releasing') leaving.add(event.resource);
    const mark = markOf(event, start);
    const ends = isDown || (event.resource !== undefined && leaving.has(event.resource));
    return ends ? { ...mark, phases: mark.phases.filter((phase) => ENDING.has(phase)) } : mark;
  });
}

function markOf(event: SpinEvent, start: number): Mark {
  const kind = event.resource?.split('.', 1)[0] ?? '';
  // A wall clock that was set back meanwhile must not put anything before the request.
  const end = Math.max(0, parseTime(event.time) - start);
  const begin = CLOSING.has(event.type) ? Math.max(0, end - (event.ms ?? 0)) : end;
  return { event, kind, begin, end, phases: phasesOf(event, kind) };
}

/** The kind of resource tells more than the event type: a volume is provisioned, a service bootstrapped, a route registered. */
function phasesOf({ type, phase }: SpinEvent, kind: string): readonly Phase[] {
  if (ENDING.has(phase)) return [phase];
  switch (type) {
    case 'resource.creating':
    case 'resource.created':
    case 'resource.waiting':
    case 'resource.ready':
    case 'resource.failed':
      if (kind === 'route' || kind === 'registration') return ['register'];
      if (kind !== 'service' || type === 'resource.creating') return ['provision'];
      return type === 'resource.created' ? ['provision', 'bootstrap'] : ['bootstrap'];
    default:
      return [phase];
  }
}

function spanOf(phase: Phase, marks: readonly Mark[], servesFrom: number | undefined): PhaseSpan | undefined {
  if (phase === 'plan') return planSpan(marks);
  if (phase === 'serve') return serveSpan(marks, servesFrom);
  const mine = phase === 'register' ? registering(marks) : marks.filter(({ phases }) => phases.includes(phase));
  return span(phase, earliest(mine.map(({ begin }) => begin)), last(mine.map(({ end }) => end)));
}

/** A route may be opened long before there is anything to put into it, so registrations tell, where there are any. */
function registering(marks: readonly Mark[]): readonly Mark[] {
  const all = marks.filter(({ phases }) => phases.includes('register'));
  const registrations = all.filter(({ kind }) => kind === 'registration');
  return registrations.length === 0 ? all : registrations;
}

/** From the request until something moves; to the last word about planning where nothing did. */
function planSpan(marks: readonly Mark[]): PhaseSpan | undefined {
  // A `down` has nothing to plan: its request opens another phase.
  if (marks[0]?.phases.includes('plan') !== true) return undefined;
  const planned = marks.filter(({ phases }) => phases.includes('plan'));
  const moved = marks.filter(({ phases }) => !phases.includes('plan') && !phases.includes('serve')).map(({ begin }) => begin);
  return span('plan', 0, earliest(moved) ?? last(planned.map(({ end }) => end)));
}

/** From the first request that could be served until everything is ready; what follows is the life of the spin, not of the command. */
function serveSpan(marks: readonly Mark[], servesFrom: number | undefined): PhaseSpan | undefined {
  const ready = last(marks.filter(({ event }) => event.type === 'spin.ready').map(({ end }) => end));
  return span('serve', servesFrom ?? ready, ready);
}

function span(phase: Phase, start: number | undefined, end: number | undefined): PhaseSpan | undefined {
  return start === undefined || end === undefined ? undefined : { phase, startMs: start, ms: Math.max(0, end - start) };
}

function earliest(times: readonly number[]): number | undefined {
  return times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b));
}

function last(times: readonly number[]): number | undefined {
  return times.length === 0 ? undefined : times.reduce((a, b) => Math.max(a, b));
}
