import { parseDuration } from '../core/duration.ts';
import { SpinError } from '../core/errors.ts';

/** Ten years: a time that far from now can still be written down, whatever it is added to. */
const LONGEST_MS = 3_650 * 86_400_000;

/** A duration that a flag gives, in milliseconds; `least` is the shortest that makes sense. @throws SpinError `usage` */
export function durationOf(flag: string, text: string, least = 1): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < least)
    throw new SpinError('usage', `${flag} ${JSON.stringify(text)} is not a duration`, { hint: 'write it like 90s, 5m or 1h30m' });
  if (ms > LONGEST_MS) throw new SpinError('usage', `${flag} ${JSON.stringify(text)} is too long`, { hint: 'write 3650d or less' });
  return ms;
}

/** A moment that a flag gives: an ISO time, or a duration back from `now`. @returns milliseconds since the epoch @throws SpinError `usage` */
export function momentOf(flag: string, text: string, now: number): number {
  const back = parseDuration(text);
  if (back !== undefined && back <= LONGEST_MS * 10) return now - back;
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw new SpinError('usage', `${flag} ${JSON.stringify(text)} is neither a duration nor a date`, {
      hint: 'write it like 2h, 2026-03-01 or 2026-03-01T08:00Z',
    });
  return time;
}
