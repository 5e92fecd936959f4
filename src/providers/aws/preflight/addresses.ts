import { DescribeSubnetsCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { Call, Check } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { allPages } from '../pages.ts';
import { Together } from '../together.ts';
import { check } from './checks.ts';
import type { Launch } from './services.ts';

const frees = new WeakMap<Cloud, Together<{ readonly id: string; readonly free: number }>>();

/** Compares how many addresses the instances need with how many the subnets have left. @throws Fault */
export async function checkAddresses(cloud: Cloud, launches: readonly Launch[], call: Call): Promise<readonly Check[]> {
  const subnets = await freeOf(cloud).of([''], call);
  const free = subnets.reduce((total, subnet) => total + subnet.free, 0);
  const needed = launches.reduce((total, { count }) => total + count, 0);
  const detail = `${needed} are needed, ${free} are free in ${subnets.map(({ id, free: left }) => `${id} (${left})`).join(', ') || 'no subnet'}`;
  return [check('addresses', needed <= free, detail, 'name larger subnets in aws.subnets, or end what is not needed')];
}

function freeOf(cloud: Cloud): Together<{ readonly id: string; readonly free: number }> {
  const named = cloud.options.settings.subnets;
  const which = named.length === 0 ? { Filters: [{ Name: 'default-for-az', Values: ['true'] }] } : { SubnetIds: [...named] };
  const free =
    frees.get(cloud) ??
    new Together<{ readonly id: string; readonly free: number }>({
      most: 1,
      keyOf: () => '',
      ask: async (_keys, call) => {
        const found = await allPages(async (from) => {
          const page = named.length === 0 && from !== undefined ? { NextToken: from } : {};
          const { Subnets, NextToken } = await cloud.send(EC2Client, new DescribeSubnetsCommand({ ...which, ...page }), call);
          return { items: Subnets, next: NextToken };
        });
        return found.map(({ SubnetId = '', AvailableIpAddressCount }) => ({ id: SubnetId, free: AvailableIpAddressCount ?? 0 }));
      },
    });
  frees.set(cloud, free);
  return free;
}
