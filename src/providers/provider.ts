/**
 * The provider port. This file is the contract: what every verb means, in which unit, what it throws.
 * test/contract/provider.ts holds every provider to it.
 *
 * All verbs are required. All times are milliseconds since the epoch, all durations milliseconds.
 * Every verb stops soon after `call.signal` aborts, with the signal's reason.
 * A provider throws Fault and nothing else for what the outside world refused; the engine switches on its kind.
 */
import type { Clock } from '../core/clock.ts';
import type { Emit, FaultNote } from '../core/events.ts';
import type { Incarnation, SpinId } from '../core/ids.ts';
import type { Known, NanoUsd } from '../core/money.ts';
import type { Tags } from '../core/tags.ts';
import type { Shape } from '../plan/build.ts';
import type { Desire, Plan, ResourceAddress, ResourceKind } from '../plan/plan.ts';
import type { Command, Spec } from '../spec/spec.ts';
import type { Fault } from './fault.ts';

/** What goes with every call. */
export interface Call {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly emit: Emit;
}

/**
 * Where a spin lives at its provider; decided once, before the first record is written, and kept in the record, so that a later command
 * with other credentials or another region in its environment finds the same spin or is refused. Empty for `local`.
 */
export interface Place {
  readonly account?: string;
  readonly region?: string;
}

/** Which spin a call is about. */
export interface SpinRef {
  readonly id: SpinId;
  readonly incarnation: Incarnation;
  readonly trace: string;
  readonly place?: Place;
}

/** A provider's opaque reference to a resource: JSON that only its provider reads. */
export type Handle = Readonly<Record<string, unknown>>;

/** One resource as the engine knows it. `key` is address@generation, such as `service.web@2`. */
export interface Target {
  readonly spin: SpinRef;
  readonly key: string;
  readonly address: ResourceAddress;
  readonly kind: ResourceKind;
  readonly generation: number;
  readonly token: string;
  /** How many instances are wanted; a later create with the same token and another count makes or ends the difference. */
  readonly count: number;
  /**
   * Which of the alternatives of its desire (instance types, zones) is tried, from 0. Written down before the call, and part of what the provider
   * derives its request tokens from: another alternative is another request.
   */
  readonly attempt?: number;
  /** When it was asked for last, by the record before this call; absent for what was never asked for. */
  readonly requestedAt?: number;
  readonly desire: Desire;
  /** Keys of the resources that it stands on: a registration's service generation and route. */
  readonly needs: readonly string[];
  /** Absent while it is not known whether the creating call happened. */
  readonly handle?: Handle;
}

/** Addresses of services that are ready: what `${services.NAME.*}` stands for. */
export type Bindings = Readonly<Record<string, readonly Endpoint[]>>;

export interface CreateRequest extends Target {
  /**
   * The `attempt` that this round began with, 0 by default. The alternatives are gone through in a ring: a round has tried each once, and the
   * next round, such as that of a later `up`, begins where the last one ended.
   */
  readonly firstAttempt?: number;
  /** Fencing number of the caller's lease; a provider that can, refuses one lower than it has seen (Fault `conflict`). */
  readonly fence: number;
  readonly tags: Tags;
  readonly deadline: number;
  readonly bindings: Bindings;
}

export interface Endpoint {
  readonly service: string;
  /** `instance`: of one instance. `route`: of the router, which balances over all. */
  readonly via: 'instance' | 'route';
  readonly host: string;
  readonly port: number;
  /** With scheme, where it has one: `http://127.0.0.1:20001`. */
  readonly url?: string;
}

/**
 * What a provider says about a resource now.
 * - `absent`: proven not to exist. Never said because something could not be read.
 * - `pending`: exists, or is being made, and does not yet do what it is for.
 * - `running`: does what it is for: every one of `count` instances healthy, a job ended with 0, a route listening.
 * - `stopping`: being deleted.
 * - `unknown`: it could not be told; `reason` says why.
 * `failure` beside `pending` says that it will not come up by itself (crash loop, bootstrap failed, health deadline passed).
 */
export interface Observation {
  readonly state: 'absent' | 'pending' | 'running' | 'stopping' | 'unknown';
  /** One line for the user: what it is waiting for, or why it is not known. */
  readonly reason: string;
  readonly instances: readonly InstanceObservation[];
  readonly endpoints: readonly Endpoint[];
  /** What the machines of a service are paid for, where the provider counts that itself. */
  readonly runs?: readonly Run[];
  readonly failure?: FaultNote;
  /** Price per hour of all that runs, where it is not the plan's: another instance type, spot. */
  readonly hourly?: Known<NanoUsd>;
  /** Beside `pending` and `stopping`: whoever worked on it is gone, and nothing moves until the same request is sent again. */
  readonly stalled?: true;
  readonly handle?: Handle;
}

