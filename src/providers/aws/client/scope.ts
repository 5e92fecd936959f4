import { digest } from '../../../core/ids.ts';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * What limits are counted by, as a relative folder: account, region and, where it is not the usual one, endpoint. IAM has no regions.
 */
export function scopeOf(accessKeyId: string, region: string, service: string, endpoint: string | undefined): string {
  const account = callerOf(accessKeyId);
  const where = service === 'IAM' ? 'global' : region;
  return endpoint === undefined ? `${account}/${where}` : `${account}/${where}-${digest(endpoint).slice(0, 12)}`;
}

/** Tells accounts apart: the account that the key names, or else the key, as a digest. Never a proof of an account. */
export function callerOf(accessKeyId: string): string {
  return accountOfKey(accessKeyId) ?? `key-${digest(accessKeyId).slice(0, 12)}`;
}

/**
 * The account that an access key belongs to, as the key itself says: 40 bits of its base-32 text. Good for telling accounts apart without
 * asking; never a proof of one.
 * Source: A. Chechik, "A short note on AWS KEY ID", 2021; keys made before 2019 carry something else there.
 */
export function accountOfKey(accessKeyId: string): string | undefined {
  const match = /^(?:AKIA|ASIA)([A-Z2-7]{16})$/.exec(accessKeyId);
  if (match?.[1] === undefined) return undefined;
  let bits = 0n;
  // Of the first ten characters (50 bits) the uppermost bit is a flag, then comes the account.
  for (const character of match[1].slice(0, 10)) bits = bits * 32n + BigInt(BASE32.indexOf(character));
  const first48 = bits >> 2n;
  return String((first48 & 0x7fffffffff80n) >> 7n).padStart(12, '0');
}
