import { type Known, type NanoUsd, addMoney, costOver } from '../core/money.ts';
import { intervalsUntil } from '../store/interval.ts';
import type { Interval, ResourceOutline, RecordOutline } from '../store/record.ts';

/** A span of time, in milliseconds since the epoch; an end that is left out is open. */
export interface Window {
  readonly from?: number;
  readonly to?: number;
}

/** Every interval of a record, released or running; running ones end at `now`. */
export function intervalsOf(record: RecordOutline, now: number): readonly Interval[] {
  return [...record.spent, ...runningIntervals(record, now)];
}

/** The intervals of what is not proven gone yet: also what failed or is being deleted costs until it is. They end at `until`. */
export function runningIntervals(record: RecordOutline, until: number): readonly Interval[] {
  return running(record).flatMap((resource) => intervalsUntil(resource, until));
}

/** Cost of intervals, cut to a window. Additive over time, never negative; one unknown price with time in the window makes it unknown. */
export function costOfIntervals(intervals: readonly Interval[], window: Window = {}): Known<NanoUsd> {
  let sum = 0;
  for (const interval of intervals) {
    const { from, to } = cut(interval, window);
    if (to <= from) continue;
    if (interval.hourly === 'unknown') return 'unknown';
    // The difference of two running totals, so that the parts of an interval add up to its whole to the last nano-dollar.
    sum += costOver(interval.hourly, to - interval.from) - costOver(interval.hourly, from - interval.from);
  }
  return sum;
}

/** Milliseconds of service instances in the window: two instances for one hour are two hours. */
export function instanceMs(intervals: readonly Interval[], window: Window = {}): number {
  let sum = 0;
  for (const interval of intervals) {
    const { from, to } = cut(interval, window);
    if (to > from) sum += (to - from) * instancesOf(interval);
  }
  return sum;
}

/** Price per hour of what a record has running. */
export function hourlyOf(record: RecordOutline): Known<NanoUsd> {
  return addMoney(running(record).map((resource) => resource.hourly));
}

/** Spent so far plus the running price until the deadline. */
export function projectedCost(record: RecordOutline, now: number): Known<NanoUsd> {
  return costOfIntervals([...record.spent, ...runningIntervals(record, Math.max(now, record.deadline))]);
}

function running(record: RecordOutline): readonly ResourceOutline[] {
  return Object.values(record.resources).filter((resource) => resource.status !== 'released');
}

function instancesOf(interval: Interval): number {
  return interval.instances ?? (interval.resource.startsWith('service.') ? 1 : 0);
}

function cut(interval: Interval, window: Window): { readonly from: number; readonly to: number } {
  return { from: Math.max(interval.from, window.from ?? -Infinity), to: Math.min(interval.to, window.to ?? Infinity) };
}
