/** Surveys for tests of the verdicts. */
import type { SpinRecord } from '../../src/store/record.ts';
import type { Lease, StoredRecord } from '../../src/store/store.ts';
import type { Found } from '../../src/providers/provider.ts';
import { type GcPolicy, type Survey, type Verdict, judge } from '../../src/gc/verdict.ts';
import { HOUR, T0, incarnation, record, spinId } from '../cost/records.ts';

export const NOW = T0 + 2 * HOUR;
export const POLICY: GcPolicy = { graceMs: HOUR / 2, maxSpins: 20, maxPercent: 50 };

export function lease(over: Partial<Lease> = {}): Lease {
  const holder = { host: 'here', pid: 4711, startTime: '1', user: 'ada', command: 'up' };
  return { holder, fence: 1, acquiredAt: T0, expiresAt: NOW + 30_000, ...over };
}

export function stored(one: SpinRecord = record(), held?: Lease): StoredRecord {
  return { version: '1', record: one, lease: held, fence: 1 };
}

export interface FoundSketch extends Partial<Omit<Found, 'id' | 'incarnation'>> {
  readonly id?: string;
  readonly life?: number;
}

/** A process of a spin, three hours old. */
export function found({ id = 'demo', life = 0, ...over }: FoundSketch = {}): Found {
  return {
    provider: 'local',
    id: spinId(id),
    incarnation: incarnation(life),
    resource: 'service.web@1',
    kind: 'process',
    what: 'process 1',
    createdAt: NOW - 3 * HOUR,
    handle: {},
    ...over,
  };
}

export const keeper = (over: FoundSketch = {}): Found => found({ resource: 'keeper.keeper@1', kind: 'keeper', what: 'process 2', ...over });

export function survey(over: Partial<Survey> = {}): Survey {
  return { found: [], records: [], unreadable: [], holderAlive: () => 'unknown', now: NOW, ...over };
}

/** Verdict and reason by subject. */
export function rulings(over: Partial<Survey>, policy: GcPolicy = POLICY): Readonly<Record<string, string>> {
  return Object.fromEntries(judge(survey(over), policy).map(({ subject, verdict, reason }: Verdict) => [subject, `${verdict}: ${reason}`]));
}
