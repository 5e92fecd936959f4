import type { DownOutcome, LsOutcome, PlanOutcome, SpinSummary, StatusOutcome, UpOutcome } from '../../../src/app/outcomes.ts';
import type { Timings } from '../../../src/telemetry/timings.ts';

/** Monday, 23 November 2026, 12:00 UTC. */
export const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

export const timings: Timings = {
  phases: [
    { phase: 'plan', startMs: 0, ms: 10 },
    { phase: 'provision', startMs: 10, ms: 120 },
    { phase: 'bootstrap', startMs: 100, ms: 460 },
    { phase: 'register', startMs: 560, ms: 40 },
    { phase: 'serve', startMs: 600, ms: 0 },
  ],
  timeToServeMs: 600,
  convergenceMs: 610,
  bootstrap: { healthy: 2, failed: 0, byClass: {} },
  throttled: 0,
  totalMs: 620,
};

export const summary: SpinSummary = {
  id: 'web',
  state: 'up',
  provider: 'local',
  owner: 'ana',
  tags: { team: 'core' },
  createdAt: '2026-11-23T11:59:00.000Z',
  ageMs: 60_000,
  deadline: '2026-11-23T20:00:00.000Z',
  msLeft: 8 * 3_600_000,
  services: 1,
  instances: 2,
  hourly: 20_000_000,
  costSoFar: 333_333,
};

export const up: UpOutcome = {
  id: 'web',
  incarnation: '01arz3ndektsv4rrffq69g5fav',
  provider: 'local',
  state: 'up',
  result: 'created',
  changes: [
    { address: 'service.web', kind: 'service', count: 2, needs: ['keeper.keeper'], hourly: 20_000_000, action: 'create', reason: 'new' },
  ],
  endpoints: [{ service: 'web', via: 'route', host: '127.0.0.1', port: 20_001, url: 'http://127.0.0.1:20001' }],
  timings,
  hourly: 20_000_000,
  costSoFar: 0,
  untilTtl: 160_000_000,
  deadline: '2026-11-23T20:00:00.000Z',
  msLeft: 8 * 3_600_000,
  enforcers: [{ name: 'keeper', armed: true, detail: '' }],
  warnings: [],
};

export const plan: PlanOutcome = {
  id: 'web',
  provider: 'local',
  owner: 'ana',
  exists: true,
  changes: [
    { address: 'keeper.keeper', kind: 'keeper', count: 1, needs: [], hourly: 0, action: 'keep', reason: '' },
    {
      address: 'service.web',
      kind: 'service',
      count: 2,
      needs: ['keeper.keeper'],
      hourly: 20_000_000,
      action: 'replace',
      reason: 'run changed',
    },
    {
      address: 'service.old',
      kind: 'service',
      count: 1,
      needs: [],
      hourly: 'unknown',
      action: 'delete',
      reason: 'not in the spec any more',
    },
  ],
  hourly: 'unknown',
  untilTtl: 'unknown',
  ttlMs: 8 * 3_600_000,
  deadline: '2026-11-23T20:00:00.000Z',
  msLeft: 8 * 3_600_000,
  checks: [{ name: 'ports', ok: false, detail: 'port 8080 is taken', hint: 'use port: auto' }],
  refusals: ['the plan has 3 instances, the limit is 2'],
  warnings: ['the price of service.old is unknown'],
};

export const ls: LsOutcome = {
  spins: [
    summary,
    {
      ...summary,
      id: 'pr-1234',
      state: 'expired',
      msLeft: -90_000,
      hourly: 'unknown',
      costSoFar: 'unknown',
      owner: 'a-team-with-a-long-name',
      tags: {},
    },
  ],
  unreadable: [{ id: 'broken', problem: 'record.7.json: unexpected end' }],
};

export const down: DownOutcome = {
  spins: [
    { id: 'web', result: 'released', left: [], releasedResources: 4, secretsDestroyed: 1, timings, cost: 333_333 },
    { id: 'gone', result: 'absent', left: [], releasedResources: 0, secretsDestroyed: 0 },
    {
      id: 'stuck',
      result: 'failed',
      left: ['process 4711 (node server.js)'],
      releasedResources: 0,
      secretsDestroyed: 0,
      error: { code: 'release-failed', message: 'one process would not end' },
    },
  ],
};

export const status: StatusOutcome = {
  ...summary,
  state: 'degraded',
  incarnation: up.incarnation,
  specFile: '/home/ana/app/spin.yaml',
  endpoints: up.endpoints,
  resources: [
    {
      key: 'service.web@1',
      address: 'service.web',
      kind: 'service',
      status: 'ready',
      observed: 'pending',
      reason: '1 of 2 healthy',
      since: summary.createdAt,
      hourly: 20_000_000,
      instances: [
        {
          name: 'web@1.1',
          state: 'healthy',
          reason: 'healthy',
          startedAt: '2026-11-23T11:59:00.000Z',
          restarts: 0,
          address: '127.0.0.1:20002',
          runsAs: '4711',
        },
      ],
    },
  ],
  enforcers: [{ name: 'keeper', armed: false, detail: 'the keeper is not running' }],
  timings,
  failure: { class: 'crash-loop', message: 'web@1.2 ended 5 times', lastLines: ['Error: no database'] },
};
