import type { Interval, ResourceOutline } from './record.ts';

/**
 * The interval that a resource was paid for, when it ends at `to`: what goes into `spent` when the resource is
 * released, and before its price or count changes.
 */
export function intervalOf(resource: ResourceOutline, to: number): Interval {
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
