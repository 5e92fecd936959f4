/** An App over fakes: one world, one store and one clock, in which commands run one after the other or side by side. */
import type { App, Question } from '../../src/app/context.ts';
import { InternalError, SpinError } from '../../src/core/errors.ts';
import type { SpinEvent } from '../../src/core/events.ts';
import type { Known, NanoUsd } from '../../src/core/money.ts';
import type { Provider } from '../../src/providers/provider.ts';
import type { LoadedConfig, Settings } from '../../src/spec/config.ts';
// Loaded here, so that no command waits for a module while the clock is turned.
import '../../src/spec/config.ts';
import '../../src/spec/load.ts';
import '../../src/spec/git.ts';
import type { Holder, Store } from '../../src/store/store.ts';
import { ManualClock } from '../fakes/clock.ts';
import { World } from '../fakes/provider-world.ts';
import { createFakeProvider } from '../fakes/provider.ts';
import { createMemoryStore, type MemoryStore } from '../fakes/store.ts';

/** What outlives a command: the provider's things, the records, and the time. */
export class Place {
  readonly clock = new ManualClock();
  readonly world = new World();
  readonly store: MemoryStore = createMemoryStore({ now: () => this.clock.now() });
  readonly events: SpinEvent[] = [];
  /** Processes that were killed. */
  readonly dead = new Set<number>();
  /** What was asked of the user. */
  readonly questions: Question[] = [];
  /** Command lines that were started in the background. */
  readonly spawned: (readonly string[])[] = [];
  #pid = 1000;

  nextPid(): number {
    return ++this.#pid;
  }

  /** Turns the clock until a promise settles, and answers with what it settles to. */
  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    work.then(done, done);
    await this.clock.advance(0);
    for (let turns = 0; !settled; turns++) {
      if (turns > 20_000) throw new InternalError('it does not end, however far the clock is turned');
      await this.clock.advance(50);
    }
    return work;
  }
}

export interface Setup {
  /** What `-f -` reads. */
  readonly spec?: string;
  readonly store?: Store;
  readonly provider?: Provider;
  readonly price?: (service: string) => Known<NanoUsd>;
  readonly settings?: Partial<Settings>;
  readonly cwd?: string;
  readonly templatesDir?: string;
  readonly pid?: number;
  readonly host?: string;
  /** Of another state location: its tag, with a `store` of its own. What the provider makes is then not on this machine. */
  readonly stateTag?: string;
  readonly signal?: AbortSignal;
  /** The user's answer; without one there is no terminal. */
  readonly answer?: boolean;
}

/** The App of one process; each has a pid of its own unless told. */
export function appFor(place: Place, setup: Setup = {}): App {
  const { pid = place.nextPid(), host = 'here', settings = {}, stateTag, price } = setup;
  const provider =
    setup.provider ??
    createFakeProvider(place.world, {
      ...(stateTag === undefined ? {} : { stateTag, elsewhere: true }),
      ...(price === undefined ? {} : { price: ({ service }) => (service === undefined ? 0 : price(service.name)) }),
    });
  return {
    version: '0.0.0',
    clock: place.clock,
    store: setup.store ?? place.store,
    config: configOf(settings),
    stateTag: stateTag ?? 'state',
    provider: (name) => {
      if (name === 'fake') return Promise.resolve(provider);
      // The same world under another name, for specs that move.
      if (name === 'other') return Promise.resolve(createFakeProvider(place.world, { name }));
      return Promise.reject(new SpinError('provider-unknown', `there is no provider ${name}`));
    },
    providers: ['fake'],
    reachable: [],
    holder: (command): Holder => ({ host, pid, startTime: '1', user: 'ada', command }),
    alive: (holder) => (holder.host === host ? !place.dead.has(holder.pid) : 'unknown'),
    env: {},
    cwd: setup.cwd ?? '/nowhere',
    templatesDir: setup.templatesDir ?? '/nowhere',
    node: '24.0.0',
    signal: setup.signal ?? new AbortController().signal,
    report: (event) => void place.events.push(event),
    confirm: (question) => {
      place.questions.push(question);
      if (setup.answer === undefined) return Promise.reject(new SpinError('confirmation-needed', 'there is no terminal'));
      return Promise.resolve(setup.answer);
    },
    readStdin: () => Promise.resolve(setup.spec ?? ''),
    spawnSelf: (args) => void place.spawned.push(args),
  };
}

function configOf(settings: Partial<Settings>): LoadedConfig {
  return {
    settings: {
      provider: 'fake',
      owner: 'ada',
      tags: {},
      state: '/nowhere/state',
      limits: {},
      prices: { local: { process: 0, cpu: 0, memory: 0 } },
      aws: { regions: [], accounts: [], subnets: [], image: 'ami-1', instanceTypes: ['t3.micro'], exposeTo: [], checkFrom: [], prices: {} },
      gc: { graceMs: 600_000, maxSpins: 20, maxPercent: 50 },
      history: { retainMs: 30 * 86_400_000 },
      ports: { from: 20_000, to: 29_999 },
      logs: { maxBytes: 10_000_000, files: 3 },
      ...settings,
    },
    values: {},
    files: [],
    warnings: [],
  };
}
