import type { Call, Check } from '../../provider.ts';
import { aheadPerCloud } from '../ahead.ts';
import type { Cloud } from '../cloud.ts';
import { type SubnetNow, subnetsNow } from '../network/network.ts';
import { check, judged } from './checks.ts';
import type { Launch } from './services.ts';

const earlyOf = aheadPerCloud<readonly SubnetNow[]>();

/** Compares how many addresses the instances need with how many the subnets have left. @throws Fault */
export function checkAddresses(cloud: Cloud, launches: readonly Launch[], call: Call): Promise<readonly Check[]> {
  return judged(async (fresh) => {
    const { value: subnets, kept } = await earlyOf(cloud).take('', call, () => subnetsNow(cloud, call), fresh);
    const free = subnets.reduce((total, subnet) => total + subnet.free, 0);
    const needed = launches.reduce((total, { count }) => total + count, 0);
    const detail = `${needed} ${needed === 1 ? 'is' : 'are'} needed, ${free} ${free === 1 ? 'is' : 'are'} free in ${subnets.map(({ id, free: left }) => `${id} (${left})`).join(', ') || 'no subnet'}`;
    return { checks: [check('addresses', needed <= free, detail, 'name larger subnets in aws.subnets, or end what is not needed')], kept };
  });
}

export function askAddressesAhead(cloud: Cloud, call: Call): void {
  earlyOf(cloud).start('', call, () => subnetsNow(cloud, call));
}
