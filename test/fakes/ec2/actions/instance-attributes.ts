import { DescribeInstanceAttribute$, ModifyInstanceAttribute$ } from '@aws-sdk/client-ec2';
import type { DescribeInstanceAttributeRequest, InstanceAttribute, ModifyInstanceAttributeRequest } from '@aws-sdk/client-ec2';
import { invalidValue, refuse } from '../protocol/refusal.ts';
import { TYPES } from '../world/catalog.ts';
import { attachedTo } from '../world/volumes.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';
import { groupSet } from './describe.ts';

export const ATTRIBUTE_ACTIONS: readonly Action[] = [
  action<ModifyInstanceAttributeRequest>(
    ModifyInstanceAttribute$,
    [
      'InstanceId',
      'DisableApiTermination',
      'InstanceInitiatedShutdownBehavior',
      'Groups',
      'SourceDestCheck',
      'InstanceType',
      'BlockDeviceMappings.DeviceName',
      'BlockDeviceMappings.Ebs.DeleteOnTermination',
    ],
    modifyInstanceAttribute,
  ),
  action<DescribeInstanceAttributeRequest>(DescribeInstanceAttribute$, ['InstanceId', 'Attribute'], describeInstanceAttribute),
];

function modifyInstanceAttribute({ region }: Context, input: ModifyInstanceAttributeRequest): object {
  const instance = region.get('instance', input.InstanceId ?? '');
  if (instance.state === 'terminated' || instance.state === 'shutting-down') {
    refuse('IncorrectInstanceState', `The instance '${instance.id}' is not in a state from which it can be modified`);
  }
  const { InstanceType: type, InstanceInitiatedShutdownBehavior: behavior, Groups: groups } = input;
  if (type !== undefined) {
    if (instance.state !== 'stopped') refuse('IncorrectInstanceState', `The instance '${instance.id}' is not in the 'stopped' state.`);
    instance.instanceType = TYPES.get(type.Value ?? '')?.name ?? invalidValue(`Invalid value '${type.Value ?? ''}' for InstanceType.`);
  }
  if (behavior !== undefined) {
    instance.shutdownBehavior =
      behavior.Value === 'stop' || behavior.Value === 'terminate'
        ? behavior.Value
        : invalidValue(`Invalid value '${behavior.Value ?? ''}' for instanceInitiatedShutdownBehavior`);
  }
  if (input.DisableApiTermination?.Value !== undefined) instance.terminationProtected = input.DisableApiTermination.Value;
  if (input.SourceDestCheck?.Value !== undefined) instance.sourceDestCheck = input.SourceDestCheck.Value;
  if (groups !== undefined) {
    const found = region.find('security-group', groups);
    for (const held of instance.interfaces) held.groups = [...found];
  }
  for (const { DeviceName: device, Ebs: ebs } of input.BlockDeviceMappings ?? []) {
    const attachment = attachedTo(region, instance).find((volume) => volume.attachment?.device === device)?.attachment;
    if (attachment === undefined) return invalidValue(`No device is currently mapped at ${device ?? ''}`);
    if (ebs?.DeleteOnTermination !== undefined) attachment.deleteOnTermination = ebs.DeleteOnTermination;
  }
  return {};
}

function describeInstanceAttribute({ region }: Context, input: DescribeInstanceAttributeRequest): InstanceAttribute {
  const instance = region.get('instance', input.InstanceId ?? '');
  const InstanceId = instance.id;
  switch (input.Attribute) {
    case 'userData':
      return { InstanceId, UserData: instance.userData === undefined ? {} : { Value: instance.userData } };
    case 'disableApiTermination':
      return { InstanceId, DisableApiTermination: { Value: instance.terminationProtected } };
    case 'instanceInitiatedShutdownBehavior':
      return { InstanceId, InstanceInitiatedShutdownBehavior: { Value: instance.shutdownBehavior } };
    case 'instanceType':
      return { InstanceId, InstanceType: { Value: instance.instanceType } };
    case 'groupSet':
      return { InstanceId, Groups: groupSet(instance.interfaces[0]?.groups ?? []) };
    case 'sourceDestCheck':
      return { InstanceId, SourceDestCheck: { Value: instance.sourceDestCheck } };
    default:
      return invalidValue(`Value (${input.Attribute ?? ''}) for parameter attribute is not imitated`);
  }
}
