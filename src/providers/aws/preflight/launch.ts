import { EC2Client, RunInstancesCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { ownershipTags } from '../../../core/tags.ts';
import type { Call, Check, SpinRef } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { unless } from '../fault-class.ts';
import { imageIdOf } from '../instances/images.ts';
import { check } from './checks.ts';
import type { Launch } from './services.ts';

/**
 * Asks EC2 whether the launch of a service would be allowed (`DryRun`, which RunInstances honours; not every creating call does). It goes
 * by the same narrow bucket as real launches, and is left out where one of those would have to wait.
 * @throws Fault
 */
export async function checkLaunch(cloud: Cloud, spin: SpinRef, { service, types, image }: Launch, call: Call): Promise<readonly Check[]> {
  const { settings, stateTag } = cloud.options;
  const resource = `service.${service.name}@1`;
  const tags = ownershipTags({ id: spin.id, incarnation: spin.incarnation, resource, state: stateTag });
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const [subnet] = settings.subnets;
  const command = new RunInstancesCommand({
    DryRun: true,
    ImageId: await imageIdOf(cloud, image, call),
    InstanceType: types[0] as RunInstancesCommandInput['InstanceType'],
    MinCount: 1,
    MaxCount: 1,
    ...(subnet === undefined ? {} : { SubnetId: subnet }),
    ...(settings.instanceProfile === undefined ? {} : { IamInstanceProfile: { Name: settings.instanceProfile } }),
    InstanceInitiatedShutdownBehavior: 'terminate',
    MetadataOptions: { HttpEndpoint: 'enabled', HttpTokens: 'required', HttpPutResponseHopLimit: 1, InstanceMetadataTags: 'enabled' },
    TagSpecifications: (['instance', 'volume', 'network-interface'] as const).map((ResourceType) => ({ ResourceType, Tags })),
  });
  // A dry run that would have succeeded is answered with an error of its own.
  await unless(['DryRunOperation'], () => cloud.send(EC2Client, command, call, { noWait: true }));
  return [check('permission', true, `ec2:RunInstances would be allowed in ${cloud.region}`)];
}
