import { EC2Client, RunInstancesCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { ownershipTags } from '../../../core/tags.ts';
import { makeIncarnation, type SpinId } from '../../../core/ids.ts';
import { Fault } from '../../fault.ts';
import type { Call, Check, SpinRef } from '../../provider.ts';
import { aheadPerCloud } from '../ahead.ts';
import type { Cloud } from '../cloud.ts';
import { unless } from '../fault-class.ts';
import { imageIdOf } from '../instances/images.ts';
import { check } from './checks.ts';
import type { Launch } from './services.ts';

const earlyOf = aheadPerCloud<readonly Check[]>();

/** What a launch is tagged with, as far as it is known before there is a record. */
type Life = Pick<SpinRef, 'id' | 'incarnation'>;

/** Whether the launch of a service would be allowed; unknown where that could not be asked without slowing a launch down. @throws Fault */
export async function checkLaunch(cloud: Cloud, spin: SpinRef, launch: Launch, call: Call): Promise<readonly Check[]> {
  return (await earlyOf(cloud).take(keyOf(spin.id, launch), call, () => dryRun(cloud, spin, launch, call))).value;
}

/** Policies may ask for the tag of an incarnation, but which one it will be, nobody can have written into them. */
export function askLaunchAhead(cloud: Cloud, id: SpinId, launch: Launch, call: Call): void {
  earlyOf(cloud).start(keyOf(id, launch), call, () => dryRun(cloud, { id, incarnation: makeIncarnation(call.clock.now()) }, launch, call));
}

function keyOf(id: SpinId, { service }: Launch): string {
  return `${id} ${service.name}`;
}

/**
 * Asks EC2 (`DryRun`, which RunInstances honours; not every creating call does). It goes by the same narrow bucket as real launches, and is
 * left out where that is not full.
 */
async function dryRun(cloud: Cloud, spin: Life, { service, types, image }: Launch, call: Call): Promise<readonly Check[]> {
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
  try {
    // A dry run that would have succeeded is answered with an error of its own.
    await unless(['DryRunOperation'], () => cloud.send(EC2Client, command, call, { ifIdle: true }));
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.class !== 'busy') throw thrown;
    // An answer, which is not asked for again: that would be a round of its own.
    return [check('permission', true, `unknown: ${thrown.message}`)];
  }
  return [check('permission', true, `ec2:RunInstances would be allowed in ${cloud.region}`)];
}
