import { SpinError } from '../core/errors.ts';
import { canonicalJson } from '../core/ids.ts';
import { mergeRuns } from '../store/interval.ts';
import type { ResourceRecord, SpinRecord } from '../store/record.ts';
import { base, faultOf, isStalled, waiting, withRuns } from './effects.ts';
import { DATABASE_RELEASE_MS } from './proving.ts';
import { withRetries } from './retries.ts';
import { TABLE, transition } from './table.ts';
import type { Watch } from './watch.ts';
import { put, settle, targetOf, type Work } from './work.ts';

/**
 * A record that wants to be down, with the first resources to go on their way: those on which nothing stands. In one write, because
 * everything waits for it.
 */
export function turnedDown(record: SpinRecord, now: number): SpinRecord {
  const all = Object.values(record.resources);
  const needed = new Set(all.flatMap(({ needs }) => needs));
  const resources = all.map((resource) => [resource.key, needed.has(resource.key) ? resource : toRelease(resource, now)] as const);
  return { ...record, desired: 'down', updatedAt: now, resources: Object.fromEntries(resources) };
}

/**
 * Releases one resource and proves it absent. Works from every status, half-made ones included.
 * @throws SpinError `release-failed` at the deadline, after the record says why; `lease-lost`; the call's abort reason
 */
async function letGo(work: Work, watch: Watch, resource: ResourceRecord): Promise<void> {
  const { emit, clock } = work.call;
  const since = clock.now();
  const deadline = since + TABLE.releasing.timeoutMs + drainTime(resource);
  const releasing = toRelease(resource, since);
  if (releasing !== resource) await put(work, releasing);
  emit({ type: 'resource.releasing', resource: resource.key });
  try {
    const target = targetOf(work.session.record, releasing);
    let stalled = true;
    let { runs } = releasing;
    while (stalled) {
      stalled = false;
      const answer = await withRetries(work, deadline, () => work.provider.release(target, work.session.fence, work.call), {
        phase: 'release',
        resource: resource.key,
      });
      if (answer === 'absent') {
        // What is gone already may have been for long: it is paid for until it ended, not until that was noticed.
        if (runs !== undefined) runs = mergeRuns(runs, (await work.provider.observe([target], work.call)).get(target.key)?.runs);
        break;
      }
      await watch.until(target, deadline, (seen) => {
        runs = mergeRuns(runs, seen.runs);
        if (seen.state === 'absent') return true;
        stalled = isStalled(work, seen, deadline);
        waiting(work, releasing, seen, 'release');
        return stalled;
      });
    }
    if (canonicalJson(runs ?? []) !== canonicalJson(releasing.runs ?? []))
      await put(work, transition(releasing, { ...releasing, ...withRuns(runs) }));
  } catch (thrown) {
    const fault = faultOf(thrown, work.call.signal);
    if (fault === undefined) throw thrown;
    await put(work, transition(releasing, { ...releasing, fault }));
    throw new SpinError('release-failed', `${resource.key} could not be proven gone: ${fault.message}`, {
      cause: thrown,
      hint: `spin down ${work.session.record.id}`,
      data: { resource: resource.key, fault },
    });
  }
  transition(releasing, { ...base(resource), status: 'released', since: clock.now() });
  await settle(work, [resource.key]);
  emit({ type: 'resource.released', resource: resource.key, ms: clock.now() - since });
}

/** A resource on its way out; one that is already, and has met with no fault, is as it is. */
function toRelease(resource: ResourceRecord, now: number): Extract<ResourceRecord, { status: 'releasing' }> {
  if (resource.status === 'releasing' && resource.fault === undefined) return resource;
  const handle = 'handle' in resource && resource.handle !== undefined ? { handle: resource.handle } : {};
  return transition(resource, { ...base(resource), ...handle, status: 'releasing', since: now });
}

function drainTime(resource: ResourceRecord): number {
  if (resource.desire.kind === 'database') return DATABASE_RELEASE_MS;
  if (resource.desire.kind !== 'service') return 0;
  const { drain } = resource.desire.service;
  return drain.timeoutMs * 2 + (drain.hook?.timeoutMs ?? 0);
}

/** Releases a set of resources, each after everything in the set that stands on it; each once. */
export class ReleaseTree {
  readonly #work: Work;
  readonly #watch: Watch;
  readonly #set = new Map<string, ResourceRecord>();
  readonly #released = new Map<string, Promise<void>>();

  constructor(work: Work, watch: Watch, resources: readonly ResourceRecord[]) {
    this.#work = work;
    this.#watch = watch;
    for (const resource of resources) this.add(resource);
  }

  add(resource: ResourceRecord): void {
    this.#set.set(resource.key, resource);
  }

  /** Resolves when the resource of this key, and all of the set that stands on it, is proven absent. */
  release(key: string): Promise<void> {
    const running = this.#released.get(key);
    if (running !== undefined) return running;
    const task = this.#release(key);
    this.#released.set(key, task);
    return task;
  }

  /**
   * Releases the whole set. One that cannot be released holds back only what it stands on.
   * @throws the first failure, when all others have ended
   */
  async releaseAll(): Promise<void> {
    const results = await Promise.allSettled([...this.#set.keys()].map((key) => this.release(key)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #release(key: string): Promise<void> {
    const resource = this.#set.get(key);
    if (resource === undefined) return;
    const dependents = [...this.#set.values()].filter((other) => other.needs.includes(key));
    await Promise.all(dependents.map((dependent) => this.release(dependent.key)));
    // The record is newer than what the set was made of: it may have got a handle since.
    const latest = this.#work.session.record.resources[key];
    if (latest !== undefined) await letGo(this.#work, this.#watch, latest);
  }
}
