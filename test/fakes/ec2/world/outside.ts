import { CAUSES, shutDownFromWithin, terminate } from './instances.ts';
import type { Cause } from './instances.ts';
import type { RegionWorld } from './region.ts';
import type { InstanceThing } from './things.ts';
import type { World } from './world.ts';

/** What happens to instances behind the back of whoever launched them. */
export class Outside {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Somebody else terminates it. */
  terminate(id: string): void {
    this.#with(id, (region, instance) => terminate(region, instance, CAUSES.user));
  }

  /** EC2 takes a spot instance back. */
  interrupt(id: string): void {
    this.#with(id, (region, instance) => terminate(region, instance, CAUSES.spot));
  }

  /** The machine shuts itself down; what becomes of it is its shutdown behaviour's. */
  shutDown(id: string): void {
    this.#with(id, (region, instance) => shutDownFromWithin(region, instance));
  }

  /** It dies of something else, such as `Server.InternalError` or `Client.VolumeLimitExceeded` while it is pending. */
  fail(id: string, cause: Cause): void {
    this.#with(id, (region, instance) => terminate(region, instance, cause));
  }

  /** Its status check is impaired, or no longer. */
  impair(id: string, impaired = true): void {
    this.#with(id, (_region, instance) => {
      instance.impairedSince = impaired ? this.#world.now : undefined;
    });
  }

  /** What GetConsoleOutput tells from now on. */
  print(id: string, text: string): void {
    this.#with(id, (_region, instance) => {
      instance.console = { text, at: this.#world.now };
    });
  }

  #with(id: string, change: (region: RegionWorld, instance: InstanceThing) => void): void {
    for (const region of this.#world.regions()) {
      const instance = region.peek('instance', id);
      if (instance !== undefined) return change(region, instance);
    }
    throw new RangeError(`there is no instance ${id}`);
  }
}
