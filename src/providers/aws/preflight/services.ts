import type { Plan } from '../../../plan/plan.ts';
import type { ServiceSpec } from '../../../spec/spec.ts';
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
  return plan.resources.flatMap(({ desire, count }) =>
    desire.kind === 'service'
      ? [
          {
            service: desire.service,
            count,
            types: typesOf(desire.service.cloud, settings),
            image: desire.service.cloud.image ?? settings.image,
          },
        ]
      : [],
  );
}
