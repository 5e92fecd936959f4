import type { App } from '../app/context.ts';
import type { ErrorCode, ExitCode } from '../core/error-codes.ts';
import type { Page } from './page.ts';
import { cleanAll } from './text/clean.ts';

/** The groups of `spin --help`. */
export type Group = 'Bring up' | 'Look' | 'End' | 'Set up';

/** What completion offers for an argument. */
export type Completes = 'spin' | 'service' | 'template' | 'volume' | 'shell';

export interface ArgumentSpec {
  /** As commander writes it: `<id>`, `[id]`, `[ids...]`. */
  readonly form: string;
  readonly summary: string;
  readonly completes?: Completes;
  /** The words that it can be. */
  readonly choices?: readonly string[];
}

export interface OptionSpec {
  /** As commander writes them: `-f, --file <file>`. */
  readonly flags: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  /** May be given more than once; the values are collected. */
  readonly repeats?: boolean;
  /** Not shown in help: for spin's own calls of itself. */
  readonly hidden?: boolean;
}

/** What was typed, by name, without the dashes. */
export interface Input {
  readonly arg: (name: string) => string | undefined;
  readonly args: (name: string) => readonly string[];
  readonly text: (option: string) => string | undefined;
  readonly flag: (option: string) => boolean;
  readonly list: (option: string) => readonly string[];
  readonly json: boolean;
  /** A person is there to look at what failed, and to ask. */
  readonly interactive: () => boolean;
}

/** What went wrong in an outcome that is otherwise whole: such as one spin of many that would not go down. */
export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** What a command gives back to the shell. */
export type Answer =
  | {
      readonly kind: 'result';
      /** Goes into `--output json` as it is. */
      readonly outcome: unknown;
      readonly view: (page: Page) => string;
      /** With --quiet: what a script would ask for, or nothing. */
      readonly brief: () => string;
      readonly exit: ExitCode | number;
      readonly problem?: Problem;
      /** For stderr, where stdout is for machines to read. */
      readonly warnings: readonly string[];
    }
  | {
      /** Lines as they come, until the caller interrupts; with `--output json` one document per line. */
      readonly kind: 'stream';
      readonly items: AsyncIterable<unknown>;
      readonly line: (item: never, page: Page, tty: boolean) => string;
    };

export interface Command {
  readonly name: string;
  readonly group: Group;
  readonly summary: string;
  /** What the summary leaves out; paragraphs. */
  readonly description?: string;
  readonly args: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Changes something outside this machine's memory: its progress is worth showing. */
  readonly mutates: boolean;
  /** Not shown in help: for spin's own calls of itself. */
  readonly hidden?: boolean;
  /** Asks before it destroys: has --yes. */
  readonly asks?: boolean;
  /** What to type after an interruption, where it is not about one spin. */
  readonly resume?: string;
  /** Use case and view are imported in here, so that a command loads only its own. */
  readonly run: (app: App, input: Input) => Promise<Answer>;
}

interface Extra<Outcome> {
  readonly brief?: (outcome: Outcome) => string;
  readonly exit?: ExitCode | number;
  readonly problem?: Problem | undefined;
  readonly warnings?: readonly string[];
}

/** An outcome with its view. The view sees every text made clean of control characters. */
export function result<Outcome>(outcome: Outcome, view: (outcome: Outcome, page: Page) => string, extra: Extra<Outcome> = {}): Answer {
  return {
    kind: 'result',
    outcome,
    view: (page) => view(cleanAll(outcome), page),
    brief: () => extra.brief?.(cleanAll(outcome)) ?? '',
    exit: extra.exit ?? 0,
    warnings: extra.warnings ?? [],
    ...(extra.problem === undefined ? {} : { problem: extra.problem }),
  };
}

/** A stream with the view of its items. */
export function stream<Item>(items: AsyncIterable<Item>, line: (item: Item, page: Page, tty: boolean) => string): Answer {
  return { kind: 'stream', items, line };
}

type Given<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out what was not given, so that a use case sees an absent option as absent. */
export function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;
}
