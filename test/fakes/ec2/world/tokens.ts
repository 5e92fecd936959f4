import { refuse } from '../protocol/refusal.ts';

interface Used {
  readonly fingerprint: string;
  ids: readonly string[] | undefined;
}

/**
 * Client tokens of one region. A token belongs to the parameters that it first came with, even where that request found no capacity:
 * AWS answers another family under the same token with a mismatch (ubicloud/ubicloud#5898). Tokens never run out here; AWS keeps
 * them for at least 24 hours after the instance is terminated.
 */
export class Tokens {
  readonly #used = new Map<string, Used>();

  /**
   * What the token made before, or undefined where it is new or has made nothing yet.
   * @param scope action, and the zone where a request names one: RunInstances is idempotent per zone then
   * @throws Refusal `IdempotentParameterMismatch`
   */
  claim(scope: string, token: string, fingerprint: string): readonly string[] | undefined {
    const key = `${scope} ${token}`;
    const used = this.#used.get(key);
    if (used === undefined) {
      this.#used.set(key, { fingerprint, ids: undefined });
      return undefined;
    }
    if (used.fingerprint !== fingerprint) {
      refuse(
        'IdempotentParameterMismatch',
        'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
      );
    }
    return used.ids;
  }

  made(scope: string, token: string, ids: readonly string[]): void {
    const used = this.#used.get(`${scope} ${token}`);
    if (used !== undefined) used.ids = ids;
  }
}

/** @throws Refusal `InvalidClientToken`: up to 64 ASCII characters */
export function checkToken(token: string): void {
  if (!/^[\u0021-\u007e]{1,64}$/.test(token)) refuse('InvalidClientToken', `Invalid client token '${token}': up to 64 ASCII characters`);
}
