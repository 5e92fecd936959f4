import { OWNED } from '../../../core/tags.ts';
import { Fault } from '../../fault.ts';
import type { Call, Found, InventoryScope, Unasked } from '../../provider.ts';
import { listDatabases, markDatabase, ownDatabase, reclaimDatabase } from '../data/databases.ts';
import { unless } from '../fault-class.ts';
import { listIdentities, markIdentity, ownIdentity, reclaimIdentity } from '../data/identity.ts';
import { handleText } from '../observing.ts';
import type { Region } from '../region.ts';
import { orphanMark } from '../ownership.ts';
import { listRoutes, markRoute, ownRoute, reclaimRoute } from '../register/routes.ts';
import { listSchedules, ownSchedule, reclaimSchedule } from '../deadline/schedules.ts';
import { listSecrets, ownSecret, reclaimSecret } from '../data/secrets.ts';
import { listGroups, listInstances, listInterfaces, reclaimGroups, reclaimInstances, reclaimInterface, retag, taggable } from './sweep.ts';
import { listVolumes, reclaimVolume } from '../data/volumes.ts';

/** Each region is begun so much later than the one before, so that work on all of them does not ask all at one moment. */
const STAGGER_MS = 50;

/** Begins in one region after the other. */
function staggered<Part, T>(parts: readonly Part[], call: Call, begin: (part: Part, index: number) => Promise<T>): readonly Promise<T>[] {
  return parts.map(async (part, index) => {
    if (index > 0) await call.clock.sleep(index * STAGGER_MS, call.signal);
    return begin(part, index);
  });
}

/** Regions, each with what was found there; those that have nothing are left out, and what lives in none goes with the first. */
function partsOf(
  regions: readonly Region[],
  found: readonly Found[],
): readonly { readonly region: Region; readonly here: readonly Found[] }[] {
  const [home] = regions;
  return regions.flatMap((region) => {
    const here = found.filter(({ place }) => (place?.region === undefined ? region === home : place.region === region.cloud.region));
    return here.length === 0 ? [] : [{ region, here }];
  });
}

/**
 * Everything of ours, from the provider alone, in every region: it is complete, or it throws.
 * @param others of the regions those that the config does not sweep: what cannot be asked there is told, where somebody looks beyond it
 * @throws Fault of the first region or service that could not be asked, but for what lies beyond the config
 */
export async function inventory(
  regions: readonly Region[],
  scope: InventoryScope,
  call: Call,
  others: ReadonlySet<Region> = new Set(),
): Promise<readonly Found[]> {
  const { beyond } = scope;
  const perRegion = staggered(regions, call, (region, index) => {
    // Roles are of an account, and the same from every region.
    const listed = inventoryOf(region, scope, call, index === 0);
    return beyond !== undefined && others.has(region) ? orTold(listed, { place: { region: region.cloud.region } }, beyond, call) : listed;
  });
  return (await Promise.all(perRegion)).flat();
}

async function inventoryOf(region: Region, scope: InventoryScope, call: Call, identities: boolean): Promise<readonly Found[]> {
  const { settings } = region.cloud.options;
  const lists = [
    listInstances(region, scope, call),
    listVolumes(region.cloud, scope, call),
    listInterfaces(region, scope, call),
    listGroups(region, scope, call),
    listSecrets(region.cloud, scope, call),
    listDatabases(region.cloud, scope, call),
    ...optional(region, 'route', settings.listener !== undefined, scope, call),
    ...optional(region, 'keeper', settings.schedulerRole !== undefined, scope, call),
    ...(identities ? [listIdentities(region.cloud, scope, call)] : []),
  ];
  return (await Promise.all(lists.map(ifImplemented))).flat();
}

const OPTIONAL = { route: listRoutes, keeper: listSchedules };

/** What only some configs have use for: asked where this one has, and where somebody looks beyond it. */
function optional(
  { cloud }: Region,
  kind: keyof typeof OPTIONAL,
  configured: boolean,
  scope: InventoryScope,
  call: Call,
): readonly Promise<readonly Found[]>[] {
  const { beyond } = scope;
  if (configured) return [OPTIONAL[kind](cloud, scope, call)];
  if (beyond === undefined) return [];
  return [orTold(OPTIONAL[kind](cloud, scope, call), { kind, place: { region: cloud.region } }, beyond, call)];
}

/** A list, or nothing where it could not be had, which is told. */
async function orTold(
  list: Promise<readonly Found[]>,
  what: Omit<Unasked, 'fault'>,
  beyond: (unasked: Unasked) => void,
  call: Call,
): Promise<readonly Found[]> {
  try {
    return await list;
  } catch (thrown) {
    if (call.signal.aborted || !(thrown instanceof Fault)) throw thrown;
    beyond({ ...what, fault: thrown });
    return [];
  }
}

/** An endpoint that does not know a service at all, such as an emulator, has nothing of it. */
async function ifImplemented(list: Promise<readonly Found[]>): Promise<readonly Found[]> {
  return (await unless(['unimplemented'], () => list)) ?? [];
}

