import { isoTime } from '../core/clock.ts';
import { SpinError } from '../core/errors.ts';
import { clientToken, incarnationTime, isIncarnation, makeTraceId, parseSpinId, type SpinId } from '../core/ids.ts';
import { OWNED, type Tags } from '../core/tags.ts';
import { GIVEN_UNKNOWN } from '../lifecycle/given.ts';
import { isOurs } from '../lifecycle/taken-over.ts';
import type { Plan, PlannedResource, ResourceKind } from '../plan/plan.ts';
import { RESOURCE_KINDS } from '../plan/plan.ts';
import { standIn } from '../plan/stand-in.ts';
import type { Found } from '../providers/provider.ts';
import { bareSpec } from '../spec/bare.ts';
import type { Spec } from '../spec/spec.ts';
import { RECORD_SCHEMA, type ResourceRecord, type SpinRecord } from '../store/record.ts';
import { type Sighting, sightings, tagsOf } from './cloud.ts';
import type { App } from './context.ts';
import { silent } from './emitter.ts';
import type { AdoptOutcome } from './outcomes.ts';
import { planFor } from './plan-for.ts';
import { loadRequest } from './spec-request.ts';
import { takeLease } from './work-on.ts';

export interface AdoptRequest {
  readonly id: string;
  /** The spec that it was made from: with it, `up` goes on where it was; without it, the record holds what the tags tell. */
  readonly file?: string;
}

/** Tags that are no user's. */
const PROVIDERS_OWN = /^(?:spin:|aws:|Name$)/;

/**
 * Makes a record of a spin that has none, from its provider's tags alone; what another state location owns becomes ours.
 * Repeatable: where an earlier one broke off, it goes on; and a record that was made from tags alone is given the spec.
 * @throws SpinError `spin-not-found`, `change-refused` where it has a record that lacks nothing, `confirmation-needed`, `declined`, `lease-held`
 */
export async function adopt(app: App, request: AdoptRequest): Promise<AdoptOutcome> {
  const id = parseSpinId(request.id);
  const { seen: all, unlisted } = await sightings(app, id);
  // Anyone who may tag can write a life that none of ours ever had; it would become the name of a file.
  const seen = all.filter(({ found: [first] }) => isIncarnation(first.incarnation));
  const [newest] = seen;
  if (newest === undefined) {
    const blind = unlisted.map(({ provider, problem }) => `${provider} could not be asked (${problem})`).join('; ');
    throw new SpinError('spin-not-found', `no provider has anything of ${id}${blind === '' ? '' : `; ${blind}`}`, {
      hint: 'spin ls --cloud',
    });
  }
  const tags = tagsOf(newest);
  const foreign = newest.found.some((thing) => !isOurs(app.stateTag, thing));
  if (foreign) await agree(app, id, newest);
  const call = { clock: app.clock, signal: app.signal, emit: silent };
  const loaded = request.file === undefined ? undefined : await loadRequest(app, { file: request.file, id });
  const plan = loaded === undefined ? undefined : await planFor(loaded.spec, newest.provider, call);
  const made = recordOf(app, newest, tags, loaded?.spec, plan, loaded?.file);
  const session = await takeLease(app, { id, command: 'adopt', take: 'claim', create: () => made });
  const known = session?.record ?? made;
  const isNew = known.trace === made.trace;
  const completes = !isNew && loaded !== undefined && isBare(known);
  try {
    // An adopt that broke off leaves a record of what is not ours yet. It goes on; what the record says stays as it is.
    const sameLife = known.incarnation === made.incarnation && known.releasedAt === undefined;
    if (!isNew && !(sameLife && (foreign || completes))) {
      throw new SpinError('change-refused', `${id} has a record`, {
        hint: sameLife && isBare(known) ? `spin adopt ${id} -f FILE gives it the spec that it was made from` : `spin status ${id}`,
      });
    }
    if (completes) await session?.update((record) => withSpec(record, made));
    // The record first: from here on a sweep of this state location sees whose they are.
    await newest.provider.own(newest.found, call);
  } finally {
    await session?.close();
  }
  const record = completes ? withSpec(known, made) : known;
  return {
    id,
    incarnation: record.incarnation,
    provider: record.provider,
    owner: record.owner,
    deadline: isoTime(record.deadline),
    resources: Object.keys(record.resources),
    tookOver: foreign,
    withSpec: !isBare(record),
    olderLives: seen.length - 1,
  };
}

