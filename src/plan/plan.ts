import type { Known, NanoUsd } from '../core/money.ts';
import type { DatabaseSpec, Expose, Health, Hook, SecretSource, ServiceSpec, VolumeSource } from '../spec/spec.ts';

/** The kinds of resource; each provider says which of them it makes. */
export const RESOURCE_KINDS = [
  'keeper',
  'identity',
  'secret',
  'volume',
  'database',
  'firewall',
  'service',
  'route',
  'registration',
] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

/** Where a resource stands in the graph: `service.web`, `volume.data`, `route.web`, `keeper.keeper`. */
export type ResourceAddress = string;

/** What is asked of a provider for one resource: everything that `create` needs beside identity and addresses. */
export type Desire =
  /** `withhold`: variables of the caller that hold secrets, and that nobody inherits. */
  | { readonly kind: 'keeper'; readonly withhold?: readonly string[] }
  /** The role that instances of the spin run under; `secrets` are the names of those that it may read. */
  | { readonly kind: 'identity'; readonly secrets: readonly string[] }
  /** `baseDir`: folder that a secret's command runs in; absolute. */
  | { readonly kind: 'secret'; readonly name: string; readonly source: SecretSource; readonly baseDir?: string }
  /** `types`: instance types of the services that use it, by preference; where one of them is offered it must be. */
  | { readonly kind: 'volume'; readonly name: string; readonly source: VolumeSource; readonly types?: readonly string[] }
  | { readonly kind: 'database'; readonly database: DatabaseSpec }
  /**
   * Closed, but for what the service itself exposes (`open`, on `port`) and for what others ask of it: their firewalls hold the right to
   * reach it (`reaches`), so that a new client changes nothing about the service that it uses. A database is reached on `any` port.
   */
  | {
      readonly kind: 'firewall';
      readonly service: string;
      readonly open: boolean;
      readonly port: ServiceSpec['port'];
      readonly reaches: readonly { readonly service: string; readonly port: ServiceSpec['port'] | 'any' }[];
    }
  | { readonly kind: 'service'; readonly service: ServiceSpec; readonly baseDir: string }
  /** `behind`: what a route of a cloud, which checks health and drains by itself, must know of the service. */
  | { readonly kind: 'route'; readonly service: string; readonly expose: Expose; readonly behind?: Behind }
  | { readonly kind: 'registration'; readonly service: string; readonly route: ResourceAddress };

/** What stands behind a route. */
export interface Behind {
  readonly port: ServiceSpec['port'];
  readonly health: Health;
  readonly drainMs: number;
}

/** How a change of a ready resource is carried out. */
export type Strategy =
  /** New beside old; the old one goes when the new one serves. */
  | 'rolling'
  /** Old away, then new: what holds data or a fixed address cannot stand twice. */
  | 'recreate'
  /** A change would lose data: refused, unless the spin is taken down first. */
  | 'refuse';

/** One node of the plan. */
export interface PlannedResource {
  readonly address: ResourceAddress;
  readonly kind: ResourceKind;
  readonly desire: Desire;
  /** How many instances; 1 for everything but services. */
  readonly count: number;
  /** Digest of all that makes a running instance differ: not the count, not a dependency's address. */
  readonly digest: string;
  readonly strategy: Strategy;
  /** Addresses that must be ready first. */
  readonly needs: readonly ResourceAddress[];
  /** Price per hour of all `count` instances. */
  readonly hourly: Known<NanoUsd>;
}

/** The resource graph that a spec asks for, priced. Pure to make, cheap to print. In graph order: needs first. */
export interface Plan {
  readonly resources: readonly PlannedResource[];
  readonly hourly: Known<NanoUsd>;
  /** Price from now until the TTL ends. */
  readonly untilTtl: Known<NanoUsd>;
  readonly ttlMs: number;
  readonly evacuate?: Hook;
}
