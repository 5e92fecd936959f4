import type { Spec } from './spec.ts';

/** A spec of nothing but itself, for what no author wrote: a question to a provider, a record that is made from tags. */
export function bareSpec(facts: Pick<Spec, 'name' | 'provider' | 'ttlMs' | 'owner' | 'tags' | 'baseDir'>): Spec {
  return { ...facts, budget: {}, secrets: {}, volumes: {}, databases: {}, services: {} };
}
