import { canonicalJson, clientToken } from '../core/ids.ts';
import { InternalError } from '../core/errors.ts';
import type { PlannedResource, ResourceAddress } from '../plan/plan.ts';
import { intervalsUntil } from '../store/interval.ts';
import type { ResourceRecord } from '../store/record.ts';
import { base, bringUp, bringUpNew } from './effects.ts';
import { boundTo, standsOn, wasGiven } from './given.ts';
import type { Decision } from './reconcile.ts';
import { ReleaseTree } from './release.ts';
import { transition } from './table.ts';
import { Watch } from './watch.ts';
import { bindingsOf, put, type Work } from './work.ts';

/**
 * Carries decisions out: every address as soon as what it needs is ready, independent ones at the same time.
 * What is replaced side by side goes when everything new is ready. The first failure stops the waiting for the rest;
 * their records stay as they are, and the next `up` goes on from there.
 * @throws ResourceFailure of the first resource that failed; SpinError `release-failed`, `lease-lost`; the call's abort reason
 */
export async function converge(work: Work, decisions: readonly Decision[]): Promise<void> {
  const failFast = new AbortController();
  const old = decisions.flatMap((decision) => decision.stale);
  const leaving = new Set(old.map((resource) => resource.key));
  const linked: Work = { ...work, leaving, call: { ...work.call, signal: AbortSignal.any([work.call.signal, failFast.signal]) } };
  const watch = new Watch(linked);
  const stale = new ReleaseTree(linked, watch, old);
  const keys = new Map<ResourceAddress, string>();
  const tasks = new Map<ResourceAddress, Promise<void>>();

  for (const decision of decisions) {
    const { planned } = decision;
    if (planned === undefined) continue;
    const waitsFor = [...planned.needs, ...(decision.after === undefined ? [] : [decision.after])];
    // Asked for when all tasks are there: what one waits for beyond what it needs may come later in graph order.
    const task = Promise.resolve()
      .then(() => Promise.all(waitsFor.map(async (address) => tasks.get(address))))
      .then(() => carryOut(linked, watch, stale, decision, planned, keys))
      .catch((thrown: unknown) => {
        failFast.abort(thrown);
        throw thrown;
      });
    tasks.set(decision.address, task);
  }
  const results = await Promise.allSettled(tasks.values());
  // The reason that was first is the cause; the others only stopped because of it.
  if (failFast.signal.aborted) throw failFast.signal.reason;
  if (results.some((result) => result.status === 'rejected')) throw new InternalError('a task failed without stopping the others');
  await stale.releaseAll();
}

async function carryOut(
  work: Work,
  watch: Watch,
  stale: ReleaseTree,
  decision: Decision,
  planned: PlannedResource,
  keys: Map<ResourceAddress, string>,
): Promise<void> {
  work.call.signal.throwIfAborted();
  const needs = planned.needs.map((need) => keyOf(keys, need));
  const bound = boundTo(planned.desire, bindingsOf(work.session.record, work.leaving));
  const current = decision.current;
  // Given other addresses, or upon other things, than it was made with, it would be another request under the same token.
  const goesOn = current !== undefined && wasGiven(current, bound) && standsOn(current, needs);
  const ready = goesOn
    ? await goOn(work, decision, planned, { ...current, bound }, needs)
    : await replace(work, stale, decision, planned, needs, bound);
  keys.set(decision.address, ready.key);
  if (ready.status !== 'ready') await (goesOn && wasThere(current) ? bringUp(work, watch, ready) : bringUpNew(work, watch, ready));
  // Whoever is registered was counted when that was done: instances that came up since are not among them.
  else if (ready.kind === 'registration' && needs.some((need) => cameUpSince(work, need, ready)))
    await bringUp(work, watch, await again(work, ready));
}

/** True where something was made, which may serve. */
function wasThere(current: ResourceRecord): boolean {
  return current.status === 'creating' ? current.runs !== undefined : current.status !== 'failed' || current.handle !== undefined;
}

