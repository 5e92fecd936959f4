import { messageOf, SpinError } from '../core/errors.ts';
import { SPIN_STATES } from '../lifecycle/state.ts';
import type { App } from './context.ts';
import type { LsOutcome } from './outcomes.ts';
import { summarize } from './summary.ts';

export interface LsRequest {
  readonly tags?: Readonly<Record<string, string>>;
  readonly owner?: string;
  readonly state?: string;
}

/** Every spin that has a record, from the records alone, sorted by ID. @throws SpinError `usage`, `state-unwritable` */
export async function ls(app: App, request: LsRequest = {}): Promise<LsOutcome> {
  if (request.state !== undefined && !SPIN_STATES.some((state) => state === request.state)) {
    throw new SpinError('usage', `--only ${JSON.stringify(request.state)} is not a state`, { hint: `one of ${SPIN_STATES.join(', ')}` });
  }
  const now = app.clock.now();
  const { seen, unreadable } = await app.store.scan((record) => summarize(record, now));
  const spins = seen
    .filter((spin) => spin.state !== 'released')
    .filter((spin) => request.owner === undefined || spin.owner === request.owner)
    .filter((spin) => request.state === undefined || spin.state === request.state)
    .filter((spin) => Object.entries(request.tags ?? {}).every(([name, value]) => spin.tags[name] === value))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return { spins, unreadable: unreadable.map(({ id, problem }) => ({ id, problem: messageOf(problem) })) };
}
