import { isoTime } from '../core/clock.ts';
import { type Emit, EVENTS, type SpinEvent } from '../core/events.ts';
import type { SpinRef } from '../providers/provider.ts';
import type { App } from './context.ts';

/** Events of one incarnation: written to its journal, then shown. */
export function emitterFor(app: App, spin: SpinRef): Emit {
  return (body) => {
    const event: SpinEvent = {
      v: 1,
      time: isoTime(app.clock.now()),
      id: spin.id,
      incarnation: spin.incarnation,
      trace: spin.trace,
      ...body,
      phase: body.phase ?? EVENTS[body.type].phase,
    };
    app.store.append(event);
    app.report(event);
  };
}

/** For work on things that belong to no record: shown nowhere, since there is no journal to tell. */
export const silent: Emit = () => undefined;
