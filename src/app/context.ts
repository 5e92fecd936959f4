import type { Clock } from '../core/clock.ts';
import type { SpinEvent } from '../core/events.ts';
import type { Provider } from '../providers/provider.ts';
import type { Holder, Store } from '../store/store.ts';
import type { LoadedConfig } from '../spec/config.ts';

/** A question that a destructive use case asks before it acts. */
export interface Question {
  readonly text: string;
  /** What would go, one line each. */
  readonly items: readonly string[];
}

/** Everything that a use case needs from the world; made once, in the composition root. */
export interface App {
  readonly version: string;
  readonly clock: Clock;
  readonly store: Store;
  readonly config: LoadedConfig;
  /** The `spin:state` tag of the state location. */
  readonly stateTag: string;
  /** @throws SpinError `provider-unknown`, with a suggestion */
  provider(name: string): Promise<Provider>;
  /** Providers that the config speaks of: a sweep asks them, and so do those that a record names. */
  readonly providers: readonly string[];
  /** Providers that could have something of ours as far as the environment tells: asked only where a user looks beyond the records. */
  readonly reachable: readonly string[];
  /** This process as a lease holder. */
  holder(command: string): Holder;
  /** Whether the process of a holder lives: false only where that is certain. */
  readonly alive: (holder: Holder) => boolean | 'unknown';
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Folder of the starter specs; absolute. */
  readonly templatesDir: string;
  /** Version of Node that runs this. */
  readonly node: string;
  readonly signal: AbortSignal;
  /** Called for every event, after it went to the journal. */
  report(event: SpinEvent): void;
  /** Asks on a terminal; without one throws SpinError `confirmation-needed`. With --yes answers true. */
  confirm(question: Question): Promise<boolean>;
  readStdin(): Promise<string>;
  /** Starts `spin` again in the background with these arguments; it outlives this process. */
  spawnSelf(args: readonly string[]): void;
}
