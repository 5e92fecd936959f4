import fc from 'fast-check';
import { expect, it } from 'vitest';
import { refuseLoss } from '../../src/lifecycle/reconcile.ts';
import { buildPlan } from '../../src/plan/build.ts';
import type { Spec } from '../../src/spec/spec.ts';
import { EXPOSED, type ServiceSketch, specOf } from '../plan/specs.ts';
import { Stage } from './stage.ts';

const NAMES = ['a', 'b', 'c', 'd'] as const;

/** A service that may ask for those before it. */
function service(earlier: readonly string[]): fc.Arbitrary<ServiceSketch> {
  return fc
    .record({
      replicas: fc.integer({ min: 1, max: 3 }),
      exposed: fc.boolean(),
      needs: fc.subarray([...earlier]),
      asks: fc.subarray([...earlier]),
      level: fc.constantFrom('info', 'debug'),
      secrets: fc.subarray(['x', 'y']),
      volumes: fc.subarray(['v']),
    })
    .map(({ replicas, exposed, needs, asks, level, secrets, volumes }) => ({
      ...(exposed ? EXPOSED : {}),
      // A volume has one writer.
      replicas: volumes.length === 0 ? replicas : 1,
      needs: [...new Set([...needs, ...asks])],
      env: { LEVEL: level, ...Object.fromEntries(asks.map((name) => [name.toUpperCase(), `\${services.${name}.address}`])) },
      secrets,
      volumes,
    }));
}

const specs: fc.Arbitrary<Spec> = fc
  .tuple(fc.subarray([...NAMES], { minLength: 1 }))
  .chain(([names]) => fc.tuple(...names.map((name, n) => service(names.slice(0, n)).map((sketch) => [name, sketch] as const))))
  .map((services) => specOf(Object.fromEntries(services)));

/** What can happen to a spin before somebody runs `up` on it. */
const blows = fc.array(
  fc.constantFrom('service.a', 'service.b', 'route.a', 'registration.a', 'registration.b', 'secret.x', 'volume.v', 'keeper.keeper'),
  { maxLength: 2 },
);

it('makes of any spin, after whatever happened, what any spec says, and then finds nothing to do', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(specs, blows), { minLength: 1, maxLength: 3 }), async (history) => {
      const stage = new Stage();
      for (const [spec, lost] of history) {
        for (const of of lost) stage.world.lose(of);
        refuseLoss(await stage.decide(spec), stage.record.id);
        await stage.converge(spec);

        expect(new Set(Object.values(await stage.actions(spec)))).toEqual(new Set(['keep']));
        const { resources } = buildPlan(spec, {
          kinds: ['keeper', 'secret', 'volume', 'service', 'route', 'registration'],
          price: () => 0,
        });
        const things = stage.world.at();
        expect(things.map(({ key }) => key.replace(/@.*/, '')).toSorted()).toEqual(resources.map(({ address }) => address).toSorted());
        expect(things.map(({ key }) => key).toSorted()).toEqual(Object.keys(stage.record.resources).toSorted());
        for (const { key, kind, needs, instances, env } of things) {
          expect(instances.length).toBe(resources.find(({ address }) => address === key.split('@')[0])?.count);
          // Whoever was given an address was given the one that is true now.
          for (const [variable, value] of Object.entries(env)) {
            if (variable === 'LEVEL') continue;
            const known = Object.values(stage.record.resources).flatMap((one) => (one.status === 'ready' ? one.endpoints : []));
            expect(known.filter(({ service }) => service === variable.toLowerCase()).map(({ host, port }) => `${host}:${port}`)).toContain(
              value,
            );
          }
          // And stands on what is there.
          const stands = kind === 'registration' ? needs : needs.filter((need) => /^(?:secret|volume)\./.test(need));
          for (const need of stands) expect(things.map((thing) => thing.key)).toContain(need);
        }
        stage.world.calls.length = 0;
        await stage.converge(spec);
        expect(stage.moves()).toEqual([]);
      }
      await stage.dissolve();
      expect(stage.world.at()).toEqual([]);
      expect(stage.record.resources).toEqual({});
    }),
    { numRuns: 60 },
  );
});
