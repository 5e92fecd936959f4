import { Fault } from '../fault.ts';
import type { Call } from '../provider.ts';
import type { KeeperRequest, KeeperStatus } from './control.ts';
import { claimFence } from './fences.ts';
import { askLiving, type KeeperStart } from './keeper-start.ts';
import type { Wanted } from './keeper/state.ts';
import type { SpinFolder } from './layout.ts';
import type { Told } from './told.ts';

/** Where a request goes, and for whom. */
export interface Keeping {
  readonly folder: SpinFolder;
  readonly fence: number;
  readonly start: KeeperStart;
  readonly call: Call;
  readonly told: Told;
}

interface Batch<Item> {
  readonly call: Call;
  readonly items: Item[];
  readonly answer: Promise<KeeperStatus>;
}

/**
 * What one command asks of a keeper at the same moment goes as one request, so that the last of twenty services neither starts nor ends
 * twenty connections after the first.
 */
class Together<Item> {
  readonly #requestOf: (fence: number, items: readonly Item[]) => KeeperRequest;
  readonly #open = new Map<string, Batch<Item>>();

  constructor(requestOf: (fence: number, items: readonly Item[]) => KeeperRequest) {
    this.#requestOf = requestOf;
  }

  /** @throws Fault as askLiving and claimFence */
  async ask(item: Item, keeping: Keeping): Promise<KeeperStatus> {
    const batch = this.#join(item, keeping);
    try {
      return await batch.answer;
    } catch (thrown) {
      // A refusal may mean another of the batch: what is asked for alone is refused for itself.
      if (batch.items.length === 1 || !(thrown instanceof Fault) || !isRefusal(thrown)) throw thrown;
      return send(this.#requestOf(keeping.fence, [item]), keeping);
    }
  }

  #join(item: Item, keeping: Keeping): Batch<Item> {
    const { folder, fence, call } = keeping;
    const which = `${fence} ${folder.root}`;
    const joined = this.#open.get(which);
    if (joined !== undefined && joined.call.signal === call.signal) {
      joined.items.push(item);
      return joined;
    }
    const items = [item];
    const answer = Promise.resolve().then(() => {
      if (this.#open.get(which)?.items === items) this.#open.delete(which);
      return send(this.#requestOf(fence, items), keeping);
    });
    const batch = { call, items, answer };
    this.#open.set(which, batch);
    return batch;
  }
}

const applies = new Together<Wanted>((fence, wanted) => ({ verb: 'apply', fence, wanted }));
const releases = new Together<string>((fence, keys) => ({ verb: 'release', fence, keys }));

/** Asks the keeper to run what is wanted. Durable when answered. @throws Fault as askLiving and claimFence */
export function applyTogether(wanted: Wanted, keeping: Keeping): Promise<KeeperStatus> {
  return applies.ask(wanted, keeping);
}

/** Asks the keeper to release the resource of a key. @throws Fault as askLiving and claimFence */
export function releaseTogether(key: string, keeping: Keeping): Promise<KeeperStatus> {
  return releases.ask(key, keeping);
}

async function send(request: KeeperRequest, { folder, fence, start, call, told }: Keeping): Promise<KeeperStatus> {
  claimFence(folder.fences, fence);
  const status = await askLiving(folder, request, start, call);
  told.asked(folder.root, status, call.clock.now());
  return status;
}

/** About a resource, and not about the keeper. */
function isRefusal({ kind }: Fault): boolean {
  return kind === 'conflict' || kind === 'invalid';
}
