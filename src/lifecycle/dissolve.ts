import { SpinError } from '../core/errors.ts';
import type { Found, Unasked } from '../providers/provider.ts';
import { growingPauses, proofTimeout } from './proving.ts';
import { ReleaseTree } from './release.ts';
import { isSurelyHeld, withRetries } from './retries.ts';
import { ownedByOthers, takenOver } from './taken-over.ts';
import { Watch } from './watch.ts';
import { settle, spinOf, type Work } from './work.ts';

/** Retries of the proof are about no resource. */
const RELEASE = { phase: 'release' } as const;

/**
 * Releases every resource of the record in reverse graph order, and then proves by the provider's own inventory
 * that nothing of the spin is left, whatever the record knew.
 * @throws SpinError `release-failed` with what is left; `change-refused` where another state location took it over; `lease-lost`; the call's
 *   abort reason
 */
export async function dissolve(work: Work): Promise<void> {
  const tree = new ReleaseTree(work, new Watch(work), Object.values(work.session.record.resources));
  const failure = await tree.releaseAll().then(
    () => undefined,
    (thrown: unknown) => ({ thrown }),
  );
  work.call.signal.throwIfAborted();
  let taken: SpinError | undefined;
  // What the orderly way could not release is ended by what it is tagged with, if it can be.
  try {
    if (failure !== undefined) taken = await takenOverBy(work);
    if (taken === undefined) await proveEmpty(work);
  } catch (thrown) {
    work.call.signal.throwIfAborted();
    throw failure?.thrown ?? thrown;
  }
  if (taken !== undefined) throw taken;
  // The inventory is empty: what the record still lists is absent too.
  await settle(work, Object.keys(work.session.record.resources));
}

/**
 * A provider releases nothing that another state location has taken over, and has nothing of it in our inventory any more, which proves no
 * end. @throws Fault where it cannot be asked
 */
async function takenOverBy(work: Work): Promise<SpinError | undefined> {
  const { call, provider, session, stateTag } = work;
  const deadline = call.clock.now() + proofTimeout([]);
  const others = await withRetries(work, deadline, () => ownedByOthers(provider, session.record, stateTag, call), RELEASE);
  const [first] = others;
  return first === undefined ? undefined : takenOver(session.record.id, first, others);
}

/** @throws SpinError `release-failed` where something is left at the deadline; `lease-lost` */
export async function proveEmpty(work: Work): Promise<void> {
  const { provider, call, session } = work;
  const { id } = session.record;
  const began = call.clock.now();
  let deadline = began + proofTimeout([]);
  const pauses = growingPauses();
  for (;;) {
    call.signal.throwIfAborted();
    const found = await withRetries(work, deadline, () => listed(work), RELEASE);
    if (found.length === 0) return;
    // Whoever has lost the lease, and does not know it yet, may have found another life, which began since; what is of the own one is no other's.
    const mine = (await isSurelyHeld(work)) ? found : found.filter(({ incarnation }) => incarnation === session.record.incarnation);
    // What a database held back goes when that has gone.
    deadline = Math.max(deadline, began + proofTimeout(found));
    if (call.clock.now() >= deadline) throw leftBehind(id, found);
    if (mine.length > 0) await withRetries(work, deadline, () => provider.reclaim(mine, call), RELEASE);
    await provider.nextChange(spinOf(session.record), pauses.next().value, call);
  }
}

/**
 * What is left, by the provider alone. It must be proven that one looks where the spin lives; and what the record still holds could not be
 * released, so it is looked for even where this config has no use for its kind.
 * @throws Fault also where nothing was found of what could not be looked for
 */
async function listed({ provider, call, session }: Work): Promise<readonly Found[]> {
  const { id, place, resources } = session.record;
  const held = new Set<Found['kind']>(Object.values(resources).map(({ kind }) => kind));
  const unasked: Unasked[] = [];
  const scope = { id, ...(place === undefined ? {} : { places: [place] }) };
  // To look beyond the config costs requests, and what was released one by one is proven gone.
  const further = held.size === 0 ? {} : { beyond: (one: Unasked) => void unasked.push(one) };
  const found = await provider.inventory({ ...scope, ...further }, call);
  const blind = unasked.find(({ kind }) => kind === undefined || held.has(kind));
  if (found.length === 0 && blind !== undefined) throw blind.fault;
  return found;
}

export function leftBehind(id: string, found: readonly Found[]): SpinError {
  return new SpinError(
    'release-failed',
    `${found.length} thing(s) of ${id} could not be proven gone: ${found.map((thing) => thing.what).join(', ')}`,
    {
      hint: `spin down ${id}`,
      data: { left: found.map((thing) => thing.what) },
    },
  );
}
