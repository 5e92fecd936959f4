import { isoTime } from '../core/clock.ts';
import { isSpinError, SpinError } from '../core/errors.ts';
import { type Incarnation, parseSpinId, type SpinId } from '../core/ids.ts';
import { sweep } from '../gc/sweep.ts';
import { blastRadius, deletes, type GcPolicy, judge, runs, type Survey, type Verdict, type Where } from '../gc/verdict.ts';
import { Fault } from '../providers/fault.ts';
import type { Found, Place, Unasked } from '../providers/provider.ts';
import type { SpinRecord } from '../store/record.ts';
import type { StoredRecord } from '../store/store.ts';
import { proofTimeout, untilAbsent } from '../lifecycle/proving.ts';
import { othersOf } from './cloud.ts';
import type { App } from './context.ts';
import { sweepDown, sweepForget, type SweepRequest } from './down.ts';
import { durationOf } from './durations.ts';
import { type InUse, providersInUse } from './providers.ts';
import { silent } from './emitter.ts';
import type { GcOutcome } from './outcomes.ts';
import { problemsOf } from './unasked.ts';

export interface GcRequest {
  readonly dryRun: boolean;
  readonly grace?: string;
  readonly maxSpins?: number;
  readonly maxPercent?: number;
  /** Sweep though the blast-radius limit says stop. */
  readonly force?: boolean;
}

/**
 * Judges every spin and every thing of ours, and sweeps what should not be there. Two sweeps at once are safe:
 * each deletion takes the spin's lease and judges again.
 * @throws SpinError `blast-radius`, `confirmation-needed`, `declined`, before anything is deleted; `state-unwritable`
 */
export async function gc(app: App, request: GcRequest): Promise<GcOutcome> {
  const policy = policyOf(app, request);
  // Once, and not for each of thousands that are rechecked: to know them takes a look at every record.
  const providers = await providersInUse(app);
  const { unasked, ...surveyed } = await surveyAll(app, providers);
  const verdicts = await judgeAll(app, surveyed, policy);
  const examined = { records: surveyed.records.length, found: surveyed.found.length };
  const unlisted = surveyed.unlisted ?? [];
  const tooMuch = blastRadius(verdicts, policy);
  if (tooMuch !== undefined && !request.dryRun && request.force !== true) {
    throw new SpinError('blast-radius', tooMuch, {
      data: { verdicts: verdicts.filter((verdict) => verdict.verdict !== 'keep').map(shown) },
    });
  }
  const passedOver = app.reachable.filter((name) => !providers.some(({ provider }) => provider.name === name));
  const judged = { examined, unlisted, unasked, passedOver, verdicts: verdicts.map(shown) };
  if (request.dryRun) return { dryRun: true, ...judged, swept: [], pruned: 0, ...(tooMuch === undefined ? {} : { stopped: tooMuch }) };
  await agree(app, verdicts);
  const requestOf = (id: SpinId, incarnation: Incarnation, wanted: Verdict['verdict']): SweepRequest => ({
    incarnation,
    reason: verdicts.find((verdict) => verdict.id === id)?.reason ?? 'judged again',
    objection: (record) => objection(app, record, verdicts, wanted, policy),
  });
  const swept = await sweep(
    verdicts,
    {
      release: (id, incarnation) => sweepDown(app, id, requestOf(id, incarnation, 'release')),
      forget: (id, incarnation) => sweepForget(app, id, requestOf(id, incarnation, 'forget')),
      reclaim: (found) => reclaim(app, found),
      mark: (found, orphan) => mark(app, found, orphan),
      recheck: (verdict) => recheck(app, about(verdict, providers, surveyed), verdict, policy),
    },
    { signal: app.signal },
  );
  app.signal.throwIfAborted();
  const pruned = await app.store.prune(app.clock.now() - app.config.settings.history.retainMs);
  return { dryRun: false, ...judged, swept, pruned };
}

/** Asks before anything is deleted. @throws SpinError `confirmation-needed`, `declined` */
async function agree(app: App, verdicts: readonly Verdict[]): Promise<void> {
  const items = verdicts
    .filter(({ verdict }) => deletes(verdict))
    .map(({ subject, verdict, reason }) => `${verdict} ${subject}: ${reason}`);
  if (items.length === 0) return;
  const agreed = await app.confirm({ text: `Sweep ${items.length === 1 ? 'this' : `these ${items.length}`}?`, items });
  if (!agreed) throw new SpinError('declined', 'nothing was swept');
}

