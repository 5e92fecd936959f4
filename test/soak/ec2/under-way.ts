import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import type { Clock } from '../../../src/core/clock.ts';

/** What of this process's work ends without a clock being turned. */
export class UnderWay {
  #exchanges = 0;
  #asleep = 0;

  readonly #began = (message: unknown): void => {
    const { request } = message as { readonly request: ClientRequest };
    this.#exchanges += 1;
    request.once('close', () => (this.#exchanges -= 1));
  };

  constructor() {
    subscribe('http.client.request.start', this.#began);
  }

  /** True while an HTTP request is out whose answer does not wait for the clock. */
  readonly exchanging = (): boolean => this.#exchanges > this.#asleep;

  /** True while the disk is at work or a connection is being made; asking takes long. */
  readonly writing = (): boolean => process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq') || name === 'TCPConnectWrap');

  /** The clock of a server of this process: while it sleeps over an answer, whoever asked waits for the clock and not for it. */
  serverClock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      sleep: async (ms, signal) => {
        this.#asleep += 1;
        try {
          await clock.sleep(ms, signal);
        } finally {
          this.#asleep -= 1;
        }
      },
    };
  }

  close(): void {
    unsubscribe('http.client.request.start', this.#began);
  }
}
