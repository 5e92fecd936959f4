import { isSpinError } from '../core/errors.ts';
import { Fault, noteOf } from '../providers/fault.ts';
import type { Call, Handle, Target } from '../providers/provider.ts';
import type { ResourceRecord } from '../store/record.ts';
import { untilAbsent } from './proving.ts';
import { ownedByOthers } from './taken-over.ts';
import { targetOf, type Work } from './work.ts';

/** So long it is asked for, and so long all of it may take, whatever hangs; in milliseconds. */
const ASK_MS = 20_000;
const WITHDRAW_MS = 30_000;

/**
 * Ends a new resource that this process had asked for when it lost the lease to one who takes the spin down, or has: it may have come into
 * being after the other looked for it, and nobody would look again. In a life that is over nobody wants it, unless another state location took
 * that over. In one that goes on it is the other's, who asks for it under the same token. Tells how it went, and never throws.
 */
export async function withdraw(work: Work, resource: ResourceRecord, handle: Handle | undefined): Promise<void> {
  const { clock, emit } = work.call;
  const inTime = new AbortController();
  const ended = new AbortController();
  const unproven = new Fault('transient', 'timeout', `${resource.key} is not proven gone`);
  clock.sleep(WITHDRAW_MS, ended.signal).then(
    () => inTime.abort(unproven),
    () => undefined,
  );
  // The signal of the work has aborted with the lease.
  const call = { ...work.call, signal: AbortSignal.any([work.interrupted, inTime.signal]) };
  const type = 'resource.withdrawn';
  try {
    const target = { ...targetOf(work.session.record, resource), ...(handle === undefined ? {} : { handle }) };
    // A store or provider may hang and not know of the signal.
    const answer = await Promise.race([aborted(call.signal), endUnwanted(work, target, call)]);
    if (answer === 'left') throw unproven;
    if (answer === 'ended') emit({ type, resource: resource.key });
  } catch (thrown) {
    // A provider that knows of a newer lease has its holder at work on it.
    if (!(thrown instanceof Fault && thrown.kind === 'conflict')) emit({ type, resource: resource.key, fault: noteOf(thrown) });
  } finally {
    ended.abort();
  }
}

/** @returns `wanted` where it is somebody's */
async function endUnwanted(work: Work, target: Target, call: Call): Promise<'wanted' | 'ended' | 'left'> {
  let unwanted: boolean | undefined;
  const ask = async (): Promise<'requested' | 'absent'> => {
    unwanted ??= await isUnwanted(work, call);
    return unwanted ? work.provider.release(target, work.session.fence, call) : 'absent';
  };
  const isGone = await untilAbsent(ask, call.clock.now() + ASK_MS, call);
  if (unwanted !== true) return 'wanted';
  return isGone ? 'ended' : 'left';
}

async function isUnwanted({ session, provider, stateTag }: Work, call: Call): Promise<boolean> {
  const isOver = await session.isOver().catch((thrown: unknown) => {
    throw isSpinError(thrown) ? new Fault('transient', thrown.code, thrown.message, { cause: thrown }) : thrown;
  });
  return isOver && (await ownedByOthers(provider, session.record, stateTag, call)).length === 0;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const give = (): void => reject(signal.reason);
    if (signal.aborted) give();
    signal.addEventListener('abort', give, { once: true });
  });
}
