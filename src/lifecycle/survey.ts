import type { Observation } from '../providers/provider.ts';
import type { ResourceRecord } from '../store/record.ts';
import { type Assessment, assess } from './assess.ts';
import { targetOf, type Work } from './work.ts';

/** What exists of a spin: its resources, and what record and provider say together about each. */
export interface Survey {
  readonly resources: readonly ResourceRecord[];
  readonly observations: ReadonlyMap<string, Observation>;
  readonly assessments: ReadonlyMap<string, Assessment>;
}

const NOT_OBSERVED: Observation = { state: 'unknown', reason: 'not observed', instances: [], endpoints: [] };

/** Observes every resource of a record at once. */
export async function survey(work: Pick<Work, 'provider' | 'call'>, record: Work['session']['record']): Promise<Survey> {
  const resources = Object.values(record.resources);
  const observations =
    resources.length === 0
      ? new Map<string, Observation>()
      : await work.provider.observe(
          resources.map((resource) => targetOf(record, resource)),
          work.call,
        );
  const assessments = new Map(
    resources.map((resource) => [resource.key, assess(resource, observations.get(resource.key) ?? NOT_OBSERVED)] as const),
  );
  return { resources, observations, assessments };
}
