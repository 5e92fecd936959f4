import { canonicalJson, digest } from '../core/ids.ts';
import { isSpinError } from '../core/errors.ts';
import { instanceOf } from '../plan/build.ts';
import type { Desire } from '../plan/plan.ts';
import type { Bindings } from '../providers/provider.ts';
import { bindAddresses } from '../spec/bindings.ts';
import type { ResourceRecord } from '../store/record.ts';

/**
 * Digest of what a resource is made of with the addresses that it would be given; '' for what is given none.
 * @throws SpinError `spec-invalid` where a service that it asks for has no address
 */
export function boundTo(desire: Desire, bindings: Bindings): string {
  if (desire.kind !== 'service') return '';
  return digest(bindAddresses(canonicalJson(instanceOf(desire.service)), bindings));
}

/** Of a resource that was adopted: which addresses it was given, nobody wrote down; whoever adopts it with its spec vouches for them. */
export const GIVEN_UNKNOWN = 'unknown';

/** True where `current` was given just this. */
export function wasGiven(current: ResourceRecord, bound: string): boolean {
  return current.bound === bound || current.bound === GIVEN_UNKNOWN;
}

/** True unless it is known by now that other addresses would be given than those that `current` was made with. */
export function isBound(current: ResourceRecord, desire: Desire, bindings: Bindings): boolean {
  try {
    return wasGiven(current, boundTo(desire, bindings));
  } catch (thrown) {
    // What it asks for is not ready: which address that will have, nobody knows yet.
    if (isSpinError(thrown)) return true;
    throw thrown;
  }
}

/**
 * True where `current` was made upon these generations, as far as it matters: a registration leads to one generation,
 * and an instance keeps the role, firewall, secrets and volumes that it was started with.
 * @param needs keys of what it needs now
 */
export function standsOn(current: ResourceRecord, needs: readonly string[]): boolean {
  return needs
    .filter((need) => current.kind === 'registration' || /^(?:identity|secret|volume|firewall)\./.test(need))
    .every((need) => current.needs.includes(need));
}
