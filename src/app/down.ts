import { InternalError, isSpinError, messageOf, SpinError } from '../core/errors.ts';
import { parseSpinId, type SpinId } from '../core/ids.ts';
import { isKept } from '../core/tags.ts';
import type { Known, NanoUsd } from '../core/money.ts';
import { costOfIntervals, intervalsOf } from '../cost/intervals.ts';
import { hasToEvacuate, runEvacuation } from '../lifecycle/evacuate.ts';
import { dissolve } from '../lifecycle/dissolve.ts';
import { turnedDown } from '../lifecycle/release.ts';
import type { Work } from '../lifecycle/work.ts';
import type { SpinRecord } from '../store/record.ts';
import { foldTimings, lastCommand } from '../telemetry/timings.ts';
import type { App } from './context.ts';
import type { DownOutcome, DownResult } from './outcomes.ts';
import { requestedId } from './spec-request.ts';
import { releaseUnrecorded } from './unrecorded.ts';
import { begin, takeLease, waiting } from './work-on.ts';

export interface DownRequest {
  readonly ids: readonly string[];
  readonly file?: string;
  readonly all?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
  /** Wait for another `down` on the same spin: a duration such as `2m`, or true for as long as it takes. */
  readonly wait?: string | true;
  /** Only this life of the spin; a newer one is left alone. */
  readonly incarnation?: string;
  /** The deadline passed: asked for by an enforcer, not by a person. */
  readonly expired?: boolean;
  /** Go on though the evacuation hook failed, and, with `all` or `tags`, though a keep tag holds a spin. */
  readonly force?: boolean;
}

/** How a sweep takes a spin down: it does not take the lease from anybody, and looks once more under it. */
export interface SweepRequest {
  readonly incarnation: string;
  /** Why it is swept. */
  readonly reason: string;
  /** What there is to say against it, by the record as it is under the lease. */
  readonly objection: (record: SpinRecord) => Promise<string | undefined>;
}

/**
 * Takes spins down and proves that nothing is left. Idempotent; works on half-made spins and without a spec or a record.
 * One spin that fails does not stop the others.
 * @throws SpinError `usage`, `confirmation-needed`, `declined`
 */
export async function down(app: App, request: DownRequest): Promise<DownOutcome> {
  const { ids, kept } = await chosen(app, request);
  if (ids.length === 0) return { spins: kept };
  const agreed = await app.confirm({ text: `Take down ${ids.length === 1 ? ids[0] : `${ids.length} spins`}?`, items: ids });
  if (!agreed) throw new SpinError('declined', 'nothing was taken down');
  return { spins: [...(await Promise.all(ids.map((id) => downOne(app, id, request)))), ...kept] };
}

/** Takes one spin down, reporting a failure as part of the result. */
export async function downOne(app: App, id: SpinId, request: Omit<DownRequest, 'ids'>): Promise<DownResult> {
  try {
    return await release(app, id, request);
  } catch (thrown) {
    if (thrown instanceof InternalError || app.signal.aborted) throw thrown;
    const left = isSpinError(thrown) && Array.isArray(thrown.data['left']) ? thrown.data['left'].map(String) : [];
    const code = isSpinError(thrown) ? thrown.code : 'release-failed';
    const hint = isSpinError(thrown) ? thrown.hint : undefined;
    return {
      id,
      result: 'failed',
      left,
      releasedResources: 0,
      secretsDestroyed: 0,
      error: { code, message: messageOf(thrown), ...(hint === undefined ? {} : { hint }) },
    };
  }
}

/**
 * Takes one spin down for a sweep.
 * @returns false where it is gone, lives again, or there is an objection
 * @throws SpinError `lease-held`, `release-failed`
 */
export function sweepDown(app: App, id: SpinId, sweep: SweepRequest): Promise<boolean> {
  return underSweep(app, id, sweep, 'release', async (work) => void (await takeDown(app, work, true)));
}

/**
 * Forgets a spin for a sweep that another state location has taken over: what it cost until now is settled, and nothing is released.
 * @returns false as sweepDown
 * @throws SpinError `lease-held`
 */
export function sweepForget(app: App, id: SpinId, sweep: SweepRequest): Promise<boolean> {
  return underSweep(app, id, sweep, 'forget', async ({ session }) => {
    const releasedAt = app.clock.now();
    await settleLedger(app, session.record, releasedAt);
    await session.update((record) => ({ ...record, updatedAt: releasedAt, releasedAt }));
    await session.remove();
  });
}

async function underSweep(
  app: App,
  id: SpinId,
  sweep: SweepRequest,
  verdict: 'release' | 'forget',
  act: (work: Work) => Promise<void>,
): Promise<boolean> {
  const began = app.clock.now();
  const session = await takeLease(app, { id, command: 'gc', take: 'claim' });
  if (session === undefined) return false;
  try {
    const { record } = session;
    if (record.releasedAt !== undefined || record.incarnation !== sweep.incarnation) return false;
    if ((await sweep.objection(record)) !== undefined) return false;
    const work = begin(app, session, await app.provider(record.provider), { command: 'gc', began });
    work.call.emit({ type: 'gc.swept', data: { verdict, reason: sweep.reason } });
    await act(work);
    return true;
  } finally {
    await session.close();
  }
}

interface Chosen {
  readonly ids: readonly SpinId[];
  readonly kept: readonly DownResult[];
}

