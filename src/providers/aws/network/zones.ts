import { DescribeInstanceTypeOfferingsCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { networkOf } from './network.ts';
import { allPages } from '../pages.ts';

/**
 * The zones in which a disk may be made, in the order in which they are tried: those with a subnet of ours that offer one of the instance
 * types of whoever uses it, those with the most preferred type first. Without types, every zone with a subnet.
 * @throws Fault
 */
export async function zonesFor(cloud: Cloud, types: readonly string[], call: Call): Promise<readonly string[]> {
  const { subnets } = await networkOf(cloud, call);
  const zones = [...new Set(subnets.map(({ zone }) => zone))];
  if (types.length === 0) return zones;
  const offered = await allPages(async (NextToken) => {
    const command = new DescribeInstanceTypeOfferingsCommand({
      LocationType: 'availability-zone',
      Filters: [{ Name: 'instance-type', Values: [...types] }],
      NextToken,
    });
    const page = await cloud.send(EC2Client, command, call);
    return { items: page.InstanceTypeOfferings, next: page.NextToken };
  });
  const preference = (zone: string): number =>
    types.findIndex((type) => offered.some(({ InstanceType, Location }) => InstanceType === type && Location === zone));
  return zones.filter((zone) => preference(zone) !== -1).toSorted((a, b) => preference(a) - preference(b));
}
