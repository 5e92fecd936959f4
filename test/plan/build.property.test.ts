import fc from 'fast-check';
import { expect, it } from 'vitest';
import { buildPlan } from '../../src/plan/build.ts';
import { type Plan, RESOURCE_KINDS } from '../../src/plan/plan.ts';
import { load } from '../spec/spec-texts.ts';

const NAMES = ['db', 'cache', 'api', 'web', 'jobs'] as const;
const SECRETS = ['key', 'token', 'cert'];
const VOLUMES = ['data', 'work'];

/** A service as an author may write it, which asks only for those before it. */
function service(name: string, earlier: readonly string[]): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  return fc.record(
    {
      run: fc.constantFrom<unknown>(`${name} serve`, [name, 'serve']),
      replicas: fc.integer({ min: 1, max: 4 }),
      port: fc.constant('auto'),
      needs: fc.subarray([...earlier]),
      env: fc
        .record({ asks: fc.subarray([...earlier]), plain: fc.dictionary(fc.constantFrom('A', 'B', 'C'), fc.constantFrom('1', '2')) })
        .map(({ asks, plain }) => ({
          ...Object.fromEntries(asks.map((other) => [other.toUpperCase(), `\${services.${other}.address}`])),
          ...plain,
        })),
      secrets: fc.oneof(
        fc.subarray(SECRETS),
        fc.subarray(SECRETS).map((used) => Object.fromEntries(used.map((secret) => [secret, { env: secret.toUpperCase() }]))),
      ),
      volumes: fc.subarray(VOLUMES).map((used) => Object.fromEntries(used.map((volume) => [volume, `${volume.toUpperCase()}_DIR`]))),
      expose: fc.constantFrom<unknown>('auto', { port: 'auto', host: '127.0.0.1' }),
      health: fc.constantFrom({ tcp: true, interval: '1s' }, { http: '/healthz', status: 200 }),
      drain: fc.constant({ signal: 'SIGINT', timeout: '5s' }),
    },
    { requiredKeys: ['run', 'port'] },
  );
}

/** Any valid spec of up to five services. */
const specs = fc
  .subarray([...NAMES], { minLength: 1 })
  .chain((names) => fc.tuple(...names.map((name, n) => service(name, names.slice(0, n)).map((one) => [name, one] as const))))
  .map((services) => ({
    name: 'shop',
    ttl: '1h',
    tags: { team: 'a', stage: 'b' },
    secrets: Object.fromEntries(SECRETS.map((name) => [name, { generate: 32 }])),
    volumes: Object.fromEntries(VOLUMES.map((name) => [name, {}])),
    services: Object.fromEntries(services),
  }));

const planOf = async (tree: unknown): Promise<Plan> => {
  const { spec } = await load(JSON.stringify(tree));
  return buildPlan(spec, { kinds: RESOURCE_KINDS, price: () => 1_000 });
};

const digests = ({ resources }: Plan) => Object.fromEntries(resources.map(({ address, digest }) => [address, digest]));

/** The same tree with the keys of all its maps in another order. */
function shuffled(tree: unknown, order: (keys: readonly string[]) => readonly string[]): unknown {
  if (Array.isArray(tree)) return tree.map((item: unknown) => shuffled(item, order));
  if (typeof tree !== 'object' || tree === null) return tree;
  const members = tree as Readonly<Record<string, unknown>>;
  return Object.fromEntries(order(Object.keys(members)).map((key) => [key, shuffled(members[key], order)]));
}

it('makes of any valid spec a graph without a cycle, in which everything stands behind what it needs', async () => {
  await fc.assert(
    fc.asyncProperty(specs, async (tree) => {
      const { resources } = await planOf(tree);
      const seen = new Set<string>();
      for (const { address, needs } of resources) {
        for (const need of needs) expect(seen, `${address} needs ${need}`).toContain(need);
        expect(seen).not.toContain(address);
        seen.add(address);
      }
    }),
  );
});

it('gives every resource the same digest, in whatever order the keys of its spec stand', async () => {
  await fc.assert(
    fc.asyncProperty(specs, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), async (tree, chance) => {
      const order = (keys: readonly string[]) =>
        keys
          .map((key) => [Number(chance.next().value), key] as const)
          .toSorted(([a], [b]) => a - b)
          .map(([, key]) => key);
      expect(digests(await planOf(shuffled(tree, order)))).toEqual(digests(await planOf(tree)));
    }),
  );
});

it('has a price that is the sum of its parts, and of its time', async () => {
  await fc.assert(
    fc.asyncProperty(specs, async (tree) => {
      const { resources, hourly, untilTtl, ttlMs } = await planOf(tree);
      expect(hourly).toBe(resources.reduce((sum, { count }) => sum + count * 1_000, 0));
      expect(untilTtl).toBe((Number(hourly) * ttlMs) / 3_600_000);
    }),
  );
});
