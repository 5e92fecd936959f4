import { expect, it } from 'vitest';
import { createService } from '../../../src/providers/aws/instances/instances.ts';
import { readPrograms } from '../../../src/providers/aws/instances/user-data.ts';
import { createRegistration, releaseRegistration } from '../../../src/providers/aws/register/registrations.ts';
import { createRoute } from '../../../src/providers/aws/register/routes.ts';
import { inventory, reclaim } from '../../../src/providers/aws/sweep/inventory.ts';
import type { CreateRequest } from '../../../src/providers/provider.ts';
import { ForwardClock } from '../../fakes/ec2/clock.ts';
import { clientsOf } from '../../fakes/moto/clients.ts';
import { frontListener } from '../../fakes/moto/front.ts';
import { describeWithMoto } from '../../fakes/moto/suite.ts';
import { dataWorld } from './data-world.ts';
import { REPOSITORY, serviceSpec } from './world.ts';

const DRAIN_MS = 1_200;
/** Longer than any spin waits that does not go by an hour. */
const PATIENCE_MS = 121_000;

describeWithMoto('an instance behind a load balancer, against moto', (moto) => {
  const clients = () => clientsOf({ endpoint: moto().proxy.url });

  /** Two instances of a service, with or without a listener that they are registered behind. */
  async function serving(settings: { readonly behind: boolean } = { behind: true }) {
    const { behind } = settings;
    const clock = new ForwardClock();
    const world = dataWorld({ url: moto().proxy.url, clock, settings: behind ? { listener: await frontListener(clients()) } : {} });
    const { cloud, call, region } = world;
    const cloudOf = { instanceTypes: ['t3.micro'], spot: false, address: 'private', diskGiB: 8 } as const;
    const service = serviceSpec({ name: 'web', replicas: 2, cloud: cloudOf, drain: { signal: 'SIGTERM', timeoutMs: 2_000 } });
    const web = world.request('service.web', { kind: 'service', service, baseDir: '/' }, { count: 2 });
    const programs = await readPrograms(`${REPOSITORY}/templates`);
    const make = (request: CreateRequest) => createService(region, programs, request, call);
    const request = { ...web, handle: await make(web) };
    const route = world.request('route.web', {
      kind: 'route',
      service: 'web',
      expose: { port: 'auto', host: '' },
      behind: { port: 8_080, drainMs: 2_000, health: service.health },
    });
    const registration = world.request(
      'registration.web',
      { kind: 'registration', service: 'web', route: route.address },
      { needs: [web.key, route.key] },
    );
    if (behind) {
      await createRoute(cloud, route, call);
      await createRegistration(cloud, region.machines, registration, call);
    }
    moto().proxy.forgetCalls();
    const sweep = async () => reclaim([region], await inventory([region], { id: world.spin.id }, call), call);
    return { ...world, clock, registration, scaleDown: () => make({ ...request, count: 1 }), sweep };
  }

  const ENDING = /^(DeregisterTargets|TerminateInstances|DeleteRule|DeleteTargetGroup)$/;
  const ending = () => moto().proxy.calls.filter(({ action }) => ENDING.test(action));
  const actions = () => ending().map(({ action }) => action);
  const idsIn = (params: Readonly<Record<string, string>>) =>
    Object.values(params)
      .filter((value) => value.startsWith('i-'))
      .toSorted();
  const until = async (action: string) => {
    while (!actions().includes(action)) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  it('is drained before a service of fewer instances ends it, and nobody else is', async () => {
    const { scaleDown, events } = await serving();
    moto().proxy.set({ drainMs: DRAIN_MS });
    await scaleDown();
    expect(actions()).toEqual(['DeregisterTargets', 'TerminateInstances']);
    const [out, end] = ending();
    expect(idsIn(out?.params ?? {})).toEqual(idsIn(end?.params ?? {}));
    expect(idsIn(out?.params ?? {})).toHaveLength(1);
    expect((end?.at ?? 0) - (out?.at ?? 0)).toBeGreaterThanOrEqual(DRAIN_MS);
    expect(events.filter(({ type }) => type.startsWith('drain.'))).toMatchObject([
      { type: 'drain.started', resource: 'service.web@1' },
      { type: 'drain.finished', resource: 'service.web@1' },
    ]);
  });

  it('is ended at last where it never leaves, by a service of fewer and by a sweep', async () => {
    const { scaleDown, sweep, clock } = await serving();
    moto().proxy.set({ drainMs: Infinity });
    for (const end of [scaleDown, sweep]) {
      moto().proxy.forgetCalls();
      const ended = end();
      await until('DeregisterTargets');
      expect(actions()).not.toContain('TerminateInstances');
      await clock.advance(PATIENCE_MS);
      await ended;
      expect(actions()).toContain('TerminateInstances');
    }
  });

  it('is drained before a sweep ends it, and its route goes after that', async () => {
    const { sweep } = await serving();
    moto().proxy.set({ drainMs: DRAIN_MS });
    expect(await sweep()).toBe('requested');
    expect(actions()).toEqual(['DeregisterTargets', 'TerminateInstances', 'DeleteRule', 'DeleteTargetGroup']);
    const [out, end] = ending();
    expect(idsIn(out?.params ?? {})).toHaveLength(2);
    expect(idsIn(out?.params ?? {})).toEqual(idsIn(end?.params ?? {}));
    expect((end?.at ?? 0) - (out?.at ?? 0)).toBeGreaterThanOrEqual(DRAIN_MS);
    expect(await sweep()).toBe('absent');
  });

  it('is ended by a sweep that may not take it out, and by one whose target group is gone meanwhile', async () => {
    const { sweep } = await serving();
    moto().proxy.announce({ action: 'DeregisterTargets', how: 'denied' });
    await sweep();
    expect(actions()).toContain('TerminateInstances');

    await moto().proxy.reset();
    const again = await serving();
    moto().proxy.set({ drainMs: Infinity });
    const ended = again.sweep();
    await until('DeregisterTargets');
    moto().proxy.announce({ action: 'DescribeTargetHealth', times: 99, how: GONE });
    await ended;
    expect(actions()).toContain('TerminateInstances');
  });

  it('is waited for by the release of its registration', async () => {
    const { cloud, call, region, registration } = await serving();
    moto().proxy.set({ drainMs: DRAIN_MS });
    const began = performance.now();
    expect(await releaseRegistration(cloud, region.machines, registration, call)).toBe('absent');
    expect(performance.now() - began).toBeGreaterThanOrEqual(DRAIN_MS);
  });

  it('is not begun for what another state location took over', async () => {
    const { cloud, call, region, registration } = await serving();
    const theirs = { ...cloud, options: { ...cloud.options, stateTag: 'theirs' } };
    await expect(releaseRegistration(theirs, region.machines, registration, call)).rejects.toMatchObject({ class: 'other-state' });
    expect(actions()).not.toContain('DeregisterTargets');
  });

  it('costs no question about load balancers where there is none', async () => {
    const { scaleDown, sweep } = await serving({ behind: false });
    await scaleDown();
    await sweep();
    expect(actions()).toEqual(['TerminateInstances', 'TerminateInstances']);
    expect(Object.keys(moto().proxy.counts()).filter((call) => call.startsWith('elasticloadbalancing:'))).toEqual([]);
  });
});

const GONE = { error: 'TargetGroupNotFound', status: 400, message: 'One or more target groups not found' };
