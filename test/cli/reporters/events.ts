import type { EventBody, SpinEvent } from '../../../src/core/events.ts';
import { EVENTS } from '../../../src/core/events.ts';
import { isoTime } from '../../../src/core/clock.ts';
import { makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';

const START = Date.UTC(2026, 10, 23, 12, 0, 0);

/** An event of a spin, so many milliseconds after the first. */
export function event(afterMs: number, body: EventBody, id = 'web', start = START): SpinEvent {
  return {
    v: 1,
    time: isoTime(start + afterMs),
    id: parseSpinId(id),
    incarnation: makeIncarnation(start, new Uint8Array(10)),
    trace: '0'.repeat(32),
    ...body,
    phase: body.phase ?? EVENTS[body.type].phase,
  };
}
