import type { Clock } from '../../core/clock.ts';
import type { SpinEvent } from '../../core/events.ts';
import type { Bucket } from './bucket.ts';
import { journalPrefix, segmentKey } from './segment.ts';

/** One segment of this process. Once written, the object holds the beginning of `text`, whole lines. */
interface Segment {
  readonly key: string;
  /** As in its key. */
  readonly ahead: number;
  text: string;
  bytes: number;
  /** Length of the text that S3 has. */
  sent: number;
  etag: string | undefined;
}

/** Each flush sends the segment again as a whole, so it must stay small; each segment costs a reader a request, so not too small. */
const SEGMENT_BYTES = 64 * 1024;

/** Events that wait while S3 cannot be written; beyond it new ones are dropped. */
const WAITING_BYTES = 4 * 1024 * 1024;

/** Takes events at once, and writes them in the background, in order. */
export class JournalWriter {
  readonly #bucket: Bucket;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #flushMs: number;
  /** By the prefix of their incarnation; the last one of each takes what is appended. */
  readonly #segments = new Map<string, Segment[]>();
  readonly #ownKeys = new Set<string>();
  #flushesSoon = false;
  #latest = 0;
  #tail: Promise<void> = Promise.resolve();

  /** @param flushMs how long an event waits at most */
  constructor(bucket: Bucket, root: string, clock: Clock, flushMs: number) {
    this.#bucket = bucket;
    this.#root = root;
    this.#clock = clock;
    this.#flushMs = flushMs;
  }

  append(event: SpinEvent): void {
    const prefix = journalPrefix(this.#root, event.id, event.incarnation);
    const line = `${JSON.stringify(event)}\n`;
    const bytes = Buffer.byteLength(line);
    if (this.#waiting() + bytes > WAITING_BYTES) return;
    const segment = this.#open(prefix);
    segment.text += line;
    segment.bytes += bytes;
    void this.#flushSoon();
  }

  /** Resolves when everything appended so far is written, or could not be. Never throws. */
  flush(): Promise<void> {
    this.#tail = this.#tail
      .then(() => this.#write())
      .catch(() => {
        // The journal is derived: what could not be written goes with the next flush, and stops no work.
      });
    return this.#tail;
  }

  /** Bytes by key of what this process has appended to a journal, sent or not. */
  lengths(prefix: string): ReadonlyMap<string, number> {
    return new Map((this.#segments.get(prefix) ?? []).map(({ key, bytes }) => [key, bytes]));
  }

  isOwn(key: string): boolean {
    return this.#ownKeys.has(key);
  }

  async #flushSoon(): Promise<void> {
    if (this.#flushesSoon) return;
    this.#flushesSoon = true;
    await this.#clock.sleep(this.#flushMs);
    this.#flushesSoon = false;
    await this.flush();
  }

  #open(prefix: string): Segment {
    const segments = this.#segments.get(prefix) ?? [];
    const last = segments.at(-1);
    const { time } = this.#bucket;
    if (last !== undefined && last.bytes < SEGMENT_BYTES && time.isStill(last.ahead)) return last;
    const { ahead } = time;
    // Segments of one process are in order, though two may begin within a millisecond.
    this.#latest = Math.max(this.#latest + 1, time.now());
    const segment = { key: segmentKey(prefix, this.#latest, ahead), ahead, text: '', bytes: 0, sent: 0, etag: undefined };
    this.#segments.set(prefix, [...segments, segment]);
    this.#ownKeys.add(segment.key);
    return segment;
  }

  async #write(): Promise<void> {
    const unsent = [...this.#segments.values()].map((segments) => segments.filter(({ text, sent }) => sent < text.length));
    await Promise.all(
      unsent.map(async (segments) => {
        for (const segment of segments) await this.#send(segment);
      }),
    );
    for (const [prefix, segments] of this.#segments) {
      const open = segments.filter((segment, n) => n === segments.length - 1 || segment.sent < segment.text.length);
      this.#segments.set(prefix, open);
    }
  }

  async #send(segment: Segment): Promise<void> {
    const { text } = segment;
    let etag = await this.#bucket.put(segment.key, text, segment.etag);
    if (etag === 'conflict') {
      // An earlier flush was carried out whose answer was lost; or the object was deleted, and is made again.
      const found = await this.#bucket.get(segment.key);
      if (found !== undefined && !text.startsWith(found.text)) return;
      etag = await this.#bucket.put(segment.key, text, found?.etag);
      if (etag === 'conflict') return;
    }
    segment.etag = etag;
    segment.sent = text.length;
  }

  #waiting(): number {
    let waiting = 0;
    for (const segments of this.#segments.values()) for (const { text, sent } of segments) waiting += text.length - sent;
    return waiting;
  }
}
