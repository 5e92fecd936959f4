/** What use cases return, and what `--output json` prints. Field names are a promise to scripts. */
import type { FaultNote, SpinEvent } from '../core/events.ts';
import type { Known, NanoUsd } from '../core/money.ts';
import type { Tags } from '../core/tags.ts';
import type { BilledReport } from '../cost/billed.ts';
import type { CostReport } from '../cost/report.ts';
import type { Verdict } from '../gc/verdict.ts';
import type { Check, Endpoint, Enforcer, InstanceObservation, SnapshotFile } from '../providers/provider.ts';
import type { Timings } from '../telemetry/timings.ts';
import type { SpinState } from '../lifecycle/state.ts';

/** How one resource of a plan relates to what exists. */
export interface PlannedChange {
  readonly address: string;
  readonly kind: string;
  readonly count: number;
  readonly needs: readonly string[];
  readonly hourly: Known<NanoUsd>;
  readonly action: 'create' | 'keep' | 'resume' | 'replace' | 'scale-up' | 'scale-down' | 'delete' | 'refuse';
  /** Why: `new`, `run changed`, `not in the spec any more`. */
  readonly reason: string;
}

export interface PlanOutcome {
  readonly id: string;
  readonly provider: string;
  readonly owner: string;
  readonly exists: boolean;
  readonly changes: readonly PlannedChange[];
  readonly hourly: Known<NanoUsd>;
  /** Price from now until the deadline. */
  readonly untilTtl: Known<NanoUsd>;
  readonly ttlMs: number;
  /** The deadline that `up` would write down now: the end of the TTL, or of the day of a `keep` tag. */
  readonly deadline: string;
  readonly msLeft: number;
  readonly checks: readonly Check[];
  /** Guardrails that `up` would refuse on. */
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
}

export interface UpOutcome {
  readonly id: string;
  readonly incarnation: string;
  readonly provider: string;
  readonly state: SpinState;
  /** `detached`: a background process goes on; `status ID` follows it. */
  readonly result: 'created' | 'changed' | 'unchanged' | 'resumed' | 'detached';
  readonly changes: readonly PlannedChange[];
  readonly endpoints: readonly Endpoint[];
  readonly timings: Timings;
  readonly hourly: Known<NanoUsd>;
  readonly costSoFar: Known<NanoUsd>;
  readonly untilTtl: Known<NanoUsd>;
  readonly deadline: string;
  readonly msLeft: number;
  readonly enforcers: readonly Enforcer[];
  readonly warnings: readonly string[];
}

/** An instance as it is shown; times are ISO 8601, as everywhere in what spin prints. */
export interface InstanceStatus extends Omit<InstanceObservation, 'startedAt' | 'healthyAt'> {
  readonly startedAt?: string;
  readonly healthyAt?: string;
}

export interface ResourceStatus {
  readonly key: string;
  readonly address: string;
  readonly kind: string;
  readonly status: string;
  /** What the provider says now; `status` is what was written down. */
  readonly observed: string;
  readonly reason: string;
  readonly since: string;
  readonly hourly: Known<NanoUsd>;
  readonly instances: readonly InstanceStatus[];
  readonly fault?: FaultNote;
}

export interface StatusOutcome extends SpinSummary {
  readonly incarnation: string;
  readonly specFile: string;
  readonly endpoints: readonly Endpoint[];
  readonly resources: readonly ResourceStatus[];
  readonly enforcers: readonly Enforcer[];
  readonly timings: Timings;
  readonly failure?: FaultNote;
  /** Who holds the lease now, in words; absent where nobody does. */
  readonly leaseHolder?: string;
}

/** One line of `ls`. */
export interface SpinSummary {
  readonly id: string;
  readonly state: SpinState;
  readonly provider: string;
  readonly owner: string;
  readonly tags: Tags;
  readonly createdAt: string;
  readonly ageMs: number;
  readonly deadline: string;
  /** Negative once expired. */
  readonly msLeft: number;
  readonly services: number;
  readonly instances: number;
  readonly hourly: Known<NanoUsd>;
  readonly costSoFar: Known<NanoUsd>;
}

export interface LsOutcome {
  readonly spins: readonly SpinSummary[];
  /** Records that could not be read, with the reason. */
  readonly unreadable: readonly { readonly id: string; readonly problem: string }[];
}

