import { isoTime } from '../core/clock.ts';
import { costOfIntervals, hourlyOf, intervalsOf } from '../cost/intervals.ts';
import { stateOf } from '../lifecycle/state.ts';
import type { RecordOutline } from '../store/record.ts';
import type { SpinSummary } from './outcomes.ts';

/** One line of `ls`, from the record alone. Pure; `now` in milliseconds since the epoch. */
export function summarize(record: RecordOutline, now: number): SpinSummary {
  const services = Object.values(record.resources).filter((resource) => resource.kind === 'service');
  return {
    id: record.id,
    state: stateOf(record, now),
    provider: record.provider,
    owner: record.owner,
    tags: record.tags,
    createdAt: isoTime(record.createdAt),
    ageMs: now - record.createdAt,
    deadline: isoTime(record.deadline),
    msLeft: record.deadline - now,
    services: new Set(services.map((resource) => resource.address)).size,
    instances: services.reduce((sum, resource) => sum + resource.count, 0),
    hourly: hourlyOf(record),
    costSoFar: costOfIntervals(intervalsOf(record, now)),
  };
}
