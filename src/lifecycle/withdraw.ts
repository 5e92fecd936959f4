import { Fault } from '../providers/fault.ts';
import type { Handle } from '../providers/provider.ts';
import type { ResourceRecord } from '../store/record.ts';
import { untilAbsent } from './proving.ts';
import { targetOf, type Work } from './work.ts';

/** So long the end of something may take, in milliseconds; what a cloud was asked to end by then, it ends. */
const WITHDRAW_MS = 30_000;

/**
 * Ends what this process had asked for when it lost the lease to one who takes the spin down, or has: it may have come into being after the
 * other looked for it, and nobody would look again. In a life that is over nobody can want it. In one that goes on it is the other's, who
 * asks for it under the same token. Never throws a Fault: the event has it.
 */
export async function withdraw(work: Work, resource: ResourceRecord, handle: Handle | undefined): Promise<void> {
  const { session, provider, call } = work;
  if (!(await session.isOver())) return;
  const target = { ...targetOf(session.record, resource), ...(handle === undefined ? {} : { handle }) };
  // That of the work has aborted with the lease.
  const own = { ...call, signal: new AbortController().signal };
  const type = 'resource.withdrawn';
  try {
    const release = (): Promise<'requested' | 'absent'> => provider.release(target, session.fence, own);
    await untilAbsent(release, call.clock.now() + WITHDRAW_MS, own);
    call.emit({ type, resource: resource.key });
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    // A provider that knows of a newer lease has its holder at work on it.
    if (thrown.kind !== 'conflict') call.emit({ type, resource: resource.key, fault: thrown.note() });
  }
}
