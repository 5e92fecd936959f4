/** Feeds cases in a thread of its own, so that one that never ends can be told of, and ended. */
import { mkdirSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { feedAll } from './feeding.ts';
import { KINDS } from './kinds/index.ts';

export interface Task {
  readonly kind: string;
  readonly seed: number;
  readonly indices: readonly number[];
}

/** Where a thread writes, and where it tells which case it is at and how many it has begun. */
export interface Lane {
  readonly folder: string;
  readonly at: SharedArrayBuffer;
}

const lane = workerData as Lane;
const at = new Int32Array(lane.at);

parentPort?.on('message', ({ kind: name, seed, indices }: Task) => {
  const kind = KINDS.find((each) => each.name === name);
  if (kind === undefined) throw new TypeError(`there is no kind ${name}`);
  mkdirSync(lane.folder, { recursive: true });
  void feedAll(kind, seed, indices, lane.folder, (index) => {
    Atomics.store(at, 0, index);
    Atomics.add(at, 1, 1);
  }).then((fed) => parentPort?.postMessage(fed, []));
});
