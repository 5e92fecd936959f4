import { messageOf } from '../../../core/errors.ts';
import type { Plan } from '../../../plan/plan.ts';
import { Fault } from '../../fault.ts';
import type { Call, Check, SpinRef } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import type { PriceBook } from '../price/prices.ts';
import type { Region } from '../region.ts';
import { guard, refuse } from '../place.ts';
import { checkAddresses } from './addresses.ts';
import { check, looked } from './checks.ts';
import { checkLaunch } from './launch.ts';
import { checkLeftovers } from './leftovers.ts';
import { checkQuotas } from './quota.ts';
import { launchesOf } from './services.ts';
import { checkImage, checkTypes } from './types.ts';

/**
 * All that can be known before anything is made, asked at the same time and in at most two rounds, and one more where an answer of
 * before, kept from earlier or asked for ahead, would refuse; what is the same for all spins of a process is asked once. A plan that
 * launches nothing, such as the doctor's, is asked for credentials and prices only: nothing can be in its way. Nothing is created: of
 * the dry runs only those are used that are known not to create.
 * @param prices where they were asked for
 * @throws the call's abort reason
 */
export async function preflight(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  spin: SpinRef,
  plan: Plan,
  prices: Pick<PriceBook, 'check'> | undefined,
  call: Call,
): Promise<readonly Check[]> {
  const launches = launchesOf(plan, cloud.options.settings);
  const [first] = launches;
  const looks = [
    ...launches.flatMap((launch) => [
      looked(`image of ${launch.service.name}`, true, call, () => checkImage(cloud, launch, call)),
      looked(`instance types of ${launch.service.name}`, true, call, () => checkTypes(cloud, launch, call)),
    ]),
    ...(first === undefined
      ? []
      : [
          looked('addresses', true, call, () => checkAddresses(cloud, launches, call)),
          checkQuotas(cloud, spin, launches, call),
          looked('permission', true, call, () => checkLaunch(cloud, spin, first, call)),
          looked('leftovers', true, call, () => checkLeftovers(cloud, spin, call, () => asked.settle(spin, call))),
        ]),
    ...(prices === undefined ? [] : [Promise.resolve([prices.check(call.clock.now())])]),
  ];
  const all = Promise.all(looks);
  const [account, rest] = await Promise.all([checkAccount(cloud, spin, call), all]);
  // Without credentials all else failed for the same reason.
  return account.ok ? [account, ...rest.flat()] : [account];
}

async function checkAccount(cloud: Cloud, spin: SpinRef, call: Call): Promise<Check> {
  try {
    const account = await cloud.account(call);
    refuse(account, cloud.options.settings.accounts);
    await guard(cloud, spin.place, call);
    return check('credentials', true, `account ${account}, region ${cloud.region}`);
  } catch (thrown) {
    call.signal.throwIfAborted();
    if (!(thrown instanceof Fault)) throw thrown;
    return check(
      'credentials',
      false,
      messageOf(thrown),
      thrown.kind === 'denied' ? 'aws sts get-caller-identity shows whose they are' : undefined,
    );
  }
}
