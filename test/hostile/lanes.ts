/** Spreads cases over threads, watches that each goes on, and looks at what they left on the disk. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Failure, Fed } from './feeding.ts';
import { Dice } from './dice.ts';
import type { Kind } from './kind.ts';
import { CANARY } from './nasty.ts';
import type { Lane, Task } from './worker.ts';

export interface Report {
  readonly kind: string;
  readonly cases: number;
  readonly accepted: number;
  readonly refused: number;
  readonly slowestMs: number;
  readonly failures: readonly Failure[];
}

export interface Order {
  readonly kind: Kind;
  readonly seed: number;
  readonly indices: readonly number[];
}

/** A case that has not ended by then never will. */
const HANGS_MS = 30_000;
const CHUNK = 250;

/** The cases of a kind that a share of a full run feeds: the first ones, or some from all over. */
export function casesOf({ cases, exhaustive }: Kind, share: number, seed: number): readonly number[] {
  const count = Math.min(cases, Math.ceil(cases * share));
  if (exhaustive !== true) return Array.from({ length: count }, (_, index) => index);
  const step = cases / count;
  const from = new Dice(`start/${seed}`).next() * step;
  return Array.from({ length: count }, (_, n) => Math.floor(from + n * step) % cases);
}

/** Feeds every order, in as many threads as told. Whatever was written outside of a thread's own folder is a failure of its kind. */
export async function feed(orders: readonly Order[], threads: number, said: (report: Report) => void): Promise<readonly Report[]> {
  const root = mkdtempSync(join(tmpdir(), 'spin-hostile-'));
  try {
    const reports: Report[] = [];
    for (const order of orders) {
      const report = await feedOne(order, threads, root);
      reports.push(report);
      said(report);
    }
    return reports;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function feedOne({ kind, seed, indices }: Order, threads: number, root: string): Promise<Report> {
  const chunks = Array.from({ length: Math.ceil(indices.length / CHUNK) }, (_, n) => indices.slice(n * CHUNK, (n + 1) * CHUNK));
  const all: Fed[] = [];
  const lanes = Array.from({ length: Math.min(threads, chunks.length) }, (_, n) => `lane-${n}`);
  await Promise.all(
    lanes.map(async (name) => {
      const home = join(root, name);
      mkdirSync(join(home, 'inside'), { recursive: true });
      const lane = new Thread({ folder: join(home, 'inside'), at: new SharedArrayBuffer(8) });
      for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
        all.push(await lane.feed({ kind: kind.name, seed, indices: chunk }));
        const strays = straysIn(root, home);
        if (strays.length > 0) all.push(strayFailure(kind.name, chunk, strays));
      }
      await lane.end();
    }),
  );
  return {
    kind: kind.name,
    cases: indices.length,
    accepted: all.reduce((sum, fed) => sum + fed.accepted, 0),
    refused: all.reduce((sum, fed) => sum + fed.refused, 0),
    slowestMs: all.reduce((most, fed) => Math.max(most, fed.slowestMs), 0),
    failures: all.flatMap((fed) => fed.failures),
  };
}

function straysIn(root: string, home: string): readonly string[] {
  const strays = [
    ...readdirSync(root).filter((name) => !name.startsWith('lane-')),
    ...readdirSync(home).filter((name) => name !== 'inside'),
    // Whoever runs something without a folder of its own runs it where this runs.
    ...(existsSync(CANARY) ? [CANARY] : []),
  ];
  rmSync(CANARY, { force: true });
  return strays;
}

function strayFailure(kind: string, [first = 0, ...rest]: readonly number[], strays: readonly string[]): Fed {
  const why = `wrote outside of its folder: ${strays.join(', ')}`;
  return {
    accepted: 0,
    refused: 0,
    slowestMs: 0,
    failures: [{ kind, index: first, why, stack: '', input: `one of the cases ${first} to ${rest.at(-1) ?? first}` }],
  };
}

/** A worker thread that is replaced where it hangs or dies. */
class Thread {
  readonly #lane: Lane;
  #worker: Worker;

  constructor(lane: Lane) {
    this.#lane = lane;
    this.#worker = this.#start();
  }

  async feed(task: Task): Promise<Fed> {
    const parts: Fed[] = [];
    let rest = task.indices;
    while (rest.length > 0) {
      const fed = await this.#try({ ...task, indices: rest });
      if (typeof fed !== 'string') {
        parts.push(fed);
        break;
      }
      const index = Atomics.load(new Int32Array(this.#lane.at), 0);
      const input = `npm run fuzz -- --only ${task.kind} --seed ${task.seed} --case ${index} --show`;
      // What went well before is fed again: seldom, and no harm.
      parts.push({ accepted: 0, refused: 0, slowestMs: 0, failures: [{ kind: task.kind, index, why: fed, stack: '', input }] });
      rest = rest.slice(rest.indexOf(index) + 1);
      await this.#worker.terminate();
      this.#worker = this.#start();
    }
    return {
      accepted: parts.reduce((sum, part) => sum + part.accepted, 0),
      refused: parts.reduce((sum, part) => sum + part.refused, 0),
      slowestMs: parts.reduce((most, part) => Math.max(most, part.slowestMs), 0),
      failures: parts.flatMap((part) => part.failures),
    };
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #start(): Worker {
    return new Worker(new URL('worker.ts', import.meta.url), { workerData: this.#lane });
  }

  /** What came of a task, or why there is nothing. */
  #try(task: Task): Promise<Fed | string> {
    const at = new Int32Array(this.#lane.at);
    const worker = this.#worker;
    return new Promise((resolve) => {
      let [begun, since] = [-1, performance.now()];
      const watch = setInterval(() => {
        const now = Atomics.load(at, 1);
        if (now !== begun) [begun, since] = [now, performance.now()];
        else if (performance.now() - since > HANGS_MS) settle(`hangs: not done after ${HANGS_MS / 1000} s`);
      }, 250);
      const settle = (fed: Fed | string): void => {
        clearInterval(watch);
        worker.off('message', settle).off('error', died).off('exit', left);
        resolve(fed);
      };
      const died = (thrown: unknown): void => settle(`ended its thread: ${String(thrown)}`);
      const left = (code: number): void => settle(`ended its thread with ${code}`);
      worker.on('message', settle).on('error', died).on('exit', left);
      worker.postMessage(task, []);
    });
  }
}
