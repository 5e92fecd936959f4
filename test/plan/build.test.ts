import { describe, expect, it } from 'vitest';
import { InternalError } from '../../src/core/errors.ts';
import { buildPlan, type PlanWorld } from '../../src/plan/build.ts';
import { graphOrder } from '../../src/plan/graph.ts';
import type { Plan, PlannedResource } from '../../src/plan/plan.ts';
import type { Spec } from '../../src/spec/spec.ts';
import { EXPOSED, type ServiceSketch, specOf } from './specs.ts';

const LOCAL: PlanWorld = { kinds: ['keeper', 'secret', 'volume', 'service', 'route', 'registration'], price: () => 0 };

const SHOP = specOf({
  web: { ...EXPOSED, needs: ['db'], replicas: 3, secrets: ['password'] },
  db: { volumes: ['data'], secrets: ['password'] },
  worker: { needs: ['web'] },
});

function at(plan: Plan, address: string): PlannedResource {
  return plan.resources.find((resource) => resource.address === address) ?? expect.fail(`no ${address}`);
}

describe('the graph', () => {
  it('has everything that the spec asks for, each after what it needs', () => {
    const plan = buildPlan(SHOP, LOCAL);
    expect(plan.resources.map(({ address, needs }) => [address, needs])).toEqual([
      ['keeper.keeper', []],
      ['secret.password', ['keeper.keeper']],
      ['volume.data', ['keeper.keeper']],
      ['service.db', ['keeper.keeper', 'secret.password', 'volume.data']],
      ['service.web', ['keeper.keeper', 'secret.password', 'service.db']],
      ['route.web', ['keeper.keeper']],
      ['registration.web', ['service.web', 'route.web']],
      // Who needs a service that is exposed needs its route.
      ['service.worker', ['keeper.keeper', 'service.web', 'registration.web']],
    ]);
  });

  it('holds only the kinds that the provider makes', () => {
    const plan = buildPlan(SHOP, { kinds: ['firewall', 'service'], price: () => 0 });
    expect(plan.resources.map(({ address, needs }) => [address, needs])).toEqual([
      // Who asks for a service holds the right to reach it.
      ['firewall.db', []],
      ['firewall.web', ['firewall.db']],
      ['service.db', ['firewall.db']],
      ['service.web', ['firewall.web', 'service.db']],
      ['firewall.worker', ['firewall.web']],
      ['service.worker', ['firewall.worker', 'service.web']],
    ]);
    expect(plan.resources.flatMap(({ desire }) => (desire.kind === 'firewall' ? [desire.open] : []))).toEqual([false, true, false]);
    expect(plan.resources.flatMap(({ desire }) => (desire.kind === 'firewall' ? [desire.reaches] : []))).toEqual([
      [],
      [{ service: 'db', port: 'auto' }],
      [{ service: 'web', port: 'auto' }],
    ]);
  });

  it('is the same from every folder for a provider whose instances run elsewhere', () => {
    const moved = (dir: string) => {
      const spec = specOf({ db: { secrets: ['key'] } }, { secrets: { key: { from: 'file', path: `${dir}/key.txt` } } });
      return {
        ...spec,
        baseDir: dir,
        services: Object.fromEntries(Object.entries(spec.services).map(([name, one]) => [name, { ...one, dir: `${dir}/app` }])),
      };
    };
    const digests = (dir: string, elsewhere: boolean) =>
      buildPlan(moved(dir), { kinds: ['secret', 'service'], price: () => 0, elsewhere }).resources.map((resource) => resource.digest);
    expect(digests('/home/ada/shop', true)).toEqual(digests('/ci/build/shop', true));
    expect(digests('/home/ada/shop', false)).not.toEqual(digests('/ci/build/shop', false));
    const [secret] = buildPlan(moved('/ci'), { kinds: ['secret'], price: () => 0, elsewhere: true }).resources;
    expect(secret?.desire).toMatchObject({ source: { path: '/ci/key.txt' } });
  });

  it('refuses a cycle, which the check of the spec ruled out', () => {
    const nodes = [
      { address: 'a', needs: ['b'] },
      { address: 'b', needs: ['a'] },
    ];
    expect(() => graphOrder(nodes)).toThrow(InternalError);
  });

  it('runs the command of a secret in the folder of the spec', () => {
    const spec = specOf(
      {},
      {
        baseDir: '/srv/shop',
        secrets: { key: { from: 'command', command: 'pass key', timeoutMs: 1000 }, made: { from: 'generate', length: 32 } },
      },
    );
    const plan = buildPlan(spec, LOCAL);
    expect(at(plan, 'secret.key').desire).toMatchObject({ baseDir: '/srv/shop' });
    expect(at(plan, 'secret.made').desire).not.toHaveProperty('baseDir');
  });
});

