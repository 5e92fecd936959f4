import { Fault } from '../../fault.ts';
import { instanceName } from '../layout.ts';
import { endGroup } from '../end-group.ts';
import { isAlive } from '../processes.ts';
import type { Household } from './household.ts';
import { Instance } from './instance.ts';
import type { WantedService } from './state.ts';

/** The instances of all services: as many as are wanted, no more. */
export class Services {
  readonly #house: Household;
  readonly #instances = new Map<string, Instance>();
  readonly #releases = new Map<string, Promise<void>>();

  constructor(house: Household) {
    this.#house = house;
  }

  /** Takes over what an earlier keeper wanted and did, and ends what nobody wants. Returns how many processes it found alive. */
  async adopt(): Promise<number> {
    const { kept } = this.#house;
    const alive = kept.instances.filter(({ process }) => process !== undefined && isAlive(process)).length;
    for (const wanted of kept.wanted) {
      if (wanted.kind !== 'service') continue;
      this.#make(wanted);
      if (!wanted.releasing) for (const instance of this.#of(wanted)) instance.start();
    }
    await this.#endStrays();
    for (const wanted of kept.wanted) if (wanted.kind === 'service') this.#settle(wanted);
    return alive;
  }

  /** Begins to run a service, or changes how many instances it has; what failed of it is tried again. Durable when it resolves. */
  async apply(wanted: WantedService): Promise<void> {
    const known = this.#house.kept.find(wanted.key);
    if (known?.releasing === true) throw new Fault('conflict', 'releasing', `${wanted.key} is being released`);
    if (known !== undefined && known.token !== wanted.token)
      throw new Fault('conflict', 'other-token', `${wanted.key} was made by another request`);
    // What runs was started from the first request; only the count of a generation may change.
    const next = known?.kind === 'service' ? { ...known, count: wanted.count } : wanted;
    const durable = this.#house.kept.want(next);
    const before = new Set(this.#instances.keys());
    this.#make(next);
    for (const instance of this.#of(next)) {
      if (!before.has(instance.name)) instance.start();
      else void instance.retry();
    }
    this.#settle(next);
    await durable;
  }

  /** Begins to end a service; it is gone when it is no longer wanted at all. Durable when it resolves. */
  async release(wanted: WantedService): Promise<void> {
    const next = { ...wanted, releasing: true };
    const durable = this.#house.kept.want(next);
    this.#settle(next);
    await durable;
  }

  /** Ends everything; resolves when it is gone. */
  async endAll(): Promise<void> {
    for (const wanted of this.#house.kept.wanted) if (wanted.kind === 'service' && !wanted.releasing) await this.release(wanted);
    await Promise.all(this.#releases.values());
  }

  /** Lets go of everything without ending it. */
  async abandonAll(): Promise<void> {
    await Promise.all([...this.#instances.values()].map((instance) => instance.abandon()));
  }

  #make(wanted: WantedService): void {
    const written = this.#house.kept.instancesOf(wanted.key).map(({ ordinal }) => ordinal);
    const ordinals = new Set([...written, ...(wanted.releasing ? [] : Array.from({ length: wanted.count }, (_, i) => i + 1))]);
    for (const ordinal of ordinals) {
      const name = instanceName(wanted.service.name, wanted.generation, ordinal);
      if (!this.#instances.has(name)) this.#instances.set(name, new Instance(this.#house, wanted, ordinal));
    }
  }

  #of(wanted: WantedService): readonly Instance[] {
    return [...this.#instances.values()].filter((instance) => instance.mark.resource === wanted.key);
  }

  /** Ends what is too much of a service, or all of it where it is being released. */
  #settle(wanted: WantedService): void {
    const surplus = this.#of(wanted).filter((instance) => wanted.releasing || instance.state.ordinal > wanted.count);
    const ended = Promise.all(
      surplus.map(async (instance) => {
        await instance.end();
        this.#instances.delete(instance.name);
      }),
    );
    if (!wanted.releasing) {
      // A count that grows again meanwhile finds a place that is still being cleared, and is settled once more.
      void ended.then(() => this.#refill(wanted.key));
      return;
    }
    if (this.#releases.has(wanted.key)) return;
    const release = this.#forget(wanted.key, ended);
    this.#releases.set(wanted.key, release);
  }

  async #forget(key: string, ended: Promise<unknown>): Promise<void> {
    await ended;
    await this.#house.kept.forget(key).catch(() => undefined);
    this.#releases.delete(key);
  }

  #refill(key: string): void {
    const wanted = this.#house.kept.find(key);
    if (wanted?.kind !== 'service' || wanted.releasing) return;
    const before = new Set(this.#instances.keys());
    this.#make(wanted);
    for (const instance of this.#of(wanted)) if (!before.has(instance.name)) instance.start();
  }

  /** Processes that carry a mark of this incarnation and belong to no instance that is known: ended before anything starts. */
  async #endStrays(): Promise<void> {
    const { mark: own, clock, kept } = this.#house;
    // What is started is wanted first, and forgotten when it is proven gone: where nothing is known, nothing can be.
    if (kept.wanted.length === 0 && kept.instances.length === 0) return;
    await endGroup(
      {
        owns: ({ mark }) =>
          mark.state === own.state &&
          mark.id === own.id &&
          mark.incarnation === own.incarnation &&
          mark.resource.startsWith('service.') &&
          !this.#instances.has(mark.instance),
        signal: 'SIGTERM',
        timeoutMs: 1_000,
      },
      clock,
    );
  }
}
