import type { Action } from './action.ts';
import { CATALOG_ACTIONS } from './catalog.ts';
import { GROUP_ACTIONS } from './groups.ts';
import { ATTRIBUTE_ACTIONS } from './instance-attributes.ts';
import { CHECK_ACTIONS } from './instance-checks.ts';
import { INSTANCE_ACTIONS } from './instances.ts';
import { NETWORK_ACTIONS } from './network.ts';
import { SCHEDULER_ACTIONS } from './scheduler.ts';
import { SSM_ACTIONS } from './ssm.ts';
import { STS_ACTIONS } from './sts.ts';
import { TAG_ACTIONS } from './tags.ts';
import { VOLUME_ACTIONS } from './volumes.ts';

export const SERVICES = ['ec2', 'sts', 'ssm', 'scheduler'] as const;
export type Service = (typeof SERVICES)[number];

/** Everything that the double does, by service and name. */
export const ACTIONS: Readonly<Record<Service, ReadonlyMap<string, Action>>> = {
  ec2: byName([
    ...INSTANCE_ACTIONS,
    ...CHECK_ACTIONS,
    ...ATTRIBUTE_ACTIONS,
    ...GROUP_ACTIONS,
    ...VOLUME_ACTIONS,
    ...NETWORK_ACTIONS,
    ...CATALOG_ACTIONS,
    ...TAG_ACTIONS,
  ]),
  sts: byName(STS_ACTIONS),
  ssm: byName(SSM_ACTIONS),
  scheduler: byName(SCHEDULER_ACTIONS),
};

function byName(actions: readonly Action[]): ReadonlyMap<string, Action> {
  return new Map(actions.map((action) => [action.name, action]));
}
