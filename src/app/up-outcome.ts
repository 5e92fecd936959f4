import { isoTime } from '../core/clock.ts';
import { costOver } from '../core/money.ts';
import { costOfIntervals, hourlyOf, intervalsOf } from '../cost/intervals.ts';
import type { Decision } from '../lifecycle/reconcile.ts';
import { stateOf } from '../lifecycle/state.ts';
import { bindingsOf, type Work } from '../lifecycle/work.ts';
import type { Endpoint } from '../providers/provider.ts';
import type { SpinRecord } from '../store/record.ts';
import { foldTimings, newestCommand } from '../telemetry/timings.ts';
import type { App } from './context.ts';
import type { PlannedChange, UpOutcome } from './outcomes.ts';

/** Decisions as outcomes show them. */
export function describeChanges(decisions: readonly Decision[]): readonly PlannedChange[] {
  return decisions.map(({ address, action, reason, planned, stale }) => ({
    address,
    kind: planned?.kind ?? stale[0]?.kind ?? '',
    count: planned?.count ?? stale[0]?.count ?? 0,
    needs: planned?.needs ?? [],
    hourly: planned?.hourly ?? 0,
    action,
    reason,
  }));
}

/** Endpoints as people open them: the route of a service that is exposed, else its instances. */
export function endpointsOf(record: SpinRecord): readonly Endpoint[] {
  return Object.values(bindingsOf(record)).flatMap((endpoints) => {
    const routes = endpoints.filter((endpoint) => endpoint.via === 'route');
    return routes.length > 0 ? routes : endpoints;
  });
}

export async function outcomeOf(
  app: App,
  work: Work,
  facts: { readonly changes: readonly PlannedChange[]; readonly warnings: readonly string[]; readonly result: UpOutcome['result'] },
): Promise<UpOutcome> {
  const { record } = work.session;
  const now = app.clock.now();
  const hourly = hourlyOf(record);
  const events = await app.store.events(record.id, record.incarnation);
  return {
    id: record.id,
    incarnation: record.incarnation,
    provider: record.provider,
    state: stateOf(record, now),
    ...facts,
    endpoints: endpointsOf(record),
    timings: foldTimings(newestCommand(events)),
    hourly,
    costSoFar: costOfIntervals(intervalsOf(record, now)),
    untilTtl: costOver(hourly, record.deadline - now),
    deadline: isoTime(record.deadline),
    msLeft: record.deadline - now,
    enforcers: record.enforcers,
  };
}