/** A verdict without what only a provider can read. */
function shown({ found, ...verdict }: Verdict): GcOutcome['verdicts'][number] {
  return {
    ...verdict,
    found: found.map(({ provider, resource, kind, what, createdAt }) => ({
      provider,
      resource,
      kind,
      what,
      ...(createdAt === undefined ? {} : { createdAt: isoTime(createdAt) }),
    })),
  };
}

function policyOf(app: App, request: GcRequest): GcPolicy {
  const { gc: configured } = app.config.settings;
  return {
    graceMs: request.grace === undefined ? configured.graceMs : durationOf('--grace', request.grace, 0),
    maxSpins: request.maxSpins ?? configured.maxSpins,
    maxPercent: request.maxPercent ?? configured.maxPercent,
  };
}

/** Lists what the providers have before the records, so that a spin made meanwhile is not taken for an orphan. */
async function surveyAll(app: App, providers: readonly InUse[]): Promise<Survey & Pick<Listed, 'unasked'>> {
  const listed = await inventories(app, providers, { beyond: true });
  const { records, unreadable } = await app.store.list();
  const ids = unreadable.map(({ id }) => id);
  return { ...surveyOf(app, listed, records, ids), unasked: listed.unasked };
}

/** The same for one spin; `beyond` where something of it was found that this config may have no use for. */
async function surveyOne(app: App, providers: readonly InUse[], id: SpinId, beyond: boolean): Promise<Survey> {
  const listed = await inventories(app, providers, { id, beyond });
  try {
    const stored = await app.store.read(id);
    return surveyOf(app, listed, stored === undefined ? [] : [stored], []);
  } catch (thrown) {
    if (!isSpinError(thrown)) throw thrown;
    return surveyOf(app, listed, [], [id]);
  }
}

interface Listed {
  readonly found: readonly Found[];
  readonly unlisted: readonly string[];
  readonly listed: readonly Where[];
  readonly outOfReach: readonly Where[];
  readonly unseen: readonly { readonly provider: string; readonly kind: Found['kind'] }[];
  /** All that was not listed, with the reason: lines for people. */
  readonly unasked: readonly string[];
}

/** One provider that cannot be asked, or not for everything, does not keep the rest from being swept. */
async function inventories(
  app: App,
  providers: readonly InUse[],
  { id, beyond }: { readonly id?: SpinId; readonly beyond: boolean },
): Promise<Listed> {
  const call = { clock: app.clock, signal: app.signal, emit: silent };
  const found: Found[] = [];
  const unlisted: string[] = [];
  const listed: Where[] = [];
  const outOfReach: Where[] = [];
  const unseen: { provider: string; kind: Found['kind'] }[] = [];
  const problems: string[] = [];
  for (const { provider, places } of providers) {
    const { name } = provider;
    const unasked: Unasked[] = [];
    const note = (one: Unasked): void => void unasked.push(one);
    try {
      const scope = {
        ...(id === undefined ? {} : { id }),
        ...(places.length === 0 ? {} : { places }),
        ...(beyond ? { beyond: note } : {}),
      };
      found.push(...(await provider.inventory(scope, call)));
      for (const place of places) {
        const hidden = unasked.filter((one) => one.kind === undefined && lies(place, one.place));
        if (hidden.length === 0) listed.push({ provider: name, place });
        if (hidden.some((one) => one.outOfReach === true)) outOfReach.push({ provider: name, place });
      }
      unseen.push(...unasked.flatMap(({ kind }) => (kind === undefined ? [] : [{ provider: name, kind }])));
      problems.push(...problemsOf(unasked).map((problem) => `${name}: ${problem}`));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      unlisted.push(name);
      problems.push(`${name}: ${thrown.message}`);
    }
  }
  return { found, unlisted, listed, outOfReach, unseen, unasked: problems };
}

/** True where a place is part of another, which may name less. */
function lies({ account, region }: Place, within: Place = {}): boolean {
  return (within.account ?? account) === account && (within.region ?? region) === region;
}

function surveyOf(app: App, listed: Listed, records: readonly StoredRecord[], unreadable: readonly string[]): Survey {
  const { unasked: _told, ...seen } = listed;
  return {
    ...seen,
    records,
    unreadable,
    holderAlive: ({ lease }) => (lease === undefined ? false : app.alive(lease.holder)),
    now: app.clock.now(),
  };
}

