import type { Run } from '../providers/provider.ts';
import type { Interval, ResourceOutline } from './record.ts';

/**
 * The intervals that a resource was paid for, when it ends at `to`: what goes into `spent` when the resource is released, and before
 * its price or count changes. Where the provider tells when each machine ran, one for each of them at its share of the price.
 */
export function intervalsUntil(resource: ResourceOutline, to: number): readonly Interval[] {
  const { runs = [], hourly, count, requestedAt } = resource;
  const whole = intervalOf(resource, to);
  if (runs.length === 0) return [whole];
  const each = hourly === 'unknown' ? hourly : Math.round(hourly / Math.max(1, count));
  return runs.map((run) => {
    // What was spent before the price or the count changed is in `spent` already.
    const from = Math.max(run.from, requestedAt);
    return { ...whole, instances: 1, from, to: Math.max(from, Math.min(run.to ?? to, to)), hourly: each };
  });
}

/** What is known of runs by now: the provider forgets the machines that ended long ago, and never unsays that one ended. */
export function mergeRuns(known: readonly Run[] | undefined, seen: readonly Run[] | undefined): readonly Run[] | undefined {
  if (seen === undefined || seen.length === 0) return known;
  const runs = new Map((known ?? []).map((run) => [run.machine, run]));
  for (const run of seen) {
    const to = Math.min(run.to ?? Infinity, runs.get(run.machine)?.to ?? Infinity);
    runs.set(run.machine, { machine: run.machine, from: run.from, ...(to === Infinity ? {} : { to }) });
  }
  return [...runs.values()];
}

/** The interval of a resource as a whole, from its request. */
function intervalOf(resource: ResourceOutline, to: number): Interval {
  const service = serviceOf(resource);
  return {
    resource: resource.key,
    ...(service === undefined ? {} : { service }),
    instances: resource.kind === 'service' ? resource.count : 0,
    from: resource.requestedAt,
    // A wall clock that was set back must not make an interval of negative length.
    to: Math.max(to, resource.requestedAt),
    hourly: resource.hourly,
  };
}

/** The service that a resource works for, as its address tells; a keeper, a secret and a volume work for the whole spin. */
function serviceOf({ kind, address }: ResourceOutline): string | undefined {
  switch (kind) {
    case 'service':
    case 'firewall':
    case 'route':
    case 'registration':
      return address.slice(address.indexOf('.') + 1);
    default:
      return undefined;
  }
}
