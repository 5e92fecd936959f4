import type { Call } from '../provider.ts';
import type { KeeperStatus } from './control.ts';
import { claimFence } from './fences.ts';
import { askLiving, type KeeperStart } from './keeper-start.ts';
import type { SpinFolder } from './layout.ts';

interface Batch {
  readonly call: Call;
  readonly keys: string[];
  readonly answer: Promise<KeeperStatus>;
}

const open = new Map<string, Batch>();

/**
 * Asks the keeper to release a resource. What one command asks at the same moment goes as one request, so that the last of twenty
 * services is not signalled twenty connections after the first.
 * @throws Fault as askLiving and claimFence
 */
export function releaseTogether(folder: SpinFolder, fence: number, key: string, start: KeeperStart, call: Call): Promise<KeeperStatus> {
  const which = `${fence} ${folder.root}`;
  const joined = open.get(which);
  if (joined !== undefined && joined.call.signal === call.signal) {
    joined.keys.push(key);
    return joined.answer;
  }
  const keys = [key];
  const answer = Promise.resolve().then(() => {
    if (open.get(which)?.keys === keys) open.delete(which);
    claimFence(folder.fences, fence);
    return askLiving(folder, { verb: 'release', fence, keys }, start, call);
  });
  open.set(which, { call, keys, answer });
  return answer;
}
