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
  #opening: Promise<Session> | undefined;

  constructor(open: (call: Call) => Promise<Session>) {
    this.#open = open;
  }

  /** @throws Fault `denied`; the call's abort reason */
  async get(call: Call): Promise<Session> {
    for (;;) {
      call.signal.throwIfAborted();
      if (this.#held !== undefined && !isEnding(this.#held, call.clock.now())) return this.#held;
      const mine = this.#opening === undefined;
      this.#opening ??= this.#open(call).finally(() => (this.#opening = undefined));
      try {
        this.#held = await this.#opening;
        return this.#held;
      } catch (thrown) {
        // Whoever asked first may have been stopped; that is no reason for the others.
        if (mine || call.signal.aborted) throw thrown;
      }
    }
  }

  /** What `get` answered last; for signing, which comes after it. */
  current(): AwsCredentialIdentity {
    if (this.#held === undefined) throw new InternalError('a request is signed before there are credentials');
    return this.#held.identity;
  }

  /** AWS says that they are over. False where they cannot be had anew, as keys in variables. */
  forget(): boolean {
    const renewable = this.#held?.identity.expiration !== undefined;
    this.#held = undefined;
    return renewable;
  }
}

function isEnding({ identity }: Session, now: number): boolean {
  return identity.expiration !== undefined && identity.expiration.getTime() - now < SPARE_MS;
}
