import type { FaultNote } from '../core/events.ts';
import type { Incarnation, SpinId } from '../core/ids.ts';
import type { Known, NanoUsd } from '../core/money.ts';
import type { Tags } from '../core/tags.ts';
import type { Desire, ResourceAddress, ResourceKind, Strategy } from '../plan/plan.ts';
import type { Endpoint, Enforcer, Handle, Place, Run } from '../providers/provider.ts';
import type { Spec } from '../spec/spec.ts';

/** Version of the record's form; store/migrate.ts leads older ones up. */
export const RECORD_SCHEMA = 1;

/** The statuses of a resource; lifecycle/table.ts says what each means. */
export const STATUSES = ['creating', 'booting', 'ready', 'failed', 'releasing', 'released'] as const;
export type Status = (typeof STATUSES)[number];

interface ResourceBase {
  /** address@generation: `service.web@2`. */
  readonly key: string;
  readonly address: ResourceAddress;
  readonly kind: ResourceKind;
  readonly generation: number;
  readonly token: string;
  readonly count: number;
  /** Which alternative of its desire is tried; absent for the first. */
  readonly attempt?: number;
  readonly digest: string;
  readonly desire: Desire;
  readonly strategy: Strategy;
  /** Keys of the resources it was created upon: `registration.web@2` needs `service.web@2` and `route.web@1`. */
  readonly needs: readonly string[];
  /** Price per hour of all instances. */
  readonly hourly: Known<NanoUsd>;
  /** Digest of the addresses of other services that it was given: when they change, it must be replaced. */
  readonly bound: string;
  /** When the creating call was first written down; what it costs counts from here, unless `runs` know better. */
  readonly requestedAt: number;
  /** When it was asked for last, where that was long after: what was made then may be in no list yet. */
  readonly askedAt?: number;
  /** What its machines are paid for by their provider's own times, as last seen. */
  readonly runs?: readonly Run[];
  /** Since when it has the status it has. */
  readonly since: number;
}

/** A resource as last written down; each status carries what is needed to resume from it. */
export type ResourceRecord =
  | (ResourceBase & { readonly status: 'creating' })
  | (ResourceBase & { readonly status: 'booting'; readonly handle: Handle })
  | (ResourceBase & {
      readonly status: 'ready';
      readonly handle: Handle;
      readonly endpoints: readonly Endpoint[];
      readonly readyAt: number;
    })
  | (ResourceBase & {
      readonly status: 'failed';
      /** `creating`: it was not to be had as asked for, though some of it may stand; `booting`, `ready`: what stands failed. */
      readonly at: 'creating' | 'booting' | 'ready';
      readonly fault: FaultNote;
      readonly handle?: Handle;
    })
  | (ResourceBase & { readonly status: 'releasing'; readonly handle?: Handle; readonly fault?: FaultNote })
  | (ResourceBase & { readonly status: 'released' });

/** A span of time that was, or is being, paid for. */
export interface Interval {
  readonly resource: string;
  readonly service?: string;
  /** Service instances behind the price; 0 for every other kind of resource, absent for one instance of a service. */
  readonly instances?: number;
  readonly from: number;
  readonly to: number;
  readonly hourly: Known<NanoUsd>;
}

/** What spin last wrote down about one spin. A cache of identifiers: the provider's answer is the truth. */
export interface SpinRecord {
  readonly schema: typeof RECORD_SCHEMA;
  readonly id: SpinId;
  readonly incarnation: Incarnation;
  readonly trace: string;
  readonly provider: string;
  /** Where it lives at its provider. */
  readonly place?: Place;
  readonly owner: string;
  readonly tags: Tags;
  readonly spec: Spec;
  /** Where the spec came from, for messages; '-' for standard input. */
  readonly specFile: string;
  /** What the last command wants: the engine resumes towards it. */
  readonly desired: 'up' | 'down';
  readonly createdAt: number;
  readonly updatedAt: number;
  /** When the spin must be gone. */
  readonly deadline: number;
  /** First time that everything was ready. */
  readonly readyAt?: number;
  /** Set when it is proven that nothing is left; such a record is a tombstone. */
  readonly releasedAt?: number;
  /** Why the last command on it failed. */
  readonly failure?: FaultNote;
  readonly enforcers: readonly Enforcer[];
  /** By key. Released ones are moved to `spent`. */
  readonly resources: Readonly<Record<string, ResourceRecord>>;
  /** Highest generation ever used per address: a token is never used for two things. */
  readonly generations: Readonly<Record<string, number>>;
  /** Closed intervals of what was released while the spin lives. */
  readonly spent: readonly Interval[];
}

/** What of a resource a list of spins is made from. */
export type ResourceOutline = Pick<ResourceRecord, 'key' | 'address' | 'kind' | 'status' | 'count' | 'hourly' | 'requestedAt' | 'runs'>;

/** All of a record that a list of spins is made from, at a fraction of the reading. */
export type RecordOutline = Pick<
  SpinRecord,
  | 'id'
  | 'incarnation'
  | 'provider'
  | 'place'
  | 'owner'
  | 'tags'
  | 'desired'
  | 'createdAt'
  | 'updatedAt'
  | 'deadline'
  | 'readyAt'
  | 'releasedAt'
  | 'failure'
  | 'spent'
> & { readonly resources: Readonly<Record<string, ResourceOutline>> };
