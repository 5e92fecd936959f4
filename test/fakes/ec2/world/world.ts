import type { Clock } from '../../../../src/core/clock.ts';
import { Identities } from './identities.ts';
import { Ids } from './ids.ts';
import { Limits } from './limits.ts';
import type { WorldOptions } from './options.ts';
import { RegionWorld } from './region.ts';
import { Schedule } from './schedule.ts';

/** All that there is: regions per account, on one clock. Pure state; nothing here knows of requests or sockets. */
export class World {
  readonly options: WorldOptions;
  readonly ids = new Ids();
  readonly limits = new Limits();
  readonly identities: Identities;
  readonly #clock: Clock;
  readonly #schedule = new Schedule();
  readonly #regions = new Map<string, RegionWorld>();
  #moment: number | undefined;

  constructor(clock: Clock, options: WorldOptions) {
    this.#clock = clock;
    this.options = options;
    this.identities = new Identities(options.account);
  }

  /** The time; while something that was due happens, the time at which it was due. */
  get now(): number {
    return this.#moment ?? this.#clock.now();
  }

  /** Lets everything happen that is due. */
  settle(): void {
    const now = this.#clock.now();
    for (let due = this.#schedule.take(now); due !== undefined; due = this.#schedule.take(now)) {
      this.#moment = due.at;
      due.change();
    }
    this.#moment = undefined;
  }

  /** Does something `ms` from now; with 0, before the next request: no answer ever tells what comes after it. */
  later(ms: number, change: () => void): void {
    this.#schedule.add(this.now + ms, change);
  }

  /** The region of an account, made when it is first asked for. */
  region(name: string, account: string = this.options.account): RegionWorld {
    const key = `${account}/${name}`;
    let region = this.#regions.get(key);
    if (region === undefined) {
      region = new RegionWorld(this, account, name);
      this.#regions.set(key, region);
    }
    return region;
  }

  regions(): readonly RegionWorld[] {
    this.settle();
    return [...this.#regions.values()];
  }
}
