import { SpinError } from '../core/errors.ts';
import type { SpinEvent } from '../core/events.ts';
import { foldTimings } from '../telemetry/timings.ts';
import type { App } from './context.ts';
import { lookAt } from './look.ts';
import type { EventsOutcome } from './outcomes.ts';
import { requestedId } from './spec-request.ts';

/** The journal of the live incarnation, or of the last one that was released. @throws SpinError `spin-not-found` */
export async function events(app: App, request: { readonly id?: string }): Promise<EventsOutcome> {
  const id = await requestedId(app, request.id);
  const journal = await app.store.events(id);
  const [first] = journal;
  if (first === undefined) throw new SpinError('spin-not-found', `there is no journal of ${id}`, { data: { id } });
  return { id, incarnation: first.incarnation, events: journal, timings: foldTimings(journal) };
}

/** The journal so far, and then every new event until the call is interrupted. @throws SpinError `spin-not-found` */
export async function* followEvents(app: App, request: { readonly id?: string }): AsyncGenerator<SpinEvent> {
  const { stored } = await lookAt(app, request.id);
  const { id, incarnation } = stored.record;
  yield* app.store.follow(id, incarnation, app.signal, 'start');
}
