import { isoTime } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import { SpinError } from '../core/errors.ts';
import { KEEP_TAG, keepUntil, type Tags } from '../core/tags.ts';
import type { Spec } from '../spec/spec.ts';
import type { SpinRecord } from '../store/record.ts';
import type { App } from './context.ts';

/**
 * When a spin must be gone: at the end of its TTL, and not before the day of its `keep` tag is over.
 * One deadline for every enforcer, so that the tag is honoured by the keeper, by gc and in `ls` alike.
 * @param wished milliseconds since the epoch
 * @throws SpinError `spec-invalid` for a `keep` tag that is no date; `limit-exceeded`
 */
export function deadlineOf(app: App, wished: number, tags: Tags): number {
  const keep = tags[KEEP_TAG];
  if (keep === undefined) return wished;
  const until = keepUntil(keep);
  if (until === undefined) {
    throw new SpinError('spec-invalid', `the tag keep: ${JSON.stringify(keep)} is not a date`, {
      hint: 'write it like keep: "2026-03-01"',
    });
  }
  const { maxTtlMs } = app.config.settings.limits;
  const now = app.clock.now();
  if (maxTtlMs !== undefined && until - now > maxTtlMs) {
    throw new SpinError(
      'limit-exceeded',
      `the tag keep: ${keep} holds the spin until ${isoTime(until)}, longer than the limit of ${formatDuration(maxTtlMs)} (limits.maxTtl)`,
      {
        hint: 'spin config',
      },
    );
  }
  return Math.max(wished, until);
}

/**
 * The deadline that a spin of this spec has, or would have if it were made now: what `up` writes down, and what a plan is priced until.
 * It moves only when the TTL itself was changed.
 * @throws SpinError as deadlineOf
 */
export function deadlineFor(app: App, spec: Spec, record: SpinRecord | undefined): number {
  const now = app.clock.now();
  if (record === undefined || record.releasedAt !== undefined) return deadlineOf(app, now + spec.ttlMs, spec.tags);
  const wished = spec.ttlMs === record.spec.ttlMs ? record.deadline : record.createdAt + spec.ttlMs;
  return deadlineOf(app, wished, spec.tags);
}
