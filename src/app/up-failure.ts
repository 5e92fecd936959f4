import { InternalError, isSpinError, messageOf, SpinError } from '../core/errors.ts';
import type { FaultNote } from '../core/events.ts';
import type { SpinId } from '../core/ids.ts';
import { ResourceFailure } from '../lifecycle/effects.ts';
import { ReleaseTree } from '../lifecycle/release.ts';
import { Watch } from '../lifecycle/watch.ts';
import type { Work } from '../lifecycle/work.ts';
import { noteOf } from '../providers/fault.ts';
import type { App } from './context.ts';
import { takeDown } from './down.ts';
import { workOn } from './work-on.ts';

/** Notes a failure, rolls back where asked, and makes the error that the command ends with. */
export async function failed(
  app: App,
  work: Work,
  thrown: unknown,
  onFailure: 'keep' | 'rollback',
  before: ReadonlySet<string>,
): Promise<unknown> {
  const { session, call } = work;
  const stopped = call.signal.aborted && !(isSpinError(call.signal.reason) && call.signal.reason.code === 'timeout');
  if (thrown instanceof InternalError) return thrown;
  // Whatever else failed then failed because of it, or does not matter any more.
  if (stopped) return call.signal.reason;
  const fault = thrown instanceof ResourceFailure ? thrown.fault : noteOf(thrown);
  call.emit({ type: 'spin.failed', fault });
  await session.update((record) => ({ ...record, failure: fault, updatedAt: call.clock.now() }));
  if (onFailure === 'keep') return failure(session.record.id, thrown, fault, false);
  try {
    await rollBack(app, workOn(app, session, work.provider), before);
  } catch (broken) {
    if (broken instanceof InternalError) return broken;
    for (const { aborted, reason } of [app.signal, session.lost]) if (aborted) return reason;
    // Why it did not come up must not be hidden by what could not be taken back.
    const { message } = failure(session.record.id, thrown, fault, false);
    return new SpinError('release-failed', `${message}; and its rollback failed: ${messageOf(broken)}`, {
      hint: `spin down ${session.record.id}`,
      data: { ...(isSpinError(broken) ? broken.data : {}), id: session.record.id, fault, rolledBack: false },
      cause: thrown,
    });
  }
  return failure(session.record.id, thrown, fault, true);
}

/** A spin that never was up goes away; one that was up loses only what this command made. */
async function rollBack(app: App, work: Work, before: ReadonlySet<string>): Promise<void> {
  const { record } = work.session;
  if (record.readyAt === undefined) {
    await takeDown(app, work, true);
    return;
  }
  const made = Object.values(record.resources).filter((resource) => !before.has(resource.key));
  await new ReleaseTree(work, new Watch(work), made).releaseAll();
}

function failure(id: SpinId, thrown: unknown, fault: FaultNote, rolledBack: boolean): SpinError {
  const code = isSpinError(thrown) ? thrown.code : 'resource-failed';
  const key = thrown instanceof ResourceFailure ? thrown.key : undefined;
  return new SpinError(code, key === undefined ? fault.message : `${key} failed (${fault.class}): ${fault.message}`, {
    hint: rolledBack
      ? 'it was rolled back; add --on-failure keep to look at it'
      : `spin logs ${id}; then spin up goes on, or spin down ${id}`,
    data: { id, ...(key === undefined ? {} : { resource: key }), fault, rolledBack },
    cause: thrown,
  });
}