/** The spins that a request means. One that is not named, but meant along with others, is held by its keep tag. */
async function chosen(app: App, request: DownRequest): Promise<Chosen> {
  const { all, tags } = request;
  if (all !== true && tags === undefined) {
    const ids = request.ids.length > 0 ? request.ids.map((id) => parseSpinId(id)) : [await requestedId(app, undefined, request.file)];
    return { ids: [...new Set(ids)], kept: [] };
  }
  if (request.ids.length > 0) throw new SpinError('usage', 'give spin IDs, or --all, or --tag; not both');
  const { records } = await app.store.list();
  const meant = records
    .map(({ record }) => record)
    .filter((record) => record.releasedAt === undefined)
    .filter((record) => Object.entries(tags ?? {}).every(([name, value]) => record.tags[name] === value));
  const held = meant.filter((record) => request.force !== true && isKept(record.tags, app.clock.now()));
  return {
    ids: meant.filter((record) => !held.includes(record)).map((record) => record.id),
    kept: held.map(({ id }) => spared(id)),
  };
}

/** True where an `extend` moved the deadline after the enforcer that asks had looked at it: the lease is not even taken from it. */
function extended(app: App, record: SpinRecord | undefined): boolean {
  return record?.desired === 'up' && record.releasedAt === undefined && app.clock.now() < record.deadline;
}

function spared(id: SpinId): DownResult {
  return { id, result: 'kept', left: [], releasedResources: 0, secretsDestroyed: 0 };
}

async function release(app: App, id: SpinId, request: Omit<DownRequest, 'ids'>): Promise<DownResult> {
  const began = app.clock.now();
  const absent: DownResult = { id, result: 'absent', left: [], releasedResources: 0, secretsDestroyed: 0 };
  if (request.expired === true || request.incarnation !== undefined) {
    const known = (await app.store.read(id))?.record;
    // Not even its lease is taken: an enforcer of an earlier life would stop the `up` of this one.
    if (request.incarnation !== undefined && known !== undefined && known.incarnation !== request.incarnation) return absent;
    if (request.expired === true && extended(app, known)) return spared(id);
  }
  const session = await takeLease(app, {
    id,
    command: 'down',
    take: 'preempt',
    change: (record, now) => {
      if (record.releasedAt !== undefined || (request.incarnation !== undefined && request.incarnation !== record.incarnation))
        return record;
      // Loaded while the disk is busy with the lease; who needs it is told what went wrong.
      app.provider(record.provider).catch(() => undefined);
      return hasToEvacuate(record) ? record : turnedDown(record, now);
    },
    ...waiting(request.wait),
  });
  if (session === undefined) return releaseUnrecorded(app, { id, incarnation: request.incarnation, file: request.file });
  try {
    const { record } = session;
    if (request.incarnation !== undefined && request.incarnation !== record.incarnation) return absent;
    if (record.releasedAt !== undefined) {
      // An earlier `down` ended between its proof and its last step.
      await session.remove();
      return absent;
    }
    const work = begin(app, session, await app.provider(record.provider), { command: 'down', began });
    if (request.expired === true) work.call.emit({ type: 'spin.expired', data: { enforcer: 'keeper' } });
    return await takeDown(app, work, request.force === true || request.expired === true);
  } finally {
    await session.close();
  }
}

/**
 * Releases all of a spin under its lease, settles the ledger and forgets the record.
 * @param regardless go on though the evacuation hook failed
 * @throws SpinError `release-failed`, after the record says why
 */
export async function takeDown(app: App, work: Work, regardless: boolean): Promise<DownResult> {
  const { session, call } = work;
  const began = call.clock.now();
  const before = session.record;
  const held = Object.values(before.resources);
  try {
    if (hasToEvacuate(before)) await runEvacuation(work, regardless);
    if (session.record.desired === 'up') await session.update((record) => turnedDown(record, call.clock.now()));
    await dissolve(work);
  } catch (thrown) {
    if (!call.signal.aborted) await noteFailure(work, thrown);
    throw thrown;
  }
  const secrets = held.filter((resource) => resource.kind === 'secret').length;
  const releasedAt = call.clock.now();
  // The ledger first: a tombstone makes room for the next life, and what this one cost must be kept by then.
  const cost = await settleLedger(app, session.record, releasedAt);
  const released = await session.update((record) => ({ ...record, updatedAt: releasedAt, releasedAt }));
  call.emit({ type: 'spin.released', ms: releasedAt - began, data: { resources: held.length, secrets, left: 0 } });
  const events = await app.store.events(released.id, released.incarnation);
  await session.remove();
  return {
    id: released.id,
    result: 'released',
    left: [],
    releasedResources: held.length,
    secretsDestroyed: secrets,
    timings: foldTimings(lastCommand(events)),
    cost,
  };
}

async function settleLedger(app: App, record: SpinRecord, releasedAt: number): Promise<Known<NanoUsd>> {
  const intervals = intervalsOf(record, releasedAt);
  const cost = costOfIntervals(intervals);
  const { id, incarnation, provider, owner, tags, createdAt } = record;
  await app.store.settle({ v: 1, id, incarnation, provider, owner, tags, createdAt, releasedAt, intervals, cost });
  return cost;
}

async function noteFailure(work: Work, thrown: unknown): Promise<void> {
  const failure = { class: isSpinError(thrown) ? thrown.code : 'release-failed', message: messageOf(thrown) };
  work.call.emit({ type: 'spin.failed', fault: failure });
  // The failure that is being reported matters more than one of noting it.
  await work.session.update((record) => ({ ...record, failure, updatedAt: work.call.clock.now() })).catch(() => undefined);
}