/** One machine that is paid for, by its provider's own times. One that ended is told of for as long as its provider remembers it. */
export interface Run {
  /** Machine ID. */
  readonly machine: string;
  readonly from: number;
  /** Absent while it goes on. */
  readonly to?: number;
}

export interface InstanceObservation {
  /** Such as `web@1.2`: service, generation, ordinal from 1. */
  readonly name: string;
  readonly state:
    | 'pending'
    | 'bootstrapping'
    | 'starting'
    | 'healthy'
    | 'unhealthy'
    | 'restarting'
    | 'draining'
    | 'stopping'
    | 'exited'
    | 'failed';
  readonly reason: string;
  readonly startedAt?: number;
  readonly healthyAt?: number;
  readonly restarts: number;
  readonly address?: string;
  /** Process ID or machine ID. */
  readonly runsAs?: string;
}

/** A thing found by its ownership tags alone, with or without a record. */
export interface Found {
  /** Name of the provider that has it. */
  readonly provider: string;
  readonly id: SpinId;
  readonly incarnation: Incarnation;
  /** Resource key where the tags tell, else ''. */
  readonly resource: string;
  readonly kind: ResourceKind | 'process' | 'folder';
  /** For people: `process 4711 (node server.js)`. */
  readonly what: string;
  readonly createdAt?: number;
  /** Where it lives; absent where the provider has but one place. */
  readonly place?: Place;
  /** All that it is tagged with, ours included. */
  readonly tags?: Tags;
  /** Its provider can mark it as an orphan. */
  readonly marks?: true;
  /** Since when it is marked as one. */
  readonly orphanSince?: number;
  readonly handle: Handle;
}

/** Which things an inventory lists. */
export interface InventoryScope {
  readonly id?: SpinId;
  /** Also what other state locations own: to look at, or to adopt; never to delete. */
  readonly everyone?: boolean;
  /**
   * Where spins live, as their records say: looked into as well, whatever this config sweeps, once it is proven that the credentials are of
   * that account. What cannot be looked into is told to `beyond`; without that it is a failure, for nothing of it may be taken for gone.
   */
  readonly places?: readonly Place[];
  /**
   * Looks also where this config has nothing, for another one of the same state location may have made things there. What cannot be
   * asked then is told to this, and the list is complete but for that.
   */
  readonly beyond?: (unasked: Unasked) => void;
}

/** Things that an inventory could not look for. */
export interface Unasked {
  /** Absent where nothing at all could be looked for. */
  readonly kind?: Found['kind'];
  readonly place?: Place;
  /** Its place is of another account than the credentials, and as it was given: what is there is for others to say. */
  readonly outOfReach?: true;
  readonly fault: Fault;
}

/** One check made before the first creating call. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly hint?: string;
}

/** Something that ends the spin at its deadline by itself. */
export interface Enforcer {
  readonly name: string;
  readonly armed: boolean;
  readonly detail: string;
  /** Nobody asked for it, or nobody can tell from here: where another one is armed, it is no fault that this is not. */
  readonly optional?: boolean;
}

export interface LogLine {
  readonly service: string;
  readonly instance: string;
  /** When the line was seen, milliseconds since the epoch; exact to about 0.1 s. */
  readonly time: number;
  readonly text: string;
}

export interface LogQuery {
  readonly service?: string;
  readonly follow: boolean;
  readonly since?: number;
  /** Only the last N lines of each instance. */
  readonly tail?: number;
}

export interface ExecRequest {
  readonly instance: string;
  readonly command: Command;
  /** `inherit` gives the caller's own terminal to the command. */
  readonly stdio: 'inherit' | 'pipe';
}

export interface ExecResult {
  readonly exitCode: number;
  /** Empty with `inherit`. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Short-lived credentials that reach one spin and nothing else. */
export interface SpinCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly region?: string;
}

/** A file that a volume of another spin can start with. */
export interface SnapshotFile {
  readonly bytes: number;
  /** What the file only names: the provider has it, and it is paid for until somebody deletes it. */
  readonly kept?: {
    readonly id: string;
    /** The command that deletes it. */
    readonly deleteWith: string;
  };
}

/** What the provider's own bill says. */
export interface BilledCost {
  /** By the value of the `spin:id` tag; '' for what carries none. */
  readonly rows: readonly { readonly id: string; readonly cost: NanoUsd; readonly estimated: boolean }[];
  /** What was asked for, as days `YYYY-MM-DD`; the end is exclusive. */
  readonly from: string;
  readonly to: string;
  /** How old the youngest data may be, for people: `a bill is up to 24 h behind`. */
  readonly age: string;
  /** What asking has cost. */
  readonly queryCost: NanoUsd;
}

