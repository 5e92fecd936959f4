/** Records for tests of pure parts: a whole one by default, with what a test is about put over it. */
import { type Incarnation, type SpinId, makeIncarnation } from '../../src/core/ids.ts';
import type { Known, NanoUsd } from '../../src/core/money.ts';
import type { Desire, ResourceKind } from '../../src/plan/plan.ts';
import type { ServiceSpec, Spec } from '../../src/spec/spec.ts';
import { RECORD_SCHEMA, type Interval, type ResourceRecord, type SpinRecord, type Status } from '../../src/store/record.ts';
import type { LedgerEntry } from '../../src/store/store.ts';

export const HOUR = 3_600_000;
/** A time that tests count from: 2026-11-01T12:00:00Z. */
export const T0 = Date.UTC(2026, 10, 1, 12);

export function spinId(text: string): SpinId {
  return text as SpinId;
}

/** The nth life, in order of time. */
export function incarnation(n: number): Incarnation {
  return makeIncarnation(T0 - 100 * HOUR + n, new Uint8Array(10));
}

export function spec(over: Partial<Spec> = {}): Spec {
  return {
    name: 'demo',
    provider: 'local',
    ttlMs: 4 * HOUR,
    owner: 'ada',
    tags: {},
    budget: {},
    secrets: {},
    volumes: {},
    databases: {},
    services: {},
    baseDir: '/srv/demo',
    ...over,
  };
}

export function serviceSpec(name: string, over: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name,
    run: ['true'],
    job: false,
    replicas: 1,
    dir: '/srv/demo',
    port: 'auto',
    needs: [],
    env: {},
    secrets: [],
    volumes: [],
    bootstrap: [],
    health: { intervalMs: 1_000, timeoutMs: 1_000, healthyAfter: 1, unhealthyAfter: 3, deadlineMs: 60_000, probe: { type: 'tcp' } },
    restart: { policy: 'always', max: 5, windowMs: 60_000 },
    drain: { signal: 'SIGTERM', timeoutMs: 10_000 },
    cloud: { instanceTypes: [], spot: false, address: 'private' },
    ...over,
  };
}

export interface ResourceSketch {
  readonly kind?: ResourceKind;
  readonly name?: string;
  readonly generation?: number;
  readonly status?: Status;
  readonly hourly?: Known<NanoUsd>;
  readonly count?: number;
  readonly from?: number;
}

export function resource(sketch: ResourceSketch = {}): ResourceRecord {
  const { kind = 'service', name = 'web', generation = 1, status = 'ready', hourly = 0, count = 1, from = T0 } = sketch;
  const address = `${kind}.${name}`;
  const base = {
    key: `${address}@${generation}`,
    address,
    kind,
    generation,
    token: 'token',
    count,
    digest: 'digest',
    desire: desireOf(kind, name),
    strategy: 'rolling',
    needs: [],
    hourly,
    bound: '',
    requestedAt: from,
    since: from,
  } as const;
  switch (status) {
    case 'creating':
    case 'releasing':
    case 'released':
      return { ...base, status };
    case 'booting':
      return { ...base, status, handle: {} };
    case 'ready':
      return { ...base, status, handle: {}, endpoints: [], readyAt: from };
    case 'failed':
      return { ...base, status, at: 'booting', fault: { class: 'crash-loop', message: 'it ended five times' } };
  }
}

function desireOf(kind: ResourceKind, name: string): Desire {
  switch (kind) {
    case 'keeper':
      return { kind };
    case 'secret':
      return { kind, name, source: { from: 'generate', length: 32 } };
    case 'volume':
      return { kind, name, source: { from: 'empty' } };
    case 'identity':
      return { kind, secrets: [] };
    case 'database':
      return { kind, database: { name, source: { from: 'snapshot', snapshot: 'last-night' } } };
    case 'firewall':
      return { kind, service: name, open: true, port: 80, reaches: [] };
    case 'service':
      return { kind, service: serviceSpec(name), baseDir: '/srv/demo' };
    case 'route':
      return { kind, service: name, expose: { port: 'auto', host: '127.0.0.1' } };
    case 'registration':
      return { kind, service: name, route: `route.${name}` };
  }
}

export interface RecordSketch extends Partial<Omit<SpinRecord, 'id' | 'resources'>> {
  readonly id?: string;
  readonly resources?: readonly ResourceRecord[];
}

/** A healthy spin that came up at T0 and is due four hours later. */
export function record(sketch: RecordSketch = {}): SpinRecord {
  const { id = 'demo', resources = [resource({ kind: 'keeper', name: 'keeper' }), resource()], ...over } = sketch;
  return {
    schema: RECORD_SCHEMA,
    id: spinId(id),
    incarnation: incarnation(0),
    trace: '0'.repeat(32),
    provider: 'local',
    owner: 'ada',
    tags: {},
    spec: spec(),
    specFile: 'spin.yaml',
    desired: 'up',
    createdAt: T0,
    updatedAt: T0,
    deadline: T0 + 4 * HOUR,
    readyAt: T0,
    enforcers: [],
    spent: [],
    generations: {},
    ...over,
    resources: Object.fromEntries(resources.map((each) => [each.key, each])),
  };
}

/** The same record without `readyAt`: its first `up` is not done. */
export function neverReady(whole: SpinRecord): SpinRecord {
  const { readyAt: _, ...rest } = whole;
  return rest;
}

export function interval(over: Partial<Interval> = {}): Interval {
  return { resource: 'service.web@1', service: 'web', instances: 1, from: T0, to: T0 + HOUR, hourly: 0, ...over };
}

export function ledgerEntry(over: Partial<Omit<LedgerEntry, 'id'>> & { readonly id?: string } = {}): LedgerEntry {
  const { id = 'demo', ...rest } = over;
  return {
    v: 1,
    id: spinId(id),
    incarnation: incarnation(1),
    provider: 'local',
    owner: 'ada',
    tags: {},
    createdAt: T0,
    releasedAt: T0 + HOUR,
    intervals: [interval()],
    cost: 0,
    ...rest,
  };
}
