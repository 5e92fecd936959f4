/** Specs for tests, as the spec loader would give them. */
import type { ServiceSpec, Spec } from '../../src/spec/spec.ts';
import { serviceSpec, spec } from '../cost/records.ts';

export type ServiceSketch = Partial<Omit<ServiceSpec, 'name' | 'secrets' | 'volumes'>> & {
  /** Names; each comes in an environment variable. */
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
};

/** A spec of these services; secrets and volumes that they use are declared. */
export function specOf(services: Readonly<Record<string, ServiceSketch>>, over: Partial<Spec> = {}): Spec {
  const sketches = Object.values(services);
  const used = (of: (sketch: ServiceSketch) => readonly string[] | undefined) => [
    ...new Set(sketches.flatMap((sketch) => of(sketch) ?? [])),
  ];
  return spec({
    provider: 'fake',
    secrets: Object.fromEntries(used(({ secrets }) => secrets).map((name) => [name, { from: 'generate', length: 32 }])),
    volumes: Object.fromEntries(used(({ volumes }) => volumes).map((name) => [name, { from: 'empty' }])),
    services: Object.fromEntries(Object.entries(services).map(([name, sketch]) => [name, serviceOf(name, sketch)])),
    ...over,
  });
}

export const EXPOSED = { expose: { port: 'auto', host: '127.0.0.1' } } as const;

function serviceOf(name: string, { secrets = [], volumes = [], ...over }: ServiceSketch): ServiceSpec {
  return serviceSpec(name, {
    secrets: secrets.map((secret) => ({ secret, as: 'env', variable: secret.toUpperCase() })),
    volumes: volumes.map((volume) => ({ volume, variable: `${volume.toUpperCase()}_DIR` })),
    ...over,
  });
}