function cameUpSince(work: Work, need: string, registration: ResourceRecord): boolean {
  const needed = work.session.record.resources[need];
  return needed?.kind === 'service' && needed.status === 'ready' && needed.since > registration.since;
}

async function again(work: Work, ready: Extract<ResourceRecord, { status: 'ready' }>): Promise<ResourceRecord> {
  const booting = transition(ready, { ...base(ready), status: 'booting' as const, handle: ready.handle, since: work.call.clock.now() });
  await put(work, booting);
  return booting;
}

/** The generation that exists goes on: as it is, resumed, or with another count. */
async function goOn(
  work: Work,
  decision: Decision,
  planned: PlannedResource,
  current: ResourceRecord,
  needs: readonly string[],
): Promise<ResourceRecord> {
  const now = work.call.clock.now();
  // What runs on another alternative than the first costs what that costs, which the provider has told.
  // Another count is another price: what was spent at the old one is closed in the same write.
  const hourly = current.attempt === undefined || planned.count !== current.count ? planned.hourly : current.hourly;
  const repriced = hourly !== current.hourly || planned.count !== current.count;
  const closed = repriced ? intervalsUntil(current, now) : [];
  const next = {
    ...base(current),
    count: planned.count,
    hourly,
    desire: planned.desire,
    needs,
    since: now,
    ...(repriced ? { requestedAt: now, askedAt: current.askedAt ?? current.requestedAt } : {}),
  };
  if (decision.action === 'keep' && current.status === 'ready') {
    const { handle, endpoints, readyAt, since } = current;
    const kept = { ...next, status: 'ready' as const, handle, endpoints, readyAt, since };
    // It runs as it is; only what is known about it, such as its price or what must outlive it, may have changed.
    if (canonicalJson(kept) !== canonicalJson(work.session.record.resources[current.key])) await put(work, kept, closed);
    return kept;
  }
  switch (current.status) {
    case 'creating':
    case 'failed': {
      const again = { ...next, status: 'creating' as const };
      const moved = current.status === 'failed' ? transition(current, again) : again;
      await put(work, moved, closed);
      return moved;
    }
    case 'booting':
    case 'ready': {
      const moved = transition(current, { ...next, status: 'booting' as const, handle: current.handle });
      await put(work, moved, closed);
      return moved;
    }
    case 'releasing':
    case 'released':
      throw new InternalError(`${current.key} cannot go on from ${current.status}`);
  }
}

/** A new generation: beside the old one where that can be, else after it. Its intent is on disk when this resolves. */
async function replace(
  work: Work,
  stale: ReleaseTree,
  decision: Decision,
  planned: PlannedResource,
  needs: readonly string[],
  bound: string,
): Promise<ResourceRecord> {
  if (decision.current !== undefined) stale.add(decision.current);
  const old = [...decision.stale, ...(decision.current === undefined ? [] : [decision.current])];
  if (planned.strategy !== 'rolling') for (const resource of old) await stale.release(resource.key);
  const { record } = work.session;
  const now = work.call.clock.now();
  const generation = (record.generations[planned.address] ?? 0) + 1;
  const created: ResourceRecord = {
    key: `${planned.address}@${generation}`,
    address: planned.address,
    kind: planned.kind,
    generation,
    token: clientToken(record.id, record.incarnation, planned.address, generation),
    count: planned.count,
    digest: planned.digest,
    desire: planned.desire,
    strategy: planned.strategy,
    needs,
    hourly: planned.hourly,
    bound,
    requestedAt: now,
    since: now,
    status: 'creating',
  };
  await put(work, created);
  return created;
}

function keyOf(keys: ReadonlyMap<ResourceAddress, string>, address: ResourceAddress): string {
  const key = keys.get(address);
  if (key === undefined) throw new InternalError(`${address} is needed and was not carried out`);
  return key;
}
