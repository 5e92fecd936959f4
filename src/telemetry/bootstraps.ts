import type { EventType, SpinEvent } from '../core/events.ts';

/** Bootstraps that ended: instances that became healthy, those that did not, and the latter by fault class. */
export interface BootstrapTally {
  readonly healthy: number;
  readonly failed: number;
  readonly byClass: Readonly<Record<string, number>>;
}

/**
 * Counts instances. An instance that became healthy in the end counts as healthy, whatever went before.
 * A service that ended without an event of any of its instances counts as one.
 */
export function tallyBootstraps(events: readonly SpinEvent[]): BootstrapTally {
  const ended = new Map<string, Ending>();
  for (const event of events) {
    if (event.type === 'instance.healthy') note(ended, event, 'healthy');
    else if (FAILURES.has(event.type) && event.fault !== undefined) note(ended, event, { failed: event.fault.class });
  }
  for (const event of events) {
    if (event.resource?.startsWith('service.') !== true) continue;
    if (event.type === 'resource.ready' && !known(ended, event.resource))
      ended.set(event.resource, { resource: event.resource, result: 'healthy' });
    if (event.type === 'resource.failed' && !failedOne(ended, event.resource)) {
      ended.set(event.resource, { resource: event.resource, result: { failed: event.fault?.class ?? UNCLASSED } });
    }
  }
  return count([...ended.values()]);
}

/** With a fault, each says that the instance did not make it; without one, that it only faltered. */
const FAILURES: ReadonlySet<EventType> = new Set<EventType>(['bootstrap.failed', 'instance.unhealthy', 'instance.exited']);
const UNCLASSED = 'unclassified';

/** How one bootstrap ended; the key of the map is its instance, or its resource where no instance is named. */
interface Ending {
  readonly resource: string;
  readonly result: 'healthy' | { readonly failed: string };
}

function note(ended: Map<string, Ending>, event: SpinEvent, result: Ending['result']): void {
  const resource = event.resource ?? serviceKey(event.instance ?? '');
  const key = event.instance ?? resource;
  if (ended.get(key)?.result !== 'healthy') ended.set(key, { resource, result });
}

/** `web@1.2` is an instance of `service.web@1`. */
function serviceKey(instance: string): string {
  const dot = instance.lastIndexOf('.');
  return `service.${dot === -1 ? instance : instance.slice(0, dot)}`;
}

function known(ended: ReadonlyMap<string, Ending>, resource: string): boolean {
  return [...ended.values()].some((ending) => ending.resource === resource);
}

function failedOne(ended: ReadonlyMap<string, Ending>, resource: string): boolean {
  return [...ended.values()].some((ending) => ending.resource === resource && ending.result !== 'healthy');
}

function count(endings: readonly Ending[]): BootstrapTally {
  const classes = endings.flatMap(({ result }) => (result === 'healthy' ? [] : [result.failed]));
  const byClass = Object.fromEntries([...Map.groupBy(classes, (each) => each)].map(([name, { length }]) => [name, length]));
  return { healthy: endings.length - classes.length, failed: classes.length, byClass };
}
