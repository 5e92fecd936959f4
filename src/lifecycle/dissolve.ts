import { SpinError } from '../core/errors.ts';
import type { Found } from '../providers/provider.ts';
import { withRetries } from './effects.ts';
import { growingPauses, proofTimeout } from './proving.ts';
import { ReleaseTree } from './release.ts';
import { Watch } from './watch.ts';
import { settle, spinOf, type Work } from './work.ts';

/**
 * Releases every resource of the record in reverse graph order, and then proves by the provider's own inventory
 * that nothing of the spin is left, whatever the record knew.
 * @throws SpinError `release-failed` with what is left; `lease-lost`; the call's abort reason
 */
export async function dissolve(work: Work): Promise<void> {
  const tree = new ReleaseTree(work, new Watch(work), Object.values(work.session.record.resources));
  const failure = await tree.releaseAll().then(
    () => undefined,
    (thrown: unknown) => ({ thrown }),
  );
  work.call.signal.throwIfAborted();
  // What the orderly way could not release is ended by what it is tagged with, if it can be.
  try {
    await proveEmpty(work);
  } catch (thrown) {
    throw failure?.thrown ?? thrown;
  }
  // The inventory is empty: what the record still lists is absent too.
  await settle(work, Object.keys(work.session.record.resources));
}

/** @throws SpinError `release-failed` where something is left at the deadline */
export async function proveEmpty(work: Work): Promise<void> {
  const { provider, call, session } = work;
  const { id, place } = session.record;
  // Nothing is taken for gone before it is proven that one looks where the spin lives.
  const scope = { id, ...(place === undefined ? {} : { places: [place] }) };
  const began = call.clock.now();
  let deadline = began + proofTimeout([]);
  const pauses = growingPauses();
  for (;;) {
    call.signal.throwIfAborted();
    const found = await withRetries(work, deadline, () => provider.inventory(scope, call));
    if (found.length === 0) return;
    // What a database held back goes when that has gone.
    deadline = Math.max(deadline, began + proofTimeout(found));
    if (call.clock.now() >= deadline) throw leftBehind(id, found);
    await withRetries(work, deadline, () => provider.reclaim(found, call));
    await provider.nextChange(spinOf(session.record), pauses.next().value, call);
  }
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
