import { describe, expect, it } from 'vitest';
import { canonicalJson, parseSpinId } from '../../src/core/ids.ts';
import type { Assessment } from '../../src/lifecycle/assess.ts';
import { boundTo } from '../../src/lifecycle/given.ts';
import { type Action, reconcile, refuseLoss } from '../../src/lifecycle/reconcile.ts';
import { buildPlan } from '../../src/plan/build.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Endpoint } from '../../src/providers/provider.ts';
import type { Spec } from '../../src/spec/spec.ts';
import type { ResourceRecord, Status } from '../../src/store/record.ts';
import { resource } from '../cost/records.ts';
import { EXPOSED, type ServiceSketch, specOf } from '../plan/specs.ts';

const planOf = (spec: Spec): Plan => buildPlan(spec, { kinds: ['volume', 'service', 'route', 'registration'], price: () => 0 });

interface Existing {
  readonly generation?: number;
  readonly status?: Status;
  readonly is?: Assessment['is'];
  /** Of another digest than the plan asks for. */
  readonly other?: boolean;
  readonly count?: number;
}

/** What reconcile says about `service.web`, given generations of it. */
function actionOn(
  sketch: ServiceSketch,
  existing: readonly Existing[],
): { readonly action: Action | undefined; readonly current: string | undefined; readonly stale: readonly string[] } {
  const plan = planOf(specOf({ web: sketch }));
  const planned = plan.resources.find(({ address }) => address === 'service.web') ?? expect.fail();
  const resources = existing.map(({ generation = 1, status = 'ready', other = false, count = 1 }) => ({
    ...resource({ generation, status, count }),
    digest: other ? 'other' : planned.digest,
    bound: boundTo(planned.desire, {}),
  }));
  const assessments = new Map(resources.map(({ key }, n) => [key, { is: existing[n]?.is ?? 'sound', reason: 'so' }]));
  const decision = reconcile(plan, resources, assessments).find(({ address }) => address === 'service.web');
  return { action: decision?.action, current: decision?.current?.key, stale: (decision?.stale ?? []).map(({ key }) => key) };
}

describe('what is done about a service', () => {
  it.each<[string, ServiceSketch, readonly Existing[], Action, string | undefined, readonly string[]]>([
    ['that is not there', {}, [], 'create', undefined, []],
    ['that is as wanted', {}, [{}], 'keep', 'service.web@1', []],
    ['that was not finished', {}, [{ status: 'booting', is: 'resume' }], 'resume', 'service.web@1', []],
    ['that is lost', {}, [{ is: 'lost' }], 'replace', undefined, ['service.web@1']],
    ['that is another', {}, [{ other: true }], 'replace', undefined, ['service.web@1']],
    ['that is on its way out', {}, [{ status: 'releasing', is: 'leaving' }], 'create', undefined, ['service.web@1']],
    ['of which there are too few', { replicas: 3 }, [{ count: 1 }], 'scale-up', 'service.web@1', []],
    ['of which there are too many', { replicas: 1 }, [{ count: 3 }], 'scale-down', 'service.web@1', []],
    [
      'whose replacement was not finished',
      {},
      [{ other: true }, { generation: 2, status: 'booting', is: 'resume' }],
      'resume',
      'service.web@2',
      ['service.web@1'],
    ],
    ['that was changed back half-way', {}, [{}, { generation: 2, other: true }], 'keep', 'service.web@1', ['service.web@2']],
    ['of which two generations fit', {}, [{}, { generation: 2 }], 'keep', 'service.web@2', ['service.web@1']],
  ])('%s', (_what, sketch, existing, action, current, stale) => {
    expect(actionOn(sketch, existing)).toEqual({ action, current, stale });
  });
});

