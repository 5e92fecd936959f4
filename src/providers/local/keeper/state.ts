import { readFileSync } from 'node:fs';
import { open, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FaultNote } from '../../../core/events.ts';
import { systemCode } from '../../../core/errors.ts';
import type { Expose, ServiceSpec } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import type { InstanceObservation } from '../../provider.ts';
import type { Identity } from '../processes.ts';

/** One thing that the keeper should run. `releasing`: it should no more. */
export type Wanted = WantedService | WantedRoute | WantedRegistration;

interface WantedBase {
  readonly key: string;
  readonly address: string;
  readonly generation: number;
  readonly token: string;
  readonly releasing: boolean;
}

export interface WantedService extends WantedBase {
  readonly kind: 'service';
  readonly count: number;
  /** With the addresses of other services filled in. */
  readonly service: ServiceSpec;
}

export interface WantedRoute extends WantedBase {
  readonly kind: 'route';
  readonly service: string;
  readonly expose: Expose;
}

export interface WantedRegistration extends WantedBase {
  readonly kind: 'registration';
  /** Keys of the service generation and of the route that it joins. */
  readonly service: string;
  readonly route: string;
}

/** desired.json */
export interface Desired {
  readonly v: 1;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  readonly wanted: Readonly<Record<string, Wanted>>;
  /** Router ports by route address: the same for the whole incarnation. */
  readonly routePorts: Readonly<Record<string, number>>;
}

/** What was done about one instance. */
export interface InstanceState {
  readonly name: string;
  /** Key of its service. */
  readonly resource: string;
  readonly ordinal: number;
  readonly state: InstanceObservation['state'];
  readonly reason: string;
  readonly port?: number | undefined;
  /** Where its listener was found: `127.0.0.1` or `::1`. */
  readonly host?: string | undefined;
  readonly bootstrapped: boolean;
  /** Number of the present or last start; written before the process exists. */
  readonly run: number;
  readonly process?: Identity | undefined;
  readonly startedAt?: number | undefined;
  readonly healthyAt?: number | undefined;
  readonly restarts: number;
  /** Times of the latest unplanned ends. */
  readonly ends: readonly number[];
  /** Of a job that ended. */
  readonly exitCode?: number | undefined;
  readonly failure?: FaultNote | undefined;
}

/** instances.json */
export interface Instances {
  readonly v: 1;
  readonly instances: Readonly<Record<string, InstanceState>>;
}

/** keeper.json: what a keeper is started with, by whoever starts it. */
export interface KeeperConfig {
  readonly v: 1;
  readonly id: string;
  readonly incarnation: string;
  readonly trace: string;
  readonly stateDir: string;
  readonly stateTag: string;
  readonly ports: { readonly from: number; readonly to: number };
  readonly logs: { readonly maxBytes: number; readonly files: number };
  readonly selfCommand: readonly [string, ...string[]];
  /** Variables that neither the keeper nor anything below it inherits, as they hold secrets. */
  readonly withhold?: readonly string[];
}

/** @throws Fault `invalid` `state-damaged`; undefined where the file is not there, as for the next two */
export function readConfig(file: string): KeeperConfig | undefined {
  return readDocument(file) as KeeperConfig | undefined;
}

export function readDesired(file: string): Desired | undefined {
  return readDocument(file) as Desired | undefined;
}

export function readInstances(file: string): Instances | undefined {
  return readDocument(file) as Instances | undefined;
}

/** Only keepers and those who start them write these files, whole and in this form; the version tells of another. */
function readDocument(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (thrown) {
    throw new Fault('invalid', 'state-damaged', `${file} is damaged`, { cause: thrown });
  }
  if (typeof document === 'object' && document !== null && 'v' in document && document.v === 1) return document;
  throw new Fault('invalid', 'state-damaged', `${file} has a form that this version does not know`);
}

/** Replaces a document as a whole. `durable` outlives a power cut; without it, what is written outlives every process. */
export async function writeDocument(file: string, document: { readonly v: 1 }, durable: boolean): Promise<void> {
  const partial = `${file}.partial`;
  await writeFile(partial, `${JSON.stringify(document)}\n`, { mode: 0o600, flush: durable });
  await rename(partial, file);
  if (!durable) return;
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Writes a document that changes often. What changes while a write is under way goes with the next one, so that twenty
 * changes at once are a write or two.
 */
export class Writer {
  readonly #write: () => Promise<void>;
  #underWay: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(write: () => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when what was there at the call is written. @throws what the disk refuses */
  save(): Promise<void> {
    this.#next ??= this.#begin(this.#underWay);
    return this.#next;
  }

  async #begin(before: Promise<void>): Promise<void> {
    await before.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    const write = this.#write();
    this.#underWay = write;
    this.#next = undefined;
    await write;
  }
}
