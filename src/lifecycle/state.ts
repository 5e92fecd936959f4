import type { RecordOutline } from '../store/record.ts';

/** What a spin as a whole is, as people see it in `ls`. Derived from its record, never stored. */
export const SPIN_STATES = ['starting', 'up', 'degraded', 'failed', 'stopping', 'expired', 'released'] as const;
export type SpinState = (typeof SPIN_STATES)[number];

/** The state of a spin by its record alone; `now` in milliseconds since the epoch. */
export function stateOf(record: RecordOutline, now: number): SpinState {
  if (record.releasedAt !== undefined) return 'released';
  if (record.desired === 'down') return 'stopping';
  if (now >= record.deadline) return 'expired';
  const resources = Object.values(record.resources);
  const serves = record.readyAt !== undefined && resources.some((resource) => resource.status === 'ready' && resource.kind === 'service');
  if (record.failure !== undefined || resources.some((resource) => resource.status === 'failed')) return serves ? 'degraded' : 'failed';
  if (record.readyAt === undefined) return 'starting';
  return resources.every((resource) => resource.status === 'ready') ? 'up' : 'degraded';
}
