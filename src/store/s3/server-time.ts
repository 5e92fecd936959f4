import { type Clock, parseTime } from '../../core/clock.ts';
import { incarnationTime, type Incarnation } from '../../core/ids.ts';
import type { Lease } from '../store.ts';

/** The Date and Last-Modified headers of HTTP are whole seconds, rounded down (RFC 9110, section 5.6.7). */
const HEADER_STEP_MS = 1_000;

/** Clocks this close are taken as the same: the headers' whole seconds and the way of a request tell no finer difference. */
const SAME_CLOCK_MS = 3_000;

/** How far this machine's clock is from that of S3, as the answers tell; so machines whose clocks differ can be compared. */
export class ServerTime {
  readonly #clock: Clock;
  #ahead: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds that this machine's clock is ahead of S3's; 0 where both agree, or nothing is known yet. */
  get ahead(): number {
    return this.#ahead === undefined || Math.abs(this.#ahead) <= SAME_CLOCK_MS ? 0 : this.#ahead;
  }

  /** True where this machine's clock is still as far ahead as it was. */
  isStill(ahead: number): boolean {
    return Math.abs(ahead - this.ahead) <= SAME_CLOCK_MS;
  }

  /** Milliseconds since the epoch by S3's clock. */
  now(): number {
    return this.#clock.now() - this.ahead;
  }

  /**
   * Learns from one answer.
   * @param date its Date header
   * @param sentAt when its request was sent, by this machine's clock
   */
  observe(date: string | undefined, sentAt: number): void {
    const serverSecond = parseTime(date ?? '');
    if (Number.isNaN(serverSecond)) return;
    this.#ahead = Math.round((sentAt + this.#clock.now()) / 2 - (serverSecond + HEADER_STEP_MS / 2));
  }

  /**
   * A lease with its expiry by this machine's clock. How long it was given for, the holder's clock alone says; when it was written,
   * S3's. So a wrong clock on either side neither frees a live lease nor keeps a dead one. It errs to the holder's good.
   * @param stamp of the text that the lease was read from: it holds the time of the holder's clock at the write
   * @param writtenAt when S3 took that text
   */
  leaseHere(lease: Lease, stamp: string, writtenAt: number | undefined): Lease {
    const givenFor = lease.expiresAt - incarnationTime(stamp as Incarnation);
    if (this.#ahead === undefined || writtenAt === undefined || Number.isNaN(givenFor)) return lease;
    const expiresAt = writtenAt + HEADER_STEP_MS + givenFor + this.#ahead;
    return Math.abs(expiresAt - lease.expiresAt) <= SAME_CLOCK_MS ? lease : { ...lease, expiresAt };
  }
}
