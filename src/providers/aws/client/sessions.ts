import type { AwsCredentialIdentity } from '@smithy/types';
import { InternalError } from '../../../core/errors.ts';
import type { Call } from '../../provider.ts';

/** Credentials that requests are signed with. */
export interface Session {
  readonly identity: AwsCredentialIdentity;
  /** The account, where getting the credentials has proven it. */
  readonly account?: string;
}

/** Renewed this long before they are over, a little earlier than the SDK would (5 minutes). Milliseconds. */
const SPARE_MS = 6 * 60_000;

/** Credentials of one process, got when they are first needed and renewed before they end. */
export class Sessions {
  readonly #open: (call: Call) => Promise<Session>;
  #held: Session | undefined;
  /** AWS has said that what is held is over. */
  #over = false;
  #opening: Promise<Session> | undefined;

  constructor(open: (call: Call) => Promise<Session>) {
    this.#open = open;
  }

  /** @throws Fault `denied`; the call's abort reason */
  async get(call: Call): Promise<Session> {
    for (;;) {
      call.signal.throwIfAborted();
      if (this.#held !== undefined && !this.#over && !isEnding(this.#held, call.clock.now())) return this.#held;
      const mine = this.#opening === undefined;
      this.#opening ??= this.#renew(call).finally(() => (this.#opening = undefined));
      try {
        return await this.#opening;
      } catch (thrown) {
        // Whoever asked first may have been stopped; that is no reason for the others.
        if (mine || call.signal.aborted) throw thrown;
      }
    }
  }

  /** What `get` answered last; for signing, which comes after it, and also while it is got anew for another request. */
  current(): AwsCredentialIdentity {
    if (this.#held === undefined) throw new InternalError('a request is signed before there are credentials');
    return this.#held.identity;
  }

  /**
   * AWS says of a request that what it was signed with is over; what was got since for another one is not.
   * @returns false where there is nothing newer and none can be had, as of keys in variables
   */
  forget(identity: AwsCredentialIdentity): boolean {
    if (this.#held?.identity !== identity) return true;
    this.#over = true;
    return identity.expiration !== undefined;
  }

  async #renew(call: Call): Promise<Session> {
    this.#held = await this.#open(call);
    this.#over = false;
    return this.#held;
  }
}

function isEnding({ identity }: Session, now: number): boolean {
  return identity.expiration !== undefined && identity.expiration.getTime() - now < SPARE_MS;
}
