import type { SpinFolder } from '../layout.ts';
import {
  type Desired,
  type Instances,
  type InstanceState,
  type Wanted,
  writeDocument,
  Writer,
  readDesired,
  readInstances,
} from './state.ts';

/** What a keeper should run and what it did, in memory and in its two documents; counts every change. */
export class Kept {
  readonly #folder: SpinFolder;
  readonly #wanted = new Map<string, Wanted>();
  readonly #instances = new Map<string, InstanceState>();
  readonly #routePorts = new Map<string, number>();
  readonly #desiredWriter: Writer;
  readonly #instancesWriter: Writer;
  readonly #listeners = new Set<() => void>();
  #deadline: number;
  // Grows over the lives of keepers too, or a caller that waits on the old one's number would wait on.
  #version: number;

  /** @throws Fault `invalid` `state-damaged` */
  constructor(folder: SpinFolder, startedAt: number) {
    this.#folder = folder;
    this.#version = startedAt;
    const desired = readDesired(folder.desired);
    this.#deadline = desired?.deadline ?? Number.POSITIVE_INFINITY;
    for (const [key, wanted] of Object.entries(desired?.wanted ?? {})) this.#wanted.set(key, wanted);
    for (const [address, port] of Object.entries(desired?.routePorts ?? {})) this.#routePorts.set(address, port);
    for (const state of knownInstances(folder)) this.#instances.set(state.name, state);
    this.#desiredWriter = new Writer(() => writeDocument(this.#folder.desired, this.#desired(), true));
    // Not flushed to the disk: it tells of processes, and what takes the cache away takes those away as well.
    this.#instancesWriter = new Writer(() => writeDocument(this.#folder.instances, this.#done(), false));
  }

  get version(): number {
    return this.#version;
  }

  get deadline(): number {
    return this.#deadline;
  }

  get wanted(): readonly Wanted[] {
    return [...this.#wanted.values()];
  }

  find(key: string): Wanted | undefined {
    return this.#wanted.get(key);
  }

  routePort(address: string): number | undefined {
    return this.#routePorts.get(address);
  }

  instance(name: string): InstanceState | undefined {
    return this.#instances.get(name);
  }

  /** Instances of a service, in the order of their ordinals. */
  instancesOf(key: string): readonly InstanceState[] {
    return [...this.#instances.values()].filter((state) => state.resource === key).toSorted((a, b) => a.ordinal - b.ordinal);
  }

  get instances(): readonly InstanceState[] {
    return [...this.#instances.values()];
  }

  /** Resolves when the change is on the disk. @throws what the disk refuses */
  want(wanted: Wanted): Promise<void> {
    this.#wanted.set(wanted.key, wanted);
    return this.#desiredChanged();
  }

  forget(key: string): Promise<void> {
    this.#wanted.delete(key);
    return this.#desiredChanged();
  }

  moveDeadline(deadline: number): Promise<void> {
    this.#deadline = deadline;
    return this.#desiredChanged();
  }

  keepRoutePort(address: string, port: number): Promise<void> {
    this.#routePorts.set(address, port);
    return this.#desiredChanged();
  }

  /** Notes a change of an instance; the returned promise needs awaiting only where the note must come before the deed. */
  note(state: InstanceState): Promise<void> {
    this.#instances.set(state.name, state);
    return this.#instancesChanged();
  }

  forgetInstance(name: string): Promise<void> {
    this.#instances.delete(name);
    return this.#instancesChanged();
  }

  /** Says that something changed which is in neither document. */
  changed(): void {
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #desiredChanged(): Promise<void> {
    this.changed();
    return settled(this.#desiredWriter.save());
  }

  #instancesChanged(): Promise<void> {
    this.changed();
    return settled(this.#instancesWriter.save());
  }

  #desired(): Desired {
    return { v: 1, deadline: this.#deadline, wanted: Object.fromEntries(this.#wanted), routePorts: Object.fromEntries(this.#routePorts) };
  }

  #done(): Instances {
    return { v: 1, instances: Object.fromEntries(this.#instances) };
  }
}

/** A refused write concerns whoever awaits it; the next change writes the whole document again. */
function settled(write: Promise<void>): Promise<void> {
  write.catch(() => undefined);
  return write;
}

function knownInstances(folder: SpinFolder): readonly InstanceState[] {
  try {
    return Object.values(readInstances(folder.instances)?.instances ?? {});
  } catch {
    // Only a crash of the machine leaves it damaged, and no process outlived that.
    return [];
  }
}
