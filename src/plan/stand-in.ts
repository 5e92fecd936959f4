import type { ServiceSpec } from '../spec/spec.ts';
import type { Desire, PlannedResource, ResourceKind } from './plan.ts';

/**
 * What stands for the desire of a resource of which only its tags are known: enough to observe and to release it, and with a digest
 * that no plan has, so that an `up` with a spec replaces it.
 */
export function standIn(kind: ResourceKind, name: string): Pick<PlannedResource, 'desire' | 'digest' | 'strategy' | 'hourly'> {
  return { desire: desireOf(kind, name), digest: '', strategy: 'recreate', hourly: 'unknown' };
}

function desireOf(kind: ResourceKind, name: string): Desire {
  switch (kind) {
    case 'keeper':
      return { kind };
    case 'identity':
      return { kind, secrets: [] };
    case 'secret':
      return { kind, name, source: { from: 'generate', length: 32 } };
    case 'volume':
      return { kind, name, source: { from: 'empty' } };
    case 'database':
      return { kind, database: { name, source: { from: 'snapshot', snapshot: '' } } };
    case 'firewall':
      return { kind, service: name, open: false, port: 'none', reaches: [] };
    case 'service':
      return { kind, service: serviceOf(name), baseDir: '/' };
    case 'route':
      return { kind, service: name, expose: { port: 'auto', host: '127.0.0.1' } };
    case 'registration':
      return { kind, service: name, route: `route.${name}` };
  }
}

function serviceOf(name: string): ServiceSpec {
  return {
    name,
    run: 'true',
    job: false,
    replicas: 1,
    dir: '/',
    port: 'none',
    needs: [],
    env: {},
    secrets: [],
    volumes: [],
    bootstrap: [],
    health: {
      probe: { type: 'alive', forMs: 0 },
      intervalMs: 1_000,
      timeoutMs: 1_000,
      healthyAfter: 1,
      unhealthyAfter: 3,
      deadlineMs: 60_000,
    },
    restart: { policy: 'always', max: 5, windowMs: 60_000 },
    drain: { signal: 'SIGTERM', timeoutMs: 10_000 },
    cloud: { instanceTypes: [], spot: false, address: 'private' },
  };
}
