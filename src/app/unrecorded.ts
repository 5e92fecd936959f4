import { SpinError } from '../core/errors.ts';
import type { SpinId } from '../core/ids.ts';
import { leftBehind } from '../lifecycle/dissolve.ts';
import { growingPauses, proofTimeout } from '../lifecycle/proving.ts';
import { isOurs, ownerNamed } from '../lifecycle/taken-over.ts';
import { Fault } from '../providers/fault.ts';
import type { Call, Found, InventoryScope, Provider, Unasked } from '../providers/provider.ts';
import type { App } from './context.ts';
import { silent } from './emitter.ts';
import type { DownResult } from './outcomes.ts';
import { providersInReach } from './providers.ts';
import { problemsOf } from './unasked.ts';

export interface Unrecorded {
  readonly id: SpinId;
  /** Only this life of it. */
  readonly incarnation: string | undefined;
  /** The spec that named it, where that is not the one in the working directory. */
  readonly file: string | undefined;
}

/**
 * Takes down a spin without a record: the providers' own inventories say whether something of it is there, and it is deleted by its tags.
 * What another state location owns is left alone.
 * @throws SpinError `release-failed` with what is left, also of another state location; Fault where a provider in use could not be asked
 */
export async function releaseUnrecorded(app: App, wanted: Unrecorded): Promise<DownResult> {
  const { id } = wanted;
  const began = app.clock.now();
  let reclaimed = 0;
  const blind: Blind = { unlisted: new Set(), unasked: new Set() };
  const others: Found[] = [];
  for (const { provider, inUse } of await providersInReach(app, wanted.file)) {
    const list = lister(app, wanted, provider, inUse, blind);
    const all = provider.elsewhere === true ? await list({ everyone: true }) : undefined;
    others.push(...(all ?? []).filter((thing) => !isOurs(app.stateTag, thing)));
    // A list of everyone's is there to be looked at: what is deleted comes from one of ours alone.
    if (all?.length !== 0) reclaimed = Math.max(reclaimed, await reclaimAll(app, id, provider, () => list({}), began));
  }
  const [first] = others;
  if (first !== undefined) throw ofOthers(id, first, others);
  return {
    id,
    result: reclaimed > 0 ? 'released' : blind.unlisted.size > 0 ? 'unknown' : 'absent',
    left: [],
    releasedResources: reclaimed,
    secretsDestroyed: 0,
    ...(blind.unlisted.size === 0 ? {} : { unlisted: [...blind.unlisted] }),
    ...(blind.unasked.size === 0 ? {} : { unasked: [...blind.unasked] }),
  };
}

type List = (scope: Pick<InventoryScope, 'everyone'>) => Promise<readonly Found[]>;

interface Blind {
  /** Providers that could not be asked at all. */
  readonly unlisted: Set<string>;
  /** Who could not be asked, or not for everything, with the reason. */
  readonly unasked: Set<string>;
}

/** Lists what one provider has of the spin, and notes what it could not be asked for. */
function lister(app: App, { id, incarnation }: Unrecorded, provider: Provider, inUse: boolean, blind: Blind): List {
  return async (scope) => {
    const problems: Unasked[] = [];
    // Whoever made it may have had another config: without a record nobody knows what there can be of it.
    const beyond = (one: Unasked): void => void problems.push(one);
    const listed = await provider.inventory({ ...scope, id, beyond }, callOf(app)).catch((thrown: unknown) => {
      // Nobody said that it is used: that it cannot be asked is told, and hinders nothing.
      if (inUse || !(thrown instanceof Fault)) throw thrown;
      blind.unlisted.add(provider.name);
      blind.unasked.add(`${provider.name}: ${thrown.message}`);
      // What else it was asked meanwhile says nothing more.
      problems.length = 0;
      return [];
    });
    for (const problem of problemsOf(problems)) blind.unasked.add(`${provider.name}: ${problem}`);
    // After the listing: what an `up` began meanwhile is in the store by then, and not ours to delete.
    const live = (await app.store.read(id))?.record.incarnation;
    return listed.filter((thing) => thing.incarnation !== live && (incarnation === undefined || thing.incarnation === incarnation));
  };
}

/** Deletes until nothing is listed. @returns how many resources there were @throws SpinError `release-failed` at the deadline */
async function reclaimAll(app: App, id: SpinId, provider: Provider, list: () => Promise<readonly Found[]>, began: number): Promise<number> {
  const pauses = growingPauses();
  let deadline = began + proofTimeout([]);
  let most = 0;
  for (;;) {
    const found = await list();
    if (found.length === 0) return most;
    // What a database held back goes when that has gone.
    deadline = Math.max(deadline, began + proofTimeout(found));
    if (app.clock.now() >= deadline) throw leftBehind(id, found);
    most = Math.max(most, countOf(found));
    await provider.reclaim(found, callOf(app)).catch((thrown: unknown) => {
      // Such as a disk whose machine is still going: the next look tells.
      if (!(thrown instanceof Fault) || !thrown.passes) throw thrown;
    });
    await app.clock.sleep(pauses.next().value, app.signal);
  }
}

function ofOthers(id: SpinId, first: Found, others: readonly Found[]): SpinError {
  const left = others.map((thing) => thing.what);
  return new SpinError('release-failed', `${id} belongs to ${ownerNamed(first)}, and was left alone: ${left.join(', ')}`, {
    hint: `spin adopt ${id}`,
    data: { left },
  });
}

function callOf({ clock, signal }: App): Call {
  return { clock, signal, emit: silent };
}

function countOf(found: readonly Found[]): number {
  return new Set(found.map((thing) => thing.resource || thing.what)).size;
}
