/** Killing a command in the middle: everything that it does to the world goes through numbered boundaries, and at one of them it ends. */
import type { Provider } from '../../src/providers/provider.ts';
import type { Store } from '../../src/store/store.ts';
import { createFakeProvider } from '../fakes/provider.ts';
import { appFor, type Place, type Setup } from './world.ts';
import type { App } from '../../src/app/context.ts';

/** Where a process is killed: at the nth call, before its effect or after it. */
export interface Kill {
  readonly at: number;
  readonly when: 'before' | 'after';
}

const NEVER = new Promise<never>(() => undefined);
const STORE_EFFECTS: ReadonlySet<string> = new Set(['write', 'remove', 'settle']);
const STORE_LOOKS: ReadonlySet<string> = new Set(['read', 'list', 'events']);
const PROVIDER_CALLS: ReadonlySet<string> = new Set([
  'preflight',
  'create',
  'observe',
  'nextChange',
  'release',
  'inventory',
  'reclaim',
  'enforce',
  'enforcers',
]);

/** The calls of one process, counted; from the kill on nothing that it does reaches the world, and nothing answers it. */
export class Boundaries {
  readonly names: string[] = [];
  readonly killed: Promise<'killed'>;
  readonly #kill: Kill | undefined;
  #dead = false;
  #die: () => void = () => undefined;

  constructor(kill?: Kill) {
    this.#kill = kill;
    this.killed = new Promise((resolve) => {
      this.#die = () => resolve('killed');
    });
  }

  store(store: Store): Store {
    return this.#around(store, (name, call) => {
      if (STORE_EFFECTS.has(name)) return this.#pass(name, call);
      if (STORE_LOOKS.has(name)) return this.#dead ? NEVER : call();
      return this.#dead ? undefined : call();
    });
  }

  provider(provider: Provider): Provider {
    return this.#around(provider, (name, call) => (PROVIDER_CALLS.has(name) ? this.#pass(name, call) : call()));
  }

  async #pass(name: string, call: () => unknown): Promise<unknown> {
    if (this.#dead) return NEVER;
    const index = this.names.push(name) - 1;
    const mine = this.#kill?.at === index;
    if (mine && this.#kill?.when === 'before') return this.#end();
    const [answer] = await Promise.allSettled([call()]);
    if (this.#dead) return NEVER;
    if (mine) return this.#end();
    if (answer.status === 'rejected') throw answer.reason;
    return answer.value;
  }

  #end(): Promise<never> {
    this.#dead = true;
    this.#die();
    return NEVER;
  }

  #around<T extends object>(target: T, pass: (name: string, call: () => unknown) => unknown): T {
    return new Proxy(target, {
      get: (object, name): unknown => {
        const member: unknown = Reflect.get(object, name);
        return typeof member === 'function'
          ? (...args: unknown[]) => pass(String(name), (): unknown => Reflect.apply(member, object, args))
          : member;
      },
    });
  }
}

/** Runs a command that is killed at a boundary; its process is dead afterwards. Answers with its boundaries, and whether it was killed. */
export async function runKilled(
  place: Place,
  setup: Setup,
  command: (app: App) => Promise<unknown>,
  kill?: Kill,
): Promise<{ readonly names: readonly string[]; readonly killed: boolean }> {
  const boundaries = new Boundaries(kill);
  const pid = place.nextPid();
  const app = appFor(place, {
    ...setup,
    pid,
    store: boundaries.store(place.store),
    provider: boundaries.provider(createFakeProvider(place.world)),
  });
  const ended = await place.run(Promise.race([command(app), boundaries.killed]));
  place.dead.add(pid);
  return { names: boundaries.names, killed: ended === 'killed' };
}
