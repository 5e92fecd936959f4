import type { Folder, Ran } from './folder.ts';
import type { Orders, Point } from './orders.ts';

/** One fresh world for one trial. */
export interface World {
  readonly folder: Folder;
  /**
   * Lets a call of the next command break on its way to the provider.
   * @param kill ends the process that makes it
   */
  breakCall(at: NonNullable<Orders['at']>, kill: () => Promise<void>): void;
  /** The calls that have come on that way, in order. */
  calls(): readonly Point['what'][];
  /** True once the call that was to break has come. */
  broke(): boolean;
  /** What a user can tell of an environment, counted at the provider; nothing that differs between two undisturbed runs. */
  picture(): Promise<unknown>;
  /** What of ours is there: nothing, after a `down`. */
  left(): Promise<readonly string[]>;
  /** What the provider does not show yet can be seen afterwards. */
  becomeVisible(): Promise<void>;
  close(): Promise<void>;
}

/** The command that is broken, and what surrounds it. */
export interface Scenario {
  readonly name: string;
  /** Brings about what the command begins from, with the spec written. `at` concerns processes that outlive it. */
  prepare(world: World, at?: Orders['at']): Promise<void>;
  readonly command: readonly string[];
  /** Of the command. */
  readonly spec: string;
  /** Of the `up` that follows. */
  readonly upSpec: string;
  /** Who of those that are not the command itself is at work in it: the keeper, or the `down` that a keeper starts. */
  readonly others: readonly string[];
  /** What the command sets off goes on after it has ended: until then, or for so many milliseconds. */
  readonly lingerMs?: number;
}

/** Where trials take place. */
export interface Ground {
  readonly name: string;
  readonly scenarios: readonly Scenario[];
  /** Trials that may take place at the same time; as many as one likes, unless told. */
  readonly jobs?: number;
  open(slow: { readonly unseen: boolean }): Promise<World>;
  close(): Promise<void>;
}

export const ID = 'shop';

/** What a trial was to show did not show. */
export class TrialFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TrialFailure';
  }
}

/** @throws TrialFailure where a command did not end well */
export function good(ran: Ran): Ran {
  if (ran.code === 0) return ran;
  const said = ran.stderr.trim().split('\n').slice(-4).join(' | ');
  throw new TrialFailure(`spin ${ran.args.join(' ')} ended with ${ran.code ?? ran.signal}: ${said}`);
}