/**
 * Deletes what was found, what uses before what is used: what is further down goes when all that is above it has gone. Repeated until
 * nothing is left.
 * @throws Fault of the first that could not be asked to go, when all others were
 */
export async function reclaim(regions: readonly Region[], found: readonly Found[], call: Call): Promise<'requested' | 'absent'> {
  const settled = await Promise.allSettled(staggered(partsOf(regions, found), call, ({ region, here }) => reclaimIn(region, here, call)));
  for (const one of settled) if (one.status === 'rejected') throw one.reason;
  return settled.every((one) => one.status === 'fulfilled' && one.value === 'absent') ? 'absent' : 'requested';
}

async function reclaimIn(region: Region, found: readonly Found[], call: Call): Promise<'requested' | 'absent'> {
  const { cloud } = region;
  const of = (kind: Found['kind']) => found.filter((thing) => thing.kind === kind);
  const holding = (name: string) => found.filter(({ handle }) => handleText(handle, name) !== undefined);
  const each = (some: readonly Found[], one: (thing: Found) => Promise<'requested' | 'absent'>) => some.map(one);
  const some = (things: readonly Found[], all: () => Promise<'requested' | 'absent'>) => (things.length === 0 ? [] : [all()]);
  const steps: readonly (() => readonly Promise<'requested' | 'absent'>[])[] = [
    () => {
      const targetGroups = of('route').flatMap(({ handle }) => handleText(handle, 'targetGroup') ?? []);
      const instances = some(holding('machine'), () => reclaimInstances(region, holding('machine'), targetGroups, call));
      return [
        ...instances,
        // Requests under way end before the way that they came by does.
        ...each(of('route'), async (thing) => {
          await Promise.allSettled(instances);
          return reclaimRoute(cloud, thing, call);
        }),
        ...each(of('database'), (thing) => reclaimDatabase(region, thing, call)),
        ...each(of('secret'), (thing) => reclaimSecret(cloud, thing, call)),
        // A role and its profile are listed apart and go together.
        ...each(once(of('identity'), 'role'), (thing) => reclaimIdentity(cloud, thing, call)),
      ];
    },
    () => [
      ...each(of('volume'), (thing) => reclaimVolume(cloud, thing, call)),
      ...each(holding('interface'), (thing) => reclaimInterface(region, thing, call)),
    ],
    () => some(of('firewall'), () => reclaimGroups(region, of('firewall'), call)),
    // What ends the rest at its deadline goes last.
    () => each(of('keeper'), (thing) => reclaimSchedule(cloud, thing, call)),
  ];
  for (const step of steps) {
    const settled = await Promise.allSettled(step());
    for (const one of settled) if (one.status === 'rejected') throw one.reason;
    if (settled.some((one) => one.status === 'fulfilled' && one.value === 'requested')) return 'requested';
  }
  return 'absent';
}

/** Of things with the same handle, the first. */
function once(found: readonly Found[], name: string): readonly Found[] {
  return [...new Map(found.map((thing) => [handleText(thing.handle, name), thing])).values()];
}

/** Marks what shows a mark when it is listed; `since` undefined takes the marks away. @throws Fault */
export async function mark(regions: readonly Region[], found: readonly Found[], since: number | undefined, call: Call): Promise<void> {
  const { put, drop } = orphanMark(since);
  await Promise.all(
    staggered(partsOf(regions, found), call, async ({ region, here }) => {
      await retag(region, here, put, drop, call);
      for (const thing of here.filter((one) => taggable(one).length === 0)) await markOther(region, thing, since, call);
    }),
  );
}

async function markOther({ cloud }: Region, thing: Found, since: number | undefined, call: Call): Promise<void> {
  switch (thing.kind) {
    case 'identity':
      return markIdentity(cloud, thing, since, call);
    case 'database':
      return markDatabase(cloud, thing, since, call);
    case 'route':
      return markRoute(cloud, thing, since, call);
    // A list of parameters shows no tags, and a schedule bears none.
    case 'secret':
    case 'keeper':
    case 'volume':
    case 'firewall':
    case 'service':
    case 'registration':
    case 'process':
    case 'folder':
  }
}

/** Makes things those of this state location, and no orphans. @throws Fault */
export async function own(regions: readonly Region[], found: readonly Found[], call: Call): Promise<void> {
  await Promise.all(
    staggered(partsOf(regions, found), call, async ({ region, here }) => {
      await retag(region, here, { [OWNED.state]: region.cloud.options.stateTag }, [OWNED.orphan], call);
      for (const thing of here.filter((one) => taggable(one).length === 0)) await ownOther(region, thing, call);
    }),
  );
}

async function ownOther({ cloud }: Region, thing: Found, call: Call): Promise<void> {
  switch (thing.kind) {
    case 'secret':
      return ownSecret(cloud, thing, call);
    case 'identity':
      return ownIdentity(cloud, thing, call);
    case 'database':
      return ownDatabase(cloud, thing, call);
    case 'route':
      return ownRoute(cloud, thing, call);
    case 'keeper':
      return ownSchedule(cloud, thing, call);
    case 'volume':
    case 'firewall':
    case 'service':
    case 'registration':
    case 'process':
    case 'folder':
  }
}
