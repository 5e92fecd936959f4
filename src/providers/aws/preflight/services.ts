import type { Plan } from '../../../plan/plan.ts';
import type { ServiceSpec, Spec } from '../../../spec/spec.ts';
import type { AwsSettings } from '../../../spec/config.ts';
import { typesOf } from '../instances/pools.ts';

/** A service of a plan, as far as a launch depends on it. */
export interface Launch {
  readonly service: ServiceSpec;
  readonly count: number;
  readonly types: readonly string[];
  readonly image: string;
}

export function launchesOf(plan: Plan, settings: AwsSettings): readonly Launch[] {
  return plan.resources.flatMap(({ desire, count }) => (desire.kind === 'service' ? [launchOf(desire.service, count, settings)] : []));
}

/** As the plan of a spec will have them, before there is one. */
export function launchesIn(spec: Spec, settings: AwsSettings): readonly Launch[] {
  return Object.values(spec.services).map((service) => launchOf(service, service.replicas, settings));
}

function launchOf(service: ServiceSpec, count: number, settings: AwsSettings): Launch {
  return { service, count, types: typesOf(service.cloud, settings), image: service.cloud.image ?? settings.image };
}
