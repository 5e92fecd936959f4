import { formatDuration } from '../../core/duration.ts';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;

/** A time in the user's zone, as short as it can be without doubt: `Tue 14:03` within six days, else `2026-12-01 14:03`. */
export function clockTime(ms: number, now: number): string {
  const date = new Date(ms);
  const two = (part: number): string => String(part).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const near = Math.abs(ms - now) < 6 * 86_400_000;
  return near ? `${DAYS[date.getDay()] ?? ''} ${time}` : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** An age or a rest, to the two largest units: `7h 59m`, `12.3s`; `<1s` for less. */
export function span(ms: number): string {
  return Math.abs(ms) < 1_000 ? '<1s' : formatDuration(Math.abs(ms));
}

/** A measured time: milliseconds below one second. */
export function took(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)}ms` : formatDuration(ms);
}

/** `in 7h 59m (Tue 14:03)`, or `4m 5s ago (Tue 14:03)`. */
export function deadlineText(deadline: string, now: number): string {
  const at = Date.parse(deadline);
  const rest = at - now;
  return `${rest >= 0 ? `in ${span(rest)}` : `${span(rest)} ago`} (${clockTime(at, now)})`;
}