export interface Provider {
  readonly name: string;
  /** The kinds of resource it makes; a plan holds no others. */
  readonly kinds: readonly ResourceKind[];
  /** Its instances run on other machines than this one, and know nothing of its folders. */
  readonly elsewhere?: boolean;
  /** How the name of what `snapshot` writes ends, unless somebody names it. */
  readonly snapshotEnding: '.tar.gz' | '.json';
  /** It sends a bill, which `billed` asks for. */
  readonly bills?: boolean;
  /** Milliseconds that a machine may need before what runs on it begins; none where that is this machine. */
  readonly bootMs?: number;

  /** What of a spec it cannot do, one line each; empty where it can do everything. Pure. */
  unsupported(spec: Spec): readonly string[];

  /**
   * Where a new spin of this spec would live, proven by asking who the caller is. @throws Fault `denied` where the caller may not work there
   */
  locate(spec: Spec, call: Call): Promise<Place>;

  /** Gets the prices that a plan of the spec needs, so that `price` can answer; what cannot be had stays unknown. Never throws for a missing price. */
  quote(spec: Spec, call: Call): Promise<void>;

  /** Read-only checks before the first creating call. Never creates anything, never throws for a failed check. */
  preflight(spin: SpinRef, plan: Plan, call: Call): Promise<readonly Check[]>;

  /**
   * Makes what is missing of the resource and returns its handle; does not wait until it is ready.
   * The same token twice is one resource. The ownership tags are part of the request that creates.
   * @throws Fault; `capacity` asks for the next `attempt`, unless the fault is `exhausted`
   */
  create(request: CreateRequest, call: Call): Promise<Handle>;

  /**
   * What the provider says now about all targets (of one spin), by key; every key is answered.
   * The number of requests does not grow with the number of instances. Never throws for a resource:
   * what cannot be told is `unknown`.
   */
  observe(targets: readonly Target[], call: Call): Promise<ReadonlyMap<string, Observation>>;

  /** Resolves when an observation of the spin may have changed, at the latest after `maxMs`. */
  nextChange(spin: SpinRef, maxMs: number, call: Call): Promise<void>;

  /**
   * Asks for deletion, draining first as the target's desire says; `requested` until a later call says `absent`.
   * Works without a handle (by token and tags), on half-made resources, and repeatedly.
   * `fence` as in create. @throws Fault, never for what is not there
   */
  release(target: Target, fence: number, call: Call): Promise<'requested' | 'absent'>;

  /**
   * Everything that carries our tags and this state location (`everyone`: any), of one spin or of all, from the provider alone: no record is read.
   * Complete, or throws Fault; beyond what the config has use for, and where it sweeps, it tells what it could not ask.
   */
  inventory(scope: InventoryScope, call: Call): Promise<readonly Found[]>;

  /** Ends and deletes things that inventory found, whatever their state; `absent` where all are proven gone. @throws Fault */
  reclaim(found: readonly Found[], call: Call): Promise<'requested' | 'absent'>;

  /** Marks things that can be marked as orphans since `since`; undefined takes the mark away. @throws Fault */
  mark(found: readonly Found[], since: number | undefined, call: Call): Promise<void>;

  /** Makes things ours that another state location owns, and takes orphan marks away. @throws Fault */
  own(found: readonly Found[], call: Call): Promise<void>;

  /** Price per hour of one instance of the shape. */
  price(shape: Shape): Known<NanoUsd>;

  /** Arms, or moves, everything that ends the spin at `deadline` by itself, and says what is armed. @throws Fault */
  enforce(spin: SpinRef, deadline: number, fence: number, call: Call): Promise<readonly Enforcer[]>;

  /** What is armed now; read-only. */
  enforcers(spin: SpinRef, call: Call): Promise<readonly Enforcer[]>;

  logs(spin: SpinRef, query: LogQuery, call: Call): AsyncIterable<LogLine>;

  /** @throws Fault `not-found` where there is no such instance */
  exec(spin: SpinRef, request: ExecRequest, call: Call): Promise<ExecResult>;

  /** @throws Fault `invalid` where the provider has no such thing, `denied` */
  credentials(spin: SpinRef, durationMs: number, call: Call): Promise<SpinCredentials>;

  /** What the provider billed between two times. Each question may cost money. @throws Fault `invalid` where nothing is ever billed, `denied` */
  billed(from: number, to: number, call: Call): Promise<BilledCost>;

  /** Writes a volume into an archive at `file` (absolute); the file appears whole or not at all. @throws Fault */
  snapshot(spin: SpinRef, volume: string, file: string, call: Call): Promise<SnapshotFile>;
}
