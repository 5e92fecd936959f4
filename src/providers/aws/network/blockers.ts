import { DescribeNetworkInterfacesCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { allGroups } from './groups.ts';

/** What keeps a security group from being deleted, for people; undefined where nothing is found. @throws Fault */
export async function blockerOf(cloud: Cloud, group: string, call: Call): Promise<string | undefined> {
  const interfaces = new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'group-id', Values: [group] }] });
  const { NetworkInterfaces } = await cloud.send(EC2Client, interfaces, call);
  const used = NetworkInterfaces?.[0];
  if (used !== undefined) {
    const of = used.Attachment?.InstanceId ?? used.Description ?? '';
    return `network interface ${used.NetworkInterfaceId}${of === '' ? '' : ` of ${of}`}`;
  }
  const [referring] = await allGroups(cloud, [{ Name: 'ip-permission.group-id', Values: [group] }], call);
  return referring === undefined ? undefined : `a rule of security group ${referring.GroupId} (${referring.GroupName})`;
}