/** What a provider may list only where it is asked to look beyond the config. */
const BEYOND: ReadonlySet<Found['kind']> = new Set(['keeper', 'route']);

/** The providers as they are asked about one verdict again: of the places only that of its spin. */
function about({ id, incarnation }: Verdict, providers: readonly InUse[], { records }: Survey): readonly InUse[] {
  const known = records.find(({ record }) => record.id === id && record.incarnation === incarnation)?.record;
  return providers.map(({ provider }) => ({
    provider,
    places: known?.place === undefined || known.provider !== provider.name ? [] : [known.place],
  }));
}

/** The authority right before a deletion: what is true of this subject now. */
async function recheck(app: App, providers: readonly InUse[], verdict: Verdict, policy: GcPolicy): Promise<Verdict> {
  // To look beyond costs requests for each of thousands, and only what lies there could be missed.
  const beyond = verdict.found.some(({ kind }) => BEYOND.has(kind));
  const again = (await judgeAll(app, await surveyOne(app, providers, parseSpinId(verdict.id), beyond), policy)).find(
    (other) => other.subject === verdict.subject && other.incarnation === verdict.incarnation,
  );
  return again ?? { ...verdict, verdict: 'keep', reason: 'it is gone', found: [] };
}

/**
 * Judges a survey. What would be released and shows nothing that runs may have been taken over by another state location, which takes a
 * question for each; all others are asked about under their lease.
 */
async function judgeAll(app: App, survey: Survey, policy: GcPolicy): Promise<readonly Verdict[]> {
  const verdicts = judge(survey, policy);
  const lifeless = new Set(verdicts.filter(({ verdict, found }) => verdict === 'release' && !found.some(runs)).map(({ id }) => id));
  const asked = survey.records.filter(({ record }) => lifeless.has(record.id)).map(({ record }) => foreignOf(app, record));
  const foreign = (await Promise.all(asked)).flat();
  return foreign.length === 0 ? verdicts : judge({ ...survey, foreign }, policy);
}

async function foreignOf(app: App, record: SpinRecord): Promise<readonly Found[]> {
  try {
    return await othersOf(app, record);
  } catch (thrown) {
    // Asked again under the lease, before anything is released.
    if (thrown instanceof Fault) return [];
    throw thrown;
  }
}

/**
 * What was rechecked a moment ago may have changed until the lease was had: an `extend`, an `up` that mended it, or an `adopt` by another
 * state location. @throws Fault where it cannot be asked whose it is
 */
async function objection(
  app: App,
  record: SpinRecord,
  verdicts: readonly Verdict[],
  wanted: Verdict['verdict'],
  policy: GcPolicy,
): Promise<string | undefined> {
  const foreign = await othersOf(app, record);
  const found = verdicts.find((verdict) => verdict.id === record.id && verdict.incarnation === record.incarnation)?.found ?? [];
  const stored = { version: '', record, lease: undefined, fence: 0 };
  // What was found of it was found where it lives, or the verdict would be another.
  const listed = record.place === undefined ? [] : [{ provider: record.provider, place: record.place }];
  const now = app.clock.now();
  const [again] = judge({ found, listed, foreign, records: [stored], unreadable: [], holderAlive: () => false, now }, policy);
  return again?.verdict === wanted ? undefined : (again?.reason ?? 'it is gone');
}

async function mark(app: App, found: readonly Found[], orphan: boolean): Promise<void> {
  const call = { clock: app.clock, signal: app.signal, emit: silent };
  for (const [name, ours] of Map.groupBy(found, (thing) => thing.provider))
    await (await app.provider(name)).mark(ours, orphan ? app.clock.now() : undefined, call);
}

async function reclaim(app: App, found: readonly Found[]): Promise<boolean> {
  const call = { clock: app.clock, signal: app.signal, emit: silent };
  const deadline = app.clock.now() + proofTimeout(found);
  for (const [name, ours] of Map.groupBy(found, (thing) => thing.provider)) {
    const provider = await app.provider(name);
    if (!(await untilAbsent(() => provider.reclaim(ours, call), deadline, call)))
      throw new SpinError('release-failed', `could not be proven gone: ${ours.map((thing) => thing.what).join(', ')}`, { hint: 'spin gc' });
  }
  return found.length > 0;
}
