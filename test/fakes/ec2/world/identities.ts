import { Refusal } from '../protocol/refusal.ts';

export interface Identity {
  readonly account: string;
  readonly arn: string;
  readonly userId: string;
  /** Milliseconds since the epoch; absent for keys that last. */
  readonly expiresAt?: number;
}

/** Who the keys belong to: all that AssumeRole did not give out belong to one user of the default account. */
export class Identities {
  readonly #own: Identity;
  readonly #sessions = new Map<string, Identity>();

  constructor(account: string) {
    this.#own = { account, arn: `arn:aws:iam::${account}:user/spin`, userId: 'AIDASPINSPINSPINSPIN0' };
  }

  /** Whose key it is, or was. */
  peek(accessKeyId: string): Identity {
    return this.#sessions.get(accessKeyId) ?? this.#own;
  }

  /** @throws Refusal where a session is over */
  of(accessKeyId: string, now: number): Identity {
    const identity = this.peek(accessKeyId);
    if (identity.expiresAt !== undefined && identity.expiresAt <= now) {
      throw new Refusal(400, 'RequestExpired', 'Request has expired.');
    }
    return identity;
  }

  add(accessKeyId: string, identity: Identity): void {
    this.#sessions.set(accessKeyId, identity);
  }
}
