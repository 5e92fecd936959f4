import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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
}

/**
 * Reads one of the documents above; undefined where the file is not there.
 * @throws Fault `invalid` `state-damaged`
 */
export function readDocument<Document extends { readonly v: 1 }>(file: string): Document | undefined {
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
  if (!isDocument<Document>(document)) throw new Fault('invalid', 'state-damaged', `${file} has a form that this version does not know`);
  return document;
}

function isDocument<Document extends { readonly v: 1 }>(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && 'v' in value && value.v === 1;
}

/** Replaces a document as a whole. `durable` outlives a power cut; without it, what is written outlives every process. */
export function writeDocument(file: string, document: { readonly v: 1 }, durable: boolean): void {
  const partial = `${file}.partial`;
  const descriptor = openSync(partial, 'w', 0o600);
  try {
    writeFileSync(descriptor, `${JSON.stringify(document)}\n`);
    if (durable) fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(partial, file);
  if (!durable) return;
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Collects changes of one turn of the event loop into one write; resolves when what was there at the call is written. */
export class Writer {
  readonly #write: () => void;
  #underWay: Promise<void> | undefined;

  constructor(write: () => void) {
    this.#write = write;
  }

  save(): Promise<void> {
    this.#underWay ??= new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        this.#underWay = undefined;
        try {
          this.#write();
          resolve();
        } catch (thrown) {
          reject(thrown);
        }
      });
    });
    return this.#underWay;
  }
}
