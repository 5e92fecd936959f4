import type { Bindings, Call, CreateRequest, Endpoint, Provider, SpinRef, Target } from '../providers/provider.ts';
import { intervalsUntil } from '../store/interval.ts';
import type { Interval, ResourceRecord, SpinRecord } from '../store/record.ts';
import type { Session } from '../store/session.ts';
import { OWNED, ownershipTags } from '../core/tags.ts';

/** One command's work on one spin: the lease it writes under, the provider it asks, and the call that goes with every request. */
export interface Work {
  readonly session: Session;
  readonly provider: Provider;
  readonly call: Call;
  readonly stateTag: string;
  /** Aborts when the command is to end, whatever becomes of its lease. */
  readonly interrupted: AbortSignal;
  /** Keys of generations that are on their way out: nobody is given their addresses any more. */
  readonly leaving?: ReadonlySet<string>;
}

export function spinOf(record: SpinRecord): SpinRef {
  const { id, incarnation, trace, place } = record;
  return { id, incarnation, trace, ...(place === undefined ? {} : { place }) };
}

/** The part of a record's resource that a provider sees. */
export function targetOf(record: SpinRecord, resource: ResourceRecord): Target {
  const handle = 'handle' in resource ? resource.handle : undefined;
  return {
    spin: spinOf(record),
    key: resource.key,
    address: resource.address,
    kind: resource.kind,
    generation: resource.generation,
    token: resource.token,
    count: resource.count,
    ...(resource.attempt === undefined ? {} : { attempt: resource.attempt }),
    requestedAt: resource.askedAt ?? resource.requestedAt,
    desire: resource.desire,
    needs: resource.needs,
    ...(handle === undefined ? {} : { handle }),
  };
}

export function createRequestOf(work: Work, resource: ResourceRecord, bindings: Bindings): CreateRequest {
  const { record, fence } = work.session;
  const owner = { id: record.id, incarnation: record.incarnation, resource: resource.key, state: work.stateTag };
  return {
    ...targetOf(record, resource),
    fence,
    tags: { ...record.tags, ...ownershipTags(owner), [OWNED.owner]: record.owner },
    deadline: record.deadline,
    bindings,
  };
}

/** The addresses of every service that is ready, routes included: what `${services.*}` can stand for. */
export function bindingsOf(record: Pick<SpinRecord, 'resources'>, leaving: ReadonlySet<string> = new Set()): Bindings {
  // Without a prototype: a service may be called `constructor`.
  const bindings: Record<string, Endpoint[]> = Object.create(null) as Record<string, Endpoint[]>;
  const newest = Object.values(record.resources).toSorted((a, b) => b.generation - a.generation);
  const taken = new Set<string>();
  for (const resource of newest) {
    // The newest ready generation speaks for its address; an older one is on its way out.
    if (resource.status !== 'ready' || taken.has(resource.address) || leaving.has(resource.key)) continue;
    taken.add(resource.address);
    for (const endpoint of resource.endpoints) (bindings[endpoint.service] ??= []).push(endpoint);
  }
  return bindings;
}

/**
 * Writes one resource's next status down, with intervals that its change closes; durable when it resolves.
 * @throws SpinError `lease-lost`
 */
export async function put(work: Work, resource: ResourceRecord, closed: readonly Interval[] = []): Promise<void> {
  await work.session.update((record) => ({
    ...record,
    updatedAt: work.call.clock.now(),
    resources: { ...record.resources, [resource.key]: resource },
    generations: { ...record.generations, [resource.address]: Math.max(resource.generation, record.generations[resource.address] ?? 0) },
    spent: [...record.spent, ...closed],
  }));
}

/** Forgets released resources, keeping what they cost. */
export async function settle(work: Work, keys: readonly string[]): Promise<void> {
  const now = work.call.clock.now();
  await work.session.update((record) => {
    const leaving = Object.values(record.resources).filter((resource) => keys.includes(resource.key));
    const staying = Object.entries(record.resources).filter(([key]) => !keys.includes(key));
    return {
      ...record,
      updatedAt: now,
      resources: Object.fromEntries(staying),
      spent: [...record.spent, ...leaving.flatMap((resource) => intervalsUntil(resource, now))],
    };
  });
}
