import { DescribeSubnetsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { Fault } from '../../fault.ts';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { allPages } from '../pages.ts';
import { Remembered } from '../remembered.ts';
import { Together } from '../together.ts';

export interface Subnet {
  readonly id: string;
  readonly zone: string;
}

/** Where instances are put. */
export interface Network {
  readonly vpc: string;
  /** By zone, then ID: the order in which zones are tried. */
  readonly subnets: readonly Subnet[];
}

/** A subnet as it is now. */
export interface SubnetNow extends Subnet {
  readonly vpc: string;
  /** Addresses that are left in it. */
  readonly free: number;
}

const networks = new WeakMap<Cloud, Remembered<Network>>();
const rows = new WeakMap<Cloud, Together<SubnetNow>>();

/**
 * The subnets that the config names, or the default subnets of the default VPC; asked once per process.
 * @throws Fault `invalid`: `no-default-vpc`, `subnets-differ` where they are not of one VPC
 */
export function networkOf(cloud: Cloud, call: Call): Promise<Network> {
  const remembered = networks.get(cloud) ?? new Remembered<Network>();
  networks.set(cloud, remembered);
  return remembered.get('', call, async () => networkFrom(cloud, await subnetsNow(cloud, call)));
}

/** The same subnets as they are now; all who ask at one time are given one answer. @throws Fault */
export function subnetsNow(cloud: Cloud, call: Call): Promise<readonly SubnetNow[]> {
  const together = rows.get(cloud) ?? new Together<SubnetNow>({ most: 1, keyOf: () => '', ask: (_keys, asked) => ask(cloud, asked) });
  rows.set(cloud, together);
  return together.of([''], call);
}

async function ask(cloud: Cloud, call: Call): Promise<readonly SubnetNow[]> {
  const named = cloud.options.settings.subnets;
  const which = named.length === 0 ? { Filters: [{ Name: 'default-for-az', Values: ['true'] }] } : { SubnetIds: [...named] };
  const found = await allPages(async (from) => {
    // Pages may not be asked for beside IDs.
    const page = named.length === 0 && from !== undefined ? { NextToken: from } : {};
    const { Subnets, NextToken } = await cloud.send(EC2Client, new DescribeSubnetsCommand({ ...which, ...page }), call);
    return { items: Subnets, next: NextToken };
  });
  return found.map(({ SubnetId = '', AvailabilityZone = '', VpcId = '', AvailableIpAddressCount = 0 }) => ({
    id: SubnetId,
    zone: AvailabilityZone,
    vpc: VpcId,
    free: AvailableIpAddressCount,
  }));
}

function networkFrom(cloud: Cloud, found: readonly SubnetNow[]): Network {
  const subnets = found.toSorted((a, b) => compare(a.zone, b.zone) || compare(a.id, b.id));
  const [first] = subnets;
  if (first === undefined) {
    throw new Fault('invalid', 'no-default-vpc', `${cloud.region} has no default subnets: name the subnets to use in aws.subnets`);
  }
  const other = subnets.find(({ vpc }) => vpc !== first.vpc);
  if (other !== undefined) {
    throw new Fault('invalid', 'subnets-differ', `aws.subnets are of two VPCs: ${first.id} of ${first.vpc}, ${other.id} of ${other.vpc}`);
  }
  return { vpc: first.vpc, subnets: subnets.map(({ id, zone }) => ({ id, zone })) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
