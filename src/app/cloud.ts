import { isoTime } from '../core/clock.ts';
import { incarnationTime, type SpinId } from '../core/ids.ts';
import { OWNED, type Tags } from '../core/tags.ts';
import { isOurs, ownedByOthers } from '../lifecycle/taken-over.ts';
import { Fault } from '../providers/fault.ts';
import type { Found, Provider, Unasked } from '../providers/provider.ts';
import type { RecordOutline, SpinRecord } from '../store/record.ts';
import type { App } from './context.ts';
import { silent } from './emitter.ts';
import type { CloudLsOutcome, CloudSpin } from './outcomes.ts';
import { providersInReach } from './providers.ts';
import { problemsOf } from './unasked.ts';

/** The things of one life of a spin, as its provider's tags tell it; no record is read. */
export interface Sighting {
  readonly provider: Provider;
  readonly found: readonly [Found, ...Found[]];
}

export interface Sightings {
  readonly seen: readonly Sighting[];
  readonly unlisted: CloudLsOutcome['unlisted'];
}

/** As in the lifecycle, with the provider and the state location of the App. @throws Fault */
export async function othersOf(app: App, record: SpinRecord): Promise<readonly Found[]> {
  const call = { clock: app.clock, signal: app.signal, emit: silent };
  return ownedByOthers(await app.provider(record.provider), record, app.stateTag, call);
}

/** Lists what the providers have by tags alone, whatever state location owns it; the newest life of an ID first. */
export async function sightings(app: App, id?: SpinId): Promise<Sightings> {
  const call = { clock: app.clock, signal: app.signal, emit: silent };
  const seen: Sighting[] = [];
  const unlisted: CloudLsOutcome['unlisted'][number][] = [];
  for (const { provider } of await providersInReach(app)) {
    const unasked: Unasked[] = [];
    // Of one spin, to adopt it, only what this config can go on with; of all of them, whatever there is.
    const scope = { everyone: true, ...(id === undefined ? { beyond: (one: Unasked) => void unasked.push(one) } : { id }) };
    try {
      const found = await provider.inventory(scope, call);
      unlisted.push(...problemsOf(unasked).map((problem) => ({ provider: provider.name, problem, inPart: true as const })));
      for (const [first, ...others] of Map.groupBy(found, (thing) => `${thing.id}/${thing.incarnation}`).values())
        if (first !== undefined) seen.push({ provider, found: [first, ...others] });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      unlisted.push({ provider: provider.name, problem: thrown.message });
    }
  }
  return { seen: seen.toSorted((a, b) => (nameOf(a) < nameOf(b) ? 1 : -1)), unlisted };
}

/** Every spin that a provider has something of, from tags alone, sorted by ID; owner and deadline also from a record here. */
export async function lsCloud(app: App): Promise<CloudLsOutcome> {
  const { seen, unlisted } = await sightings(app);
  // After the listing, so that what an `up` made meanwhile has its record by now.
  const { seen: records } = await app.store.scan(({ id, incarnation, owner, deadline }): [string, Recorded] => [
    `${id}/${incarnation}`,
    { owner, deadline },
  ]);
  const recorded = new Map(records);
  return { spins: seen.map((sighting) => cloudSpin(app, sighting, recorded)).toReversed(), unlisted };
}

/** All tags of a life: its things carry the same ones, but for what belongs to each. */
export function tagsOf({ found }: Sighting): Tags {
  return Object.assign({}, ...found.map((thing) => thing.tags ?? {})) as Tags;
}

/** What a record here says of a life; not every provider has it in its tags. */
type Recorded = Pick<RecordOutline, 'owner' | 'deadline'>;

function cloudSpin(app: App, sighting: Sighting, records: ReadonlyMap<string, Recorded>): CloudSpin {
  const { found, provider } = sighting;
  const [first] = found;
  const tags = tagsOf(sighting);
  const born = incarnationTime(first.incarnation);
  const orphans = found.flatMap(({ orphanSince }) => (orphanSince === undefined ? [] : [orphanSince]));
  const record = records.get(nameOf(sighting));
  const owner = tags[OWNED.owner] ?? record?.owner;
  const deadline = tags[OWNED.deadline] ?? (record === undefined ? undefined : isoTime(record.deadline));
  return {
    id: first.id,
    incarnation: first.incarnation,
    provider: provider.name,
    ...first.place,
    ...(owner === undefined ? {} : { owner }),
    ...(Number.isNaN(born) ? {} : { createdAt: isoTime(born) }),
    ...(deadline === undefined ? {} : { deadline }),
    ours: found.every((thing) => isOurs(app.stateTag, thing)),
    recorded: record !== undefined,
    ...(orphans.length === 0 ? {} : { orphanSince: isoTime(Math.min(...orphans)) }),
    things: found.map(({ resource, kind, what }) => ({ resource, kind, what })),
  };
}

function nameOf({ found: [{ id, incarnation }] }: Sighting): string {
  return `${id}/${incarnation}`;
}