/** One life of a spin, as its provider's tags tell it. */
export interface CloudSpin {
  readonly id: string;
  readonly incarnation: string;
  readonly provider: string;
  readonly account?: string;
  readonly region?: string;
  readonly owner?: string;
  readonly createdAt?: string;
  readonly deadline?: string;
  /** This state location owns it. */
  readonly ours: boolean;
  /** It has a live record here. */
  readonly recorded: boolean;
  readonly orphanSince?: string;
  readonly things: readonly { readonly resource: string; readonly kind: string; readonly what: string }[];
}

export interface CloudLsOutcome {
  readonly spins: readonly CloudSpin[];
  /** Providers that could not be asked, with the reason; `inPart`: asked, but not for everything. */
  readonly unlisted: readonly { readonly provider: string; readonly problem: string; readonly inPart?: true }[];
}

export interface AdoptOutcome {
  readonly id: string;
  readonly incarnation: string;
  readonly provider: string;
  readonly owner: string;
  readonly deadline: string;
  /** Keys of the resources that the tags told of. */
  readonly resources: readonly string[];
  /** It belonged to another state location. */
  readonly tookOver: boolean;
  readonly withSpec: boolean;
  /** Older lives of the same ID of which something is left. */
  readonly olderLives: number;
}

export interface DownResult {
  readonly id: string;
  /**
   * `kept`: its keep tag holds it against `--all` and `--tag`, or its deadline was moved; nothing was done.
   * `unknown`: nothing of it was seen, and a provider could not be asked.
   */
  readonly result: 'released' | 'absent' | 'unknown' | 'kept' | 'failed';
  /** Proven by an empty inventory. */
  readonly left: readonly string[];
  /** Providers that could not be asked whether they have something of it; nobody said that they are used. */
  readonly unlisted?: readonly string[];
  /** Who could not be asked, or not for everything, with the reason; the config speaks of none of that. */
  readonly unasked?: readonly string[];
  readonly releasedResources: number;
  readonly secretsDestroyed: number;
  readonly timings?: Timings;
  readonly cost?: Known<NanoUsd>;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

export interface DownOutcome {
  readonly spins: readonly DownResult[];
}

export interface ExtendOutcome {
  readonly id: string;
  readonly before: string;
  readonly deadline: string;
  readonly msLeft: number;
  readonly untilDeadline: Known<NanoUsd>;
  readonly enforcers: readonly Enforcer[];
}

/** A thing that an inventory found, as people see it. */
export interface FoundThing {
  readonly provider: string;
  readonly resource: string;
  readonly kind: string;
  readonly what: string;
  readonly createdAt?: string;
}

export interface GcOutcome {
  readonly dryRun: boolean;
  readonly examined: { readonly records: number; readonly found: number };
  /** Providers that could not be asked what they have. */
  readonly unlisted: readonly string[];
  /** Who could not be asked, or not for everything, with the reason. */
  readonly unasked: readonly string[];
  /** Providers that were not looked at, because only the environment speaks of them, and neither config nor record. */
  readonly passedOver: readonly string[];
  readonly verdicts: readonly (Omit<Verdict, 'found'> & { readonly found: readonly FoundThing[] })[];
  /** What was done about each verdict that asks for something; empty on a dry run. */
  readonly swept: readonly {
    readonly subject: string;
    readonly result: 'released' | 'forgotten' | 'reclaimed' | 'marked' | 'unmarked' | 'skipped' | 'failed';
    readonly detail: string;
  }[];
  /** Released spins whose journal was older than `history.retain`. */
  readonly pruned: number;
  /** Why a real sweep would be stopped by the blast-radius limit; only on a dry run. */
  readonly stopped?: string;
}

export interface CostOutcome extends CostReport {
  readonly from?: string;
  readonly to: string;
  /** What was billed, where it was asked for. */
  readonly billed?: BilledReport;
}

export interface EventsOutcome {
  readonly id: string;
  readonly incarnation: string;
  readonly events: readonly SpinEvent[];
  readonly timings: Timings;
}

export interface DoctorOutcome {
  readonly version: string;
  readonly node: string;
  readonly state: string;
  readonly checks: readonly Check[];
}

export interface ConfigOutcome {
  readonly files: readonly string[];
  readonly values: readonly { readonly setting: string; readonly value: unknown; readonly origin: string; readonly where: string }[];
}

export interface InitOutcome {
  readonly template: string;
  readonly files: readonly string[];
  readonly next: string;
}

export interface SnapshotOutcome extends SnapshotFile {
  readonly id: string;
  readonly volume: string;
  readonly file: string;
}

export interface ExecOutcome {
  readonly id: string;
  readonly instance: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}