describe('the price', () => {
  const price: PlanWorld['price'] = ({ kind, service }) => (kind === 'service' && service?.name === 'web' ? 10 : 0);

  it('is that of every instance, per hour and until the TTL ends', () => {
    const plan = buildPlan(SHOP, { ...LOCAL, price });
    expect(at(plan, 'service.web')).toMatchObject({ count: 3, hourly: 30 });
    expect(plan).toMatchObject({ hourly: 30, untilTtl: 120, ttlMs: 4 * 3_600_000 });
  });

  it('is unknown as soon as one part is', () => {
    const plan = buildPlan(SHOP, { ...LOCAL, price: ({ service }) => (service?.name === 'db' ? 'unknown' : 1) });
    expect(at(plan, 'service.db').hourly).toBe('unknown');
    expect(at(plan, 'service.web').hourly).toBe(3);
    expect(plan).toMatchObject({ hourly: 'unknown', untilTtl: 'unknown' });
  });
});

describe('the digest of a service', () => {
  const digestWith = (over: ServiceSketch, spec: Partial<Spec> = {}): string =>
    at(buildPlan(specOf({ db: {}, web: { volumes: ['data'], secrets: ['key'], ...over } }, spec), LOCAL), 'service.web').digest;

  it.each<[string, ServiceSketch]>([
    ['how many there are', { replicas: 7 }],
    ['who is needed first', { needs: ['db'] }],
    ['whether it is exposed', EXPOSED],
    ['what is reserved for it', { cpu: 2, memory: 1e9 }],
  ])('does not change with %s', (_what, over) => {
    expect(digestWith(over)).toBe(digestWith({}));
  });

  it.each<[string, ServiceSketch, Partial<Spec>?]>([
    ['its command', { run: ['false'] }],
    ['its environment', { env: { LEVEL: 'debug' } }],
    ['its folder', { dir: '/srv/other' }],
    ['its port', { port: 5432 }],
    ['its drain', { drain: { signal: 'SIGINT', timeoutMs: 1 } }],
    ['its bootstrap', { bootstrap: [{ name: 'seed', run: 'seed', timeoutMs: 1 }] }],
    ['the source of a secret that it uses', {}, { secrets: { key: { from: 'env', variable: 'KEY' } } }],
    ['the source of a volume that it uses', {}, { volumes: { data: { from: 'folder', path: '/data' } } }],
  ])('changes with %s', (_what, over, spec = {}) => {
    expect(digestWith(over, spec)).not.toBe(digestWith({}));
  });

  it('does not depend on the order in which an author wrote things', () => {
    expect(digestWith({ env: { A: '1', B: '2' } })).toBe(digestWith({ env: { B: '2', A: '1' } }));
  });
});

describe('the strategy', () => {
  const strategies = (over: ServiceSketch): Readonly<Record<string, string>> =>
    Object.fromEntries(buildPlan(specOf({ web: over }), LOCAL).resources.map(({ kind, strategy }) => [kind, strategy]));

  it('puts two generations side by side only behind a route', () => {
    expect(strategies(EXPOSED)).toMatchObject({ service: 'rolling', registration: 'rolling', route: 'recreate' });
    expect(strategies({})['service']).toBe('recreate');
  });

  it('takes the old one away first where there is one writer, or one port', () => {
    expect(strategies({ ...EXPOSED, volumes: ['data'] })).toMatchObject({ service: 'recreate', volume: 'refuse' });
    expect(strategies({ ...EXPOSED, port: 8080 })['service']).toBe('recreate');
  });
});
