import { parseTime } from '../../core/clock.ts';
import { type SpinEvent } from '../../core/events.ts';
import { type Incarnation, makeIncarnation, type SpinId } from '../../core/ids.ts';
import { isEvent } from '../journal.ts';
import { parseLines } from '../lines.ts';

/**
 * S3 cannot append, so a journal is made of segments: objects that one process writes alone, each time longer, until one is long enough
 * and the next begins. Key: `journals/<id>/<incarnation>/<began>.<ahead>.ndjson`, in which `began` is a ULID of S3's time and `ahead`
 * says by how many milliseconds the clock that the events were stamped with is ahead of S3's.
 */
const KEY = /^(.*\/)?journals\/([^/]+)\/([0-9a-z]{26})\/([0-9a-z]{26})\.(-?\d{1,15})\.ndjson$/;

export interface SegmentName {
  readonly id: string;
  readonly incarnation: Incarnation;
  readonly ahead: number;
}

/** Where the segments of one incarnation are; without one, of a spin ID; without that, all. */
export function journalPrefix(root: string, id?: SpinId, incarnation?: Incarnation): string {
  return `${root}journals/${id === undefined ? '' : `${id}/`}${incarnation === undefined ? '' : `${incarnation}/`}`;
}

/** A key that was never used before. @param began by S3's clock */
export function segmentKey(prefix: string, began: number, ahead: number): string {
  return `${prefix}${makeIncarnation(began)}.${ahead}.ndjson`;
}

/** What a key tells; undefined where it is no segment's. */
export function segmentName(key: string): SegmentName | undefined {
  const [, , id, incarnation, , ahead] = KEY.exec(key) ?? [];
  return id === undefined || incarnation === undefined ? undefined : { id, incarnation: incarnation as Incarnation, ahead: Number(ahead) };
}

/** What was read of one segment. */
export interface SegmentText {
  readonly key: string;
  readonly text: string;
}

/**
 * The events of several segments in the order in which they happened: by their own time, corrected by what is known of the clock that
 * stamped them; within a segment they stay as they were appended.
 */
export function eventsIn(segments: readonly SegmentText[]): readonly SpinEvent[] {
  const placed = segments.toSorted((a, b) => (a.key < b.key ? -1 : 1)).flatMap(placedEvents);
  return placed.toSorted((a, b) => a.at - b.at).map(({ event }) => event);
}

function placedEvents({ key, text }: SegmentText): readonly { readonly at: number; readonly event: SpinEvent }[] {
  const ahead = segmentName(key)?.ahead ?? 0;
  let latest = 0;
  return parseLines(text)
    .filter(isEvent)
    .map((event) => {
      // A clock that was set back does not turn the order within a segment round.
      latest = Math.max(latest, parseTime(event.time) - ahead || latest);
      return { at: latest, event };
    });
}