/** True for a record that was made from tags alone: a spec has a service. */
function isBare({ spec }: Pick<SpinRecord, 'spec'>): boolean {
  return Object.keys(spec.services).length === 0;
}

/** What the spec says of things that are there; the record keeps what was written down of the life since. */
function withSpec(record: SpinRecord, { spec, specFile, resources }: SpinRecord): SpinRecord {
  const told = Object.entries(record.resources).map(([key, resource]) => [key, resources[key] ?? resource] as const);
  return { ...record, spec, specFile, resources: Object.fromEntries(told) };
}

async function agree(app: App, id: SpinId, { found }: Sighting): Promise<void> {
  const agreed = await app.confirm({
    text: `${id} belongs to another state location. Take it over?`,
    items: found.map(({ what }) => what),
  });
  if (!agreed) throw new SpinError('declined', 'nothing was taken over');
}

function recordOf(app: App, sighting: Sighting, tags: Tags, spec: Spec | undefined, plan: Plan | undefined, file?: string): SpinRecord {
  const { provider, found } = sighting;
  const [first] = found;
  const now = app.clock.now();
  const born = incarnationTime(first.incarnation);
  const createdAt = Number.isNaN(born) ? now : born;
  const told = Date.parse(tags[OWNED.deadline] ?? '');
  // Without a deadline in the tags nobody knows how long it was to live: a sweep takes it soon.
  const deadline = Number.isNaN(told) ? now + (app.config.settings.ttlMs ?? 3_600_000) : told;
  const owner = tags[OWNED.owner] ?? app.config.settings.owner;
  const users = Object.fromEntries(Object.entries(tags).filter(([name]) => !PROVIDERS_OWN.test(name)));
  const resources = resourcesOf(found, plan, createdAt, now);
  return {
    schema: RECORD_SCHEMA,
    id: first.id,
    incarnation: first.incarnation,
    trace: makeTraceId(),
    provider: provider.name,
    ...(first.place === undefined ? {} : { place: first.place }),
    owner,
    tags: users,
    // Enough to look at the spin, to price it and to take it down.
    spec: spec ?? bareSpec({ name: first.id, provider: provider.name, ttlMs: deadline - createdAt, owner, tags: users, baseDir: app.cwd }),
    specFile: file ?? '',
    desired: 'up',
    createdAt,
    updatedAt: now,
    deadline,
    // It was up as far as anybody can tell: a sweep must not take it for an up that died.
    readyAt: now,
    enforcers: [],
    resources: Object.fromEntries(resources.map((resource) => [resource.key, resource])),
    generations: Object.fromEntries(
      [...Map.groupBy(resources, ({ address }) => address)].map(([address, all]) => [
        address,
        Math.max(...all.map(({ generation }) => generation)),
      ]),
    ),
    spent: [],
  };
}

/** One per resource key; what the plan has under its address is what it was asked to be. */
function resourcesOf(found: readonly Found[], plan: Plan | undefined, createdAt: number, now: number): readonly ResourceRecord[] {
  const groups = Map.groupBy(found, ({ resource }) => resource);
  const keys = [...groups.keys()];
  return [...groups].flatMap(([key, things]): ResourceRecord[] => {
    const named = /^(?<kind>[a-z]+)\.(?<name>.+)@(?<generation>\d{1,9})$/.exec(key)?.groups;
    const [first] = things;
    if (named === undefined || first === undefined) return [];
    const { kind, name } = named;
    const known = RESOURCE_KINDS.find((each): each is ResourceKind => each === kind);
    if (known === undefined || name === undefined) return [];
    const address = `${known}.${name}`;
    const generation = Number(named['generation']);
    const planned = plan?.resources.find((resource) => resource.address === address);
    const desired: Pick<PlannedResource, 'desire' | 'digest' | 'strategy' | 'hourly'> = planned ?? standIn(known, name);
    return [
      {
        key,
        address,
        kind: known,
        generation,
        token: clientToken(first.id, first.incarnation, address, generation),
        count: planned?.count ?? (known === 'service' ? things.filter((thing) => thing.kind === 'service').length : 1),
        digest: desired.digest,
        desire: desired.desire,
        strategy: desired.strategy,
        needs: (planned?.needs ?? []).flatMap((need) => keys.filter((other) => other.startsWith(`${need}@`)).slice(-1)),
        hourly: desired.hourly,
        bound: GIVEN_UNKNOWN,
        requestedAt: Math.min(...things.map((thing) => thing.createdAt ?? createdAt)),
        since: now,
        status: 'booting',
        handle: first.handle,
      },
    ];
  });
}
