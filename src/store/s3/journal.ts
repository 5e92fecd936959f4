import type { Clock } from '../../core/clock.ts';
import type { SpinEvent } from '../../core/events.ts';
import type { Incarnation, SpinId } from '../../core/ids.ts';
import type { Bucket, Listed } from './bucket.ts';
import { inFlight } from './in-flight.ts';
import type { JournalWriter } from './journal-writer.ts';
import { eventsIn, journalPrefix, segmentName, type SegmentText } from './segment.ts';

export interface JournalPlace {
  readonly bucket: Bucket;
  /** What every key begins with: empty, or ending with a slash. */
  readonly root: string;
  readonly writer: JournalWriter;
}

/** Polls that fail in a row until following gives up: a cloud has bad moments. */
const FAILURES = 5;

/** The events of one incarnation, in the order in which they happened. */
export async function readJournal(
  { bucket, root, writer }: JournalPlace,
  id: SpinId,
  incarnation: Incarnation,
): Promise<readonly SpinEvent[]> {
  await writer.flush();
  const segments: SegmentText[] = [];
  await inFlight(bucket.list(journalPrefix(root, id, incarnation)), async ({ key }) => {
    const found = segmentName(key) === undefined ? undefined : await bucket.get(key);
    if (found !== undefined) segments.push({ key, text: found.text });
  });
  return eventsIn(segments);
}

/** The last incarnation that has a journal. */
export async function lastJournaled({ bucket, root, writer }: JournalPlace, id: SpinId): Promise<Incarnation | undefined> {
  await writer.flush();
  let last: Incarnation | undefined;
  for await (const page of bucket.list(journalPrefix(root, id))) {
    for (const { key } of page) last = segmentName(key)?.incarnation ?? last;
  }
  return last;
}

export interface Following {
  readonly id: SpinId;
  readonly incarnation: Incarnation;
  readonly from: 'start' | 'end';
  readonly clock: Clock;
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/** Bytes by key that were given already. */
type Given = Map<string, number>;

/**
 * Yields events as they are written, until the signal aborts; then it ends without throwing. What this process has appended is told
 * apart to the byte; of others, what they wrote before the call counts as there.
 */
export function followJournal(place: JournalPlace, following: Following): AsyncGenerator<SpinEvent, void, void> {
  const start = following.from === 'start' ? Promise.resolve<Given>(new Map()) : endOf(place, following);
  // It is waited for when the first event is, which may be never.
  start.catch(() => {});
  return follow(place, following, start);
}

async function endOf({ bucket, root, writer }: JournalPlace, { id, incarnation, signal }: Following): Promise<Given> {
  const prefix = journalPrefix(root, id, incarnation);
  const own = writer.lengths(prefix);
  const given: Given = new Map();
  for await (const page of bucket.list(prefix, signal)) {
    for (const { key, bytes } of page) if (!writer.isOwn(key)) given.set(key, bytes);
  }
  for (const [key, bytes] of own) given.set(key, bytes);
  return given;
}

async function* follow(
  place: JournalPlace,
  { id, incarnation, clock, pollMs, signal }: Following,
  start: Promise<Given>,
): AsyncGenerator<SpinEvent, void, void> {
  const prefix = journalPrefix(place.root, id, incarnation);
  let given: Given | undefined;
  for (let failures = 0; !signal.aborted;) {
    let events: readonly SpinEvent[] = [];
    try {
      given ??= await start;
      events = await readNew(place.bucket, prefix, given, signal);
      failures = 0;
    } catch (thrown) {
      if (signal.aborted) return;
      if (given === undefined || ++failures === FAILURES) throw thrown;
    }
    for (const event of events) {
      if (signal.aborted) return;
      yield event;
    }
    await clock.sleep(pollMs, signal).catch(() => {});
  }
}

async function readNew(bucket: Bucket, prefix: string, given: Given, signal: AbortSignal): Promise<readonly SpinEvent[]> {
  const grown = (listed: Listed): boolean => segmentName(listed.key) !== undefined && listed.bytes > (given.get(listed.key) ?? 0);
  const segments: SegmentText[] = [];
  const ends: Given = new Map();
  await inFlight(bucket.list(prefix, signal), async (listed) => {
    if (!grown(listed)) return;
    const from = given.get(listed.key) ?? 0;
    const found = await bucket.get(listed.key, from, signal);
    if (found === undefined) return;
    segments.push({ key: listed.key, text: found.text });
    ends.set(listed.key, from + Buffer.byteLength(found.text));
  });
  // Only when all were read: a failure between two of them must give neither twice.
  for (const [key, end] of ends) given.set(key, end);
  return eventsIn(segments);
}
