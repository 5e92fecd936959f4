import type { Spec } from '../../spec/spec.ts';
import { Fault } from '../fault.ts';
import type { Call, InventoryScope, Place } from '../provider.ts';
import type { Cloud, Clouds } from './cloud.ts';

/**
 * Where a new spin of the spec would live: the region by spec, config and environment, the account by asking AWS.
 * @throws Fault `denied` `account-refused` where the config does not list the account; `invalid` `no-region`; of credentials
 */
export async function locate(clouds: Clouds, spec: Spec, call: Call): Promise<Place> {
  const region = await clouds.region(spec.region);
  const cloud = clouds.in(region);
  const account = await cloud.account(call);
  refuse(account, cloud.options.settings.accounts);
  return { account, region };
}

/** @throws Fault `denied` `account-refused` where spin may not work in the account */
export function refuse(account: string, accounts: readonly string[]): void {
  if (accounts.length === 0 || accounts.includes(account)) return;
  const listed = accounts.join(', ');
  throw new Fault(
    'denied',
    'account-refused',
    `the credentials are of account ${account}, and spin may work in ${listed} only (aws.accounts)`,
  );
}

/**
 * Lets nobody list, make or delete in an account that the config does not list. Asks AWS at most once per process, and only where it lists any.
 * @throws Fault `denied` `account-refused`; of credentials
 */
export async function admit(cloud: Cloud, call: Call): Promise<void> {
  const { accounts } = cloud.options.settings;
  if (accounts.length > 0) refuse(await cloud.account(call), accounts);
}

/**
 * Proves that the cloud is where the spin lives; without that, nothing may be taken for absent because it is not found. Asks AWS at most
 * once per process. An answer that names its owner proves the same without a question: pass that account.
 * @param seen account that an answer named, such as the OwnerId of a reservation
 * @throws Fault `denied` `other-account`, `invalid` `other-region`
 */
export async function guard(cloud: Cloud, place: Place | undefined, call: Call, seen?: string): Promise<void> {
  if (place?.region !== undefined && place.region !== cloud.region) {
    throw new Fault('invalid', 'other-region', `the spin lives in ${place.region}, and ${cloud.region} was asked`);
  }
  if (place?.account === undefined) return;
  const account = seen ?? (await cloud.account(call));
  if (account !== place.account) throw otherAccount(place.account, account);
}

/**
 * Those of a scope's places that are of the account of the credentials; of the others it tells. Asks AWS at most once per process.
 * @throws Fault `denied` `other-account` where nobody is told
 */
export async function inReach(cloud: Cloud, { places = [], beyond }: InventoryScope, call: Call): Promise<readonly Place[]> {
  if (places.every(({ account }) => account === undefined)) return places;
  const caller = await cloud.account(call);
  return places.filter((place) => {
    if (place.account === undefined || place.account === caller) return true;
    const fault = otherAccount(place.account, caller);
    if (beyond === undefined) throw fault;
    beyond({ place, outOfReach: true, fault });
    return false;
  });
}

function otherAccount(account: string, caller: string): Fault {
  return new Fault('denied', 'other-account', `the spin lives in account ${account}, and the credentials are of ${caller}`);
}