describe('what stands on something else', () => {
  const SPEC = specOf({ db: { volumes: ['data'] }, web: { ...EXPOSED, needs: ['db'], env: { DB: '${services.db.address}' } } });
  const plan = planOf(SPEC);
  const endpoint = (port: number): Endpoint => ({ service: 'db', via: 'instance', host: '127.0.0.1', port });

  /** Everything ready, as converge would have made it while the database had this port. */
  function standing(port = 5000): readonly ResourceRecord[] {
    return plan.resources.map(({ address, kind, desire, digest, needs }) => ({
      ...resource({ kind, name: address.split('.')[1] ?? '' }),
      status: 'ready' as const,
      handle: {},
      readyAt: 0,
      desire,
      digest,
      needs: needs.map((need) => `${need}@1`),
      bound: boundTo(desire, { db: [endpoint(port)] }),
      endpoints: address === 'service.db' ? [endpoint(5000)] : [],
    }));
  }
  const actions = (resources: readonly ResourceRecord[], lost: readonly string[] = []) => {
    const assessments = new Map(
      resources.map(({ key }): [string, Assessment] => [key, { is: lost.includes(key) ? 'lost' : 'sound', reason: 'so' }]),
    );
    return Object.fromEntries(reconcile(plan, resources, assessments).map(({ address, action }) => [address, action]));
  };

  it('is kept while that is', () => {
    expect(new Set(Object.values(actions(standing())))).toEqual(new Set(['keep']));
  });

  it('is replaced with it: a registration with its service, a service with its volume', () => {
    expect(actions(standing(), ['service.web@1'])).toMatchObject({
      'registration.web': 'replace',
      'route.web': 'keep',
      'service.db': 'keep',
    });
    expect(actions(standing(), ['volume.data@1'])).toMatchObject({ 'service.db': 'replace' });
  });

  it('is replaced where the address that it was given is no longer true', () => {
    expect(actions(standing(5001))).toMatchObject({ 'service.db': 'keep', 'service.web': 'replace', 'registration.web': 'replace' });
  });

  it('is kept while it is not known which address the route of what it needs will have', () => {
    const spec = specOf({ api: EXPOSED, web: { needs: ['api'], env: { API: '${services.api.address}' } } });
    const wanted = planOf(spec);
    const at = (via: Endpoint['via'], port: number): Endpoint => ({ service: 'api', via, host: '127.0.0.1', port });
    const existing = (route: 'ready' | 'booting') =>
      wanted.resources.map(({ address, kind, desire, digest, needs }) => ({
        ...resource({ kind, name: address.split('.')[1] ?? '', status: address === 'route.api' ? route : 'ready' }),
        desire,
        digest,
        needs: needs.map((need) => `${need}@1`),
        bound: boundTo(desire, { api: [at('route', 8080)] }),
        endpoints: address === 'service.api' ? [at('instance', 5000)] : address === 'route.api' ? [at('route', 8080)] : [],
      }));
    const on = (resources: readonly ResourceRecord[]) => {
      const seen = resources.map(({ key, status }) => [key, { is: status === 'ready' ? 'sound' : 'resume', reason: 'so' }] as const);
      return reconcile(wanted, resources, new Map(seen)).map(({ address, action }) => `${address} ${action}`);
    };
    expect(on(existing('ready'))).toContain('service.web keep');
    // Such as after a kill while the route was told another health check.
    expect(on(existing('booting'))).toEqual(expect.arrayContaining(['route.api resume', 'service.web keep']));
  });

  it('is deleted, after everything else, where the plan has it no more', () => {
    const gone = resource({ name: 'old' });
    const decisions = reconcile(plan, [...standing(), gone], new Map());
    expect(decisions.at(-1)).toMatchObject({ address: 'service.old', action: 'delete', stale: [gone] });
  });

  it('is refused where data would be lost, all at once', () => {
    const changed = planOf({ ...SPEC, volumes: { data: { from: 'folder', path: '/data' } } });
    const decisions = reconcile(changed, standing(), new Map());
    expect(() => refuseLoss(decisions, parseSpinId('web'))).toThrow(
      expect.objectContaining({ code: 'change-refused', data: { id: 'web', refused: ['volume.data'] } }),
    );
  });

  it('gives the same decisions for the same facts, and changes none of them', () => {
    const resources = standing();
    const before = canonicalJson(resources);
    expect(actions(resources)).toEqual(actions(standing()));
    expect(canonicalJson(resources)).toBe(before);
  });
});

it('says which parts of a service changed', () => {
  const before = planOf(specOf({ web: { env: { A: '1' } } })).resources.find(({ address }) => address === 'service.web') ?? expect.fail();
  const standing = { ...resource({}), digest: before.digest, desire: before.desire, bound: boundTo(before.desire, {}) };
  const sound = new Map([[standing.key, { is: 'sound' as const, reason: 'ready' }]]);
  const reasonWith = (sketch: ServiceSketch) =>
    reconcile(planOf(specOf({ web: sketch })), [standing], sound).find(({ address }) => address === 'service.web')?.reason;
  expect(reasonWith({ env: { A: '2' } })).toBe('env changed');
  expect(reasonWith({ env: { A: '2' }, run: 'other' })).toBe('env, run changed');
});
