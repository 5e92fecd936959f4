import { isoTime } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import { SpinError } from '../core/errors.ts';
import { addMoney, costOver, formatMoney } from '../core/money.ts';
import { costOfIntervals, hourlyOf, intervalsOf } from '../cost/intervals.ts';
import { withRetries } from '../lifecycle/retries.ts';
import { spinOf } from '../lifecycle/work.ts';
import type { SpinRecord } from '../store/record.ts';
import type { App } from './context.ts';
import { deadlineOf } from './deadline.ts';
import { durationOf } from './durations.ts';
import type { ExtendOutcome } from './outcomes.ts';
import { requestedId } from './spec-request.ts';
import { notFound, takeLease, waiting, workOn } from './work-on.ts';

export interface ExtendRequest {
  readonly id?: string;
  /** Moves the deadline by this much. */
  readonly by?: string;
  /** Sets the deadline to this much from now. */
  readonly ttl?: string;
  readonly wait?: string | true;
}

const ENFORCE_TIMEOUT_MS = 30_000;

/**
 * Moves the deadline of a spin, in the record and at everything that enforces it.
 * @throws SpinError `spin-not-found`, `usage`, `limit-exceeded`, `lease-held`
 */
export async function extend(app: App, request: ExtendRequest): Promise<ExtendOutcome> {
  const id = await requestedId(app, request.id);
  const session = await takeLease(app, { id, command: 'extend', take: 'claim', ...waiting(request.wait) });
  if (session === undefined || session.record.releasedAt !== undefined) {
    await session?.close();
    return notFound(app, id);
  }
  try {
    const { record } = session;
    const now = app.clock.now();
    const deadline = deadlineOf(app, newDeadline(app, request, record, now), record.tags);
    checkTotal(app, record, deadline, now);
    const provider = await app.provider(record.provider);
    const work = workOn(app, session, provider);
    // The record first: an enforcer that fires early is worse than one that fires late, and gc goes by the record.
    await session.update((latest) => ({ ...latest, deadline, updatedAt: now }));
    const enforcers = await withRetries(work, now + ENFORCE_TIMEOUT_MS, () =>
      provider.enforce(spinOf(record), deadline, session.fence, work.call),
    );
    await session.update((latest) => ({ ...latest, enforcers }));
    work.call.emit({ type: 'spin.extended', data: { before: isoTime(record.deadline), deadline: isoTime(deadline) } });
    return {
      id,
      before: isoTime(record.deadline),
      deadline: isoTime(deadline),
      msLeft: deadline - now,
      untilDeadline: costOver(hourlyOf(record), deadline - now),
      enforcers,
    };
  } finally {
    await session.close();
  }
}

/** What the spin will have cost at its new deadline must stay within what its spec and the config allow. */
function checkTotal(app: App, record: SpinRecord, deadline: number, now: number): void {
  const spent = costOfIntervals(intervalsOf(record, now));
  const total = addMoney([spent, costOver(hourlyOf(record), deadline - now)]);
  if (total === 'unknown') return;
  const caps = [
    ['budget-exceeded', record.spec.budget.total, 'budget.total of its spec'],
    ['limit-exceeded', app.config.settings.limits.maxTotal, 'limits.maxTotal of the config'],
  ] as const;
  for (const [code, cap, where] of caps) {
    if (cap !== undefined && total > cap) {
      throw new SpinError(
        code,
        `${record.id} would have cost ${formatMoney(total)} at ${isoTime(deadline)}, more than the ${formatMoney(cap)} of ${where}`,
      );
    }
  }
}

function newDeadline(app: App, request: ExtendRequest, record: SpinRecord, now: number): number {
  const { by, ttl } = request;
  if ((by === undefined) === (ttl === undefined)) {
    throw new SpinError('usage', 'say how long: --by moves the deadline, --ttl counts from now', {
      hint: `spin extend ${record.id} --by 2h`,
    });
  }
  if (record.desired === 'down')
    throw new SpinError('change-refused', `${record.id} is being taken down`, { hint: `spin status ${record.id}` });
  const deadline = by !== undefined ? Math.max(record.deadline, now) + durationOf('--by', by) : now + durationOf('--ttl', ttl ?? '');
  const { maxTtlMs } = app.config.settings.limits;
  if (maxTtlMs !== undefined && deadline - now > maxTtlMs) {
    throw new SpinError(
      'limit-exceeded',
      `${formatDuration(deadline - now)} from now is more than the limit of ${formatDuration(maxTtlMs)} (limits.maxTtl)`,
      {
        hint: 'spin config',
      },
    );
  }
  return deadline;
}
