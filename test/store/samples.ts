import { isoTime } from '../../src/core/clock.ts';
import type { SpinEvent } from '../../src/core/events.ts';
import { type Incarnation, makeIncarnation, parseSpinId } from '../../src/core/ids.ts';
import type { ResourceRecord, SpinRecord } from '../../src/store/record.ts';
import type { Holder, Lease, LedgerEntry } from '../../src/store/store.ts';

export const START = Date.UTC(2026, 0, 1);

/** A small whole record; with `resources`, one of each status that carries something of its own. */
export function sampleRecord(change: Partial<SpinRecord> = {}): SpinRecord {
  return {
    schema: 1,
    id: parseSpinId('web'),
    incarnation: makeIncarnation(START),
    trace: '0af7651916cd43dd8448eb211c80319c',
    provider: 'local',
    owner: 'Zoë 🦊',
    tags: { team: 'blue' },
    spec: {
      name: 'web',
      provider: 'local',
      ttlMs: 3_600_000,
      owner: 'Zoë 🦊',
      tags: { team: 'blue' },
      budget: {},
      secrets: {},
      volumes: {},
      databases: {},
      services: {},
      baseDir: '/home/zoë/a project',
    },
    specFile: 'spin.yaml',
    desired: 'up',
    createdAt: START,
    updatedAt: START,
    deadline: START + 3_600_000,
    enforcers: [],
    resources: {},
    generations: {},
    spent: [],
    ...change,
  };
}

export function sampleResources(): Readonly<Record<string, ResourceRecord>> {
  const base = (key: string) => ({
    key,
    address: key.split('@')[0] ?? key,
    kind: 'secret' as const,
    generation: 1,
    token: 'token',
    count: 1,
    digest: 'digest',
    desire: { kind: 'secret' as const, name: 'key', source: { from: 'generate' as const, length: 32 } },
    strategy: 'rolling' as const,
    needs: [],
    bound: '',
    hourly: 'unknown' as const,
    requestedAt: START,
    since: START,
  });
  return {
    'secret.a@1': { ...base('secret.a@1'), status: 'creating' },
    'secret.b@1': { ...base('secret.b@1'), status: 'booting', handle: { pid: 1 } },
    'secret.c@1': { ...base('secret.c@1'), status: 'ready', handle: { pid: 1 }, endpoints: [], readyAt: START },
    'secret.d@1': { ...base('secret.d@1'), status: 'failed', at: 'booting', fault: { class: 'crash-loop', message: 'ended 5 times' } },
    'secret.e@1': { ...base('secret.e@1'), status: 'releasing' },
  };
}

export function sampleHolder(change: Partial<Holder> = {}): Holder {
  return { host: 'build-7', pid: 4711, startTime: '1234567', user: 'alice', command: 'up', ...change };
}

export function sampleLease(change: Partial<Lease> = {}): Lease {
  return { holder: sampleHolder(), fence: 1, acquiredAt: START, expiresAt: START + 15_000, ...change };
}

export function sampleEvent(record: SpinRecord, message: string, at = START): SpinEvent {
  return {
    v: 1,
    time: isoTime(at),
    id: record.id,
    incarnation: record.incarnation,
    trace: record.trace,
    type: 'spin.requested',
    phase: 'plan',
    message,
  };
}

export function sampleEntry(record: SpinRecord, incarnation: Incarnation = record.incarnation, releasedAt = START): LedgerEntry {
  const { id, provider, owner, tags, createdAt } = record;
  return { v: 1, id, incarnation, provider, owner, tags, createdAt, releasedAt, intervals: [], cost: 'unknown' };
}

/** The value, where the test cannot go on without one. */
export function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is none');
  return value;
}
