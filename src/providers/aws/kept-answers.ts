import { Fault } from '../fault.ts';
import type { Call } from '../provider.ts';
import type { Cloud } from './cloud.ts';
import { addKept, type Entries, type Form, isWithin, keptFile, readKept } from './kept-file.ts';
import { Remembered } from './remembered.ts';

/** A kind of question about things that have names, whose answers rarely change. */
export interface Kind<Value> {
  /** Tells the kinds apart in the file. */
  readonly name: string;
  /** How long a kept answer counts, in milliseconds. */
  readonly validMs: number;
  /** What stands in the file as a value; undefined where it is none. */
  readonly valueIn: (value: unknown) => Value | undefined;
}

export interface Answer<Value> {
  /** By name. What AWS does not know is left out, and never kept. */
  readonly values: ReadonlyMap<string, Value>;
  /** True where it is from the file: good enough to go on with, and no reason to refuse anything. */
  readonly kept: boolean;
}

/** Answers to one kind of question: asked once per process, and kept on disk for all processes of this machine. */
export class KeptAnswers<Value> {
  readonly #kind: Kind<Value>;
  readonly #known = new WeakMap<Cloud, Remembered<Answer<Value>>>();

  constructor(kind: Kind<Value>) {
    this.#kind = kind;
  }

  /**
   * @param ask one request for all the names, sorted and each once; sent unless all are kept
   * @param fresh asks AWS, whatever is kept
   * @throws what `ask` throws; Fault `denied` where there are no credentials; the call's abort reason
   */
  of(
    cloud: Cloud,
    names: readonly string[],
    call: Call,
    ask: (names: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
    fresh = false,
  ): Promise<Answer<Value>> {
    const sorted = [...new Set(names)].toSorted();
    const known = this.#known.get(cloud) ?? new Remembered<Answer<Value>>();
    this.#known.set(cloud, known);
    return known.get(`${fresh ? 'fresh ' : ''}${sorted.join()}`, call, async () => {
      const kept = fresh ? undefined : await this.#find(cloud, sorted, call);
      if (kept !== undefined) return { values: kept, kept: true };
      const at = call.clock.now();
      const values = await ask(sorted);
      await shelfOf(cloud).add(new Map([...values].map(([name, value]) => [this.#entryOf(name), value])), at, call);
      return { values, kept: false };
    });
  }

  /** All of the names, or undefined where one is missing or too old. */
  async #find(cloud: Cloud, names: readonly string[], call: Call): Promise<ReadonlyMap<string, Value> | undefined> {
    const { validMs, valueIn } = this.#kind;
    const entries = await shelfOf(cloud).find(
      names.map((name) => this.#entryOf(name)),
      validMs,
      call,
    );
    if (entries === undefined) return undefined;
    const values = new Map(
      names.flatMap((name, at) => {
        const value = valueIn(entries[at]);
        return value === undefined ? [] : [[name, value] as const];
      }),
    );
    return values.size === names.length ? values : undefined;
  }

  #entryOf(name: string): string {
    return `${this.#kind.name} ${name}`;
  }
}

interface Entry {
  readonly value: unknown;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Whose it is: what is offered in a zone of this name, and how much of it, differs between accounts. */
  readonly account: string;
}

const FORM: Form<Entry> = {
  entryIn: (entry) => {
    if (!('value' in entry) || !('at' in entry) || typeof entry.at !== 'number') return undefined;
    if (!('account' in entry) || typeof entry.account !== 'string') return undefined;
    return { value: entry.value, at: entry.at, account: entry.account };
  },
  askedAt: ({ at }) => at,
};

/**
 * The file of one cloud. It is named after what the access key says, so that nothing has to be waited for before it is opened; each entry
 * says which account it is of, and counts once AWS has said that this is the caller's. Every preflight asks that anyway.
 */
class Shelf {
  readonly #cloud: Cloud;
  readonly #opened = new Remembered<{ readonly file: string; readonly entries: Entries<Entry> }>();
  /** One after the other, so that no answer of this process overwrites another. */
  #writing: Promise<void> = Promise.resolve();

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  /** The values of these entries, in order; undefined unless all are there, young, and of the caller's account. */
  async find(names: readonly string[], validMs: number, call: Call): Promise<readonly unknown[] | undefined> {
    const { entries } = await this.#open(call);
    const now = call.clock.now();
    const young = names.flatMap((name) => {
      const entry = entries[name];
      return entry !== undefined && isWithin(entry.at, validMs, now) ? [entry] : [];
    });
    if (young.length < names.length) return undefined;
    const account = await this.#account(call);
    return young.every((entry) => entry.account === account) ? young.map(({ value }) => value) : undefined;
  }

  /** Keeps values by name, unless it is not known whose they are. */
  async add(values: ReadonlyMap<string, unknown>, at: number, call: Call): Promise<void> {
    const account = await this.#account(call);
    if (account === undefined || values.size === 0) return;
    const { file } = await this.#open(call);
    const entries = Object.fromEntries([...values].map(([name, value]) => [name, { value, at, account }]));
    this.#writing = this.#writing.then(() => addKept(file, entries, FORM));
    await this.#writing;
  }

  #open(call: Call): Promise<{ readonly file: string; readonly entries: Entries<Entry> }> {
    return this.#opened.get('', call, async () => {
      const { options, region } = this.#cloud;
      const file = keptFile(options, 'answers', region, ['EC2', 'Service Quotas', 'STS'], await this.#cloud.caller(call));
      return { file, entries: await readKept(file, FORM) };
    });
  }

  async #account(call: Call): Promise<string | undefined> {
    try {
      return await this.#cloud.account(call);
    } catch (thrown) {
      call.signal.throwIfAborted();
      if (!(thrown instanceof Fault)) throw thrown;
      return undefined;
    }
  }
}

const shelves = new WeakMap<Cloud, Shelf>();

function shelfOf(cloud: Cloud): Shelf {
  const shelf = shelves.get(cloud) ?? new Shelf(cloud);
  shelves.set(cloud, shelf);
  return shelf;
}
