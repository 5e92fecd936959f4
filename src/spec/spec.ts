import type { NanoUsd } from '../core/money.ts';
import type { Tags } from '../core/tags.ts';

/**
 * What the user wrote, validated and resolved: `${env.*}` and `${git.*}` are filled in, defaults applied,
 * durations in milliseconds, paths absolute. `${services.NAME.*}` stays as written in `run`, `env`, bootstrap
 * steps, health commands and hooks, because addresses are known only while the spin comes up. Immutable.
 */
export interface Spec {
  readonly name: string;
  readonly provider: string;
  /** Region of a cloud; the config or the environment says it where the spec does not. */
  readonly region?: string;
  readonly ttlMs: number;
  readonly owner: string;
  readonly tags: Tags;
  readonly budget: Budget;
  readonly secrets: Readonly<Record<string, SecretSource>>;
  readonly volumes: Readonly<Record<string, VolumeSource>>;
  /** Managed databases; clouds only. A service is given the address of one as `${services.NAME.*}`. */
  readonly databases: Readonly<Record<string, DatabaseSpec>>;
  readonly services: Readonly<Record<string, ServiceSpec>>;
  /** Evacuation hook of the whole spin: runs on the machine of `spin down`, before anything is drained. */
  readonly evacuate?: Hook;
  /** Folder that relative paths of the spec are resolved against; absolute. */
  readonly baseDir: string;
}

export interface Budget {
  readonly perHour?: NanoUsd;
  readonly total?: NanoUsd;
}

/** Where a secret's value comes from. The value itself is never part of a spec, a plan or a record. */
export type SecretSource =
  | { readonly from: 'generate'; readonly length: number }
  | { readonly from: 'env'; readonly variable: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'command'; readonly command: Command; readonly timeoutMs: number };

/** What a volume starts with. */
export type VolumeSource =
  | { readonly from: 'empty' }
  | { readonly from: 'folder'; readonly path: string }
  | { readonly from: 'archive'; readonly path: string }
  /** A cloud's snapshot of a disk. `sizeGiB` at least that of the snapshot. */
  | { readonly from: 'snapshot'; readonly snapshot: string; readonly sizeGiB?: number }
  /** A new disk of a cloud. */
  | { readonly from: 'disk'; readonly sizeGiB: number };

/** A managed database. It has its own deadline, the spin's, whatever becomes of the instances. */
export interface DatabaseSpec {
  readonly name: string;
  readonly source: { readonly from: 'snapshot'; readonly snapshot: string } | { readonly from: 'replica'; readonly of: string };
  /** Class of the instance, such as `db.t4g.micro`; the source's own where absent. */
  readonly instanceClass?: string;
  /** Takes a snapshot of this name before it is deleted; none by default. */
  readonly finalSnapshot?: string;
}

/** A string runs in the shell; a list is executed as it is. */
export type Command = string | readonly [string, ...string[]];

export interface ServiceSpec {
  readonly name: string;
  readonly run: Command;
  /** A job runs once and is ready when it ended with exit code 0. */
  readonly job: boolean;
  readonly replicas: number;
  /** Working directory; absolute. */
  readonly dir: string;
  /** A fixed port for the single instance, or one allocated for each. `none`: the service listens on nothing. */
  readonly port: number | 'auto' | 'none';
  /** Names of services that must be ready first; those named in `${services.*}` are included. */
  readonly needs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly SecretUse[];
  readonly volumes: readonly VolumeUse[];
  readonly bootstrap: readonly BootstrapStep[];
  readonly health: Health;
  readonly restart: Restart;
  readonly drain: Drain;
  readonly expose?: Expose;
  /** Reserved by the service: virtual CPUs, and memory in bytes. What the price of an instance is made of. */
  readonly cpu?: number;
  readonly memory?: number;
  /** What only a cloud reads; checked and kept, and ignored by `local`. */
  readonly cloud: CloudSpec;
}

export interface SecretUse {
  readonly secret: string;
  /** Delivered as this environment variable, or as a 0600 file whose path that variable holds. */
  readonly as: 'env' | 'file';
  readonly variable: string;
}

export interface VolumeUse {
  readonly volume: string;
  /** The environment variable that holds the volume's path. */
  readonly variable: string;
}

export interface BootstrapStep {
  readonly name: string;
  readonly run: Command;
  readonly timeoutMs: number;
}

/** A hook is a command with a deadline. */
export interface Hook {
  readonly run: Command;
  readonly timeoutMs: number;
}

export interface HealthTiming {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Passes in a row that make an instance healthy, and failures in a row that make it unhealthy again. */
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
  /** The first pass must come within this time from the instance's start. */
  readonly deadlineMs: number;
}

export type HealthProbe =
  | { readonly type: 'http'; readonly path: string; readonly status?: number }
  | { readonly type: 'tcp' }
  | { readonly type: 'command'; readonly run: Command }
  /** The process stays alive for `forMs`: all that can be asked of a service that listens on nothing. */
  | { readonly type: 'alive'; readonly forMs: number };

export type Health = HealthTiming & { readonly probe: HealthProbe };

export interface Restart {
  readonly policy: 'always' | 'on-failure' | 'never';
  /** This many unplanned ends within `windowMs` are a crash loop. */
  readonly max: number;
  readonly windowMs: number;
}

export interface Drain {
  readonly signal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2';
  readonly timeoutMs: number;
  /** Runs in the instance's environment after requests have ended and before the signal. */
  readonly hook?: Hook;
}

export interface Expose {
  /** Port of the router; `auto` picks one that stays the same for the incarnation. */
  readonly port: number | 'auto';
  /** Address that the router listens on; loopback unless the spec says otherwise. */
  readonly host: string;
}

export interface CloudSpec {
  /** In order of preference; a type that has no capacity is followed by the next. */
  readonly instanceTypes: readonly string[];
  /** An image ID, or the name of a public parameter that holds one. */
  readonly image?: string;
  readonly spot: boolean;
  /** Which address of an instance is checked, and given to others. */
  readonly address: 'private' | 'public';
  /** Size of the root disk in GiB; the image's own where absent. */
  readonly diskGiB?: number;
}
