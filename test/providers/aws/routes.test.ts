import { RunInstancesCommand } from '@aws-sdk/client-ec2';
import {
  DescribeRulesCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, it } from 'vitest';
import type { Desire } from '../../../src/plan/plan.ts';
import { createRegistration, observeRegistrations, releaseRegistration } from '../../../src/providers/aws/register/registrations.ts';
import {
  createRoute,
  listRoutes,
  observeRoutes,
  ownRoute,
  reclaimRoute,
  releaseRoute,
} from '../../../src/providers/aws/register/routes.ts';
import { inventory, mark, reclaim } from '../../../src/providers/aws/sweep/inventory.ts';
import type { CreateRequest, Unasked } from '../../../src/providers/provider.ts';
import { clientsOf, some } from '../../fakes/moto/clients.ts';
import { frontListener } from '../../fakes/moto/front.ts';
import { describeWithMoto } from '../../fakes/moto/suite.ts';
import { aged, type DataWorld, dataWorld } from './data-world.ts';

type RouteDesire = Extract<Desire, { kind: 'route' }>;
type Behind = NonNullable<RouteDesire['behind']>;

const behind: Behind = {
  port: 3_000,
  drainMs: 12_500,
  health: {
    probe: { type: 'http', path: '/ready', status: 204 },
    intervalMs: 200,
    timeoutMs: 10_000,
    healthyAfter: 1,
    unhealthyAfter: 20,
    deadlineMs: 60_000,
  },
};

describeWithMoto('a route behind a load balancer, against moto', (moto) => {
  const clients = () => clientsOf({ endpoint: moto().proxy.url });

  async function open(
    more: Parameters<typeof dataWorld>[0] extends infer S ? Partial<S> : never = {},
  ): Promise<DataWorld & { readonly listener: string }> {
    const arn = more.settings?.listener ?? (await frontListener(clients()));
    return { ...dataWorld({ url: moto().proxy.url, ...more, settings: { listener: arn } }), listener: arn };
  }

  function route(world: Pick<DataWorld, 'request'>, host = '127.0.0.1', service = 'web'): CreateRequest {
    const desire: RouteDesire = { kind: 'route', service, expose: { port: 'auto', host }, behind };
    return world.request(`route.${service}`, desire);
  }

  async function instances(service: CreateRequest, count: number): Promise<readonly string[]> {
    const Tags = Object.entries(service.tags).map(([Key, Value]) => ({ Key, Value }));
    const { Instances = [] } = await clients().ec2.send(
      new RunInstancesCommand(some(count, { TagSpecifications: [{ ResourceType: 'instance', Tags }] })),
    );
    return Instances.flatMap(({ InstanceId }) => InstanceId ?? []);
  }

  it('is a target group with the health check and drain of its service, and a rule for its path, made once', async () => {
    const world = await open();
    const { cloud, region, call } = world;
    const { elb } = clients();
    const request = route(world);
    const handle = await createRoute(cloud, request, call);
    await createRoute(cloud, request, call);
    const TargetGroupArn = String(handle['targetGroup']);
    const { TargetGroups = [] } = await elb.send(new DescribeTargetGroupsCommand({}));
    expect(TargetGroups).toMatchObject([
      {
        Port: 3_000,
        HealthCheckPath: '/ready',
        HealthCheckIntervalSeconds: 5,
        HealthCheckTimeoutSeconds: 4,
        HealthyThresholdCount: 2,
        UnhealthyThresholdCount: 10,
        Matcher: { HttpCode: '204' },
      },
    ]);
    const { Attributes = [] } = await elb.send(new DescribeTargetGroupAttributesCommand({ TargetGroupArn }));
    expect(Attributes).toContainEqual({ Key: 'deregistration_delay.timeout_seconds', Value: '13' });
    const { Rules = [] } = await elb.send(new DescribeRulesCommand({ ListenerArn: world.listener }));
    const ours = Rules.filter(({ IsDefault }) => IsDefault !== true);
    expect(ours).toHaveLength(1);
    expect(ours[0]?.Conditions?.[0]?.PathPatternConfig?.Values ?? ours[0]?.Conditions?.[0]?.Values).toEqual(['/web/web', '/web/web/*']);
    const created = moto().proxy.calls.find(({ action }) => action === 'CreateRule');
    expect(created?.params['Transforms.member.1.UrlRewriteConfig.Rewrites.member.1.Regex']).toBe('^/web/web/?(.*)$');
    const seen = (await observeRoutes(region, [request], call)).get(request.key);
    expect(seen).toMatchObject({ state: 'running', endpoints: [{ service: 'web', via: 'route', port: 80 }] });
    expect(seen?.endpoints[0]?.url).toMatch(/^http:\/\/front.*\/web\/web$/);
  });

  it('is given the health check and drain that its service has by now, and nothing where it has them', async () => {
    const world = await open();
    const { cloud, call } = world;
    const request = route(world);
    const { targetGroup: TargetGroupArn } = await createRoute(cloud, request, call);
    await createRoute(cloud, request, call);
    expect(moto().proxy.counts()).not.toHaveProperty('elasticloadbalancing:ModifyTargetGroup');
    const health: Behind['health'] = {
      probe: { type: 'http', path: '/healthz' },
      intervalMs: 20_000,
      timeoutMs: 3_000,
      healthyAfter: 3,
      unhealthyAfter: 4,
      deadlineMs: 60_000,
    };
    const changed = { ...request, desire: { ...request.desire, behind: { ...behind, drainMs: 40_000, health } } as RouteDesire };
    // The answer to the change is lost, so that it is asked for again.
    moto().proxy.announce({ action: 'ModifyTargetGroup', how: 'lost-response' });
    const again = await createRoute(cloud, changed, call);
    expect(again['targetGroup']).toBe(TargetGroupArn);
    const wanted = {
      TargetGroupArn,
      HealthCheckPath: '/healthz',
      HealthCheckIntervalSeconds: 20,
      HealthCheckTimeoutSeconds: 3,
      HealthyThresholdCount: 3,
      UnhealthyThresholdCount: 4,
      Matcher: { HttpCode: '200-399' },
    };
    expect((await clients().elb.send(new DescribeTargetGroupsCommand({}))).TargetGroups).toMatchObject([wanted]);
    const { Attributes } = await clients().elb.send(new DescribeTargetGroupAttributesCommand({ TargetGroupArn: String(TargetGroupArn) }));
    expect(Attributes).toContainEqual({ Key: 'deregistration_delay.timeout_seconds', Value: '40' });
    const modified = moto().proxy.counts()['elasticloadbalancing:ModifyTargetGroup'];
    await createRoute(cloud, changed, call);
    expect(moto().proxy.counts()['elasticloadbalancing:ModifyTargetGroup']).toBe(modified);
  });

  it('goes by its host name where it has one, and refuses one that another rule has', async () => {
    const world = await open();
    const { cloud, region, call } = world;
    const named = route(world, 'Shop.example.com');
    await createRoute(cloud, named, call);
    const endpoint = (await observeRoutes(region, [named], call)).get(named.key)?.endpoints[0];
    expect(endpoint?.url).toBe('http://shop.example.com');
    const again = route(world, 'shop.example.com', 'other');
    await expect(createRoute(cloud, again, call)).rejects.toMatchObject({ kind: 'conflict', class: 'host-taken' });
  });

  it('takes the next priority where somebody was quicker', async () => {
    const world = await open();
    moto().proxy.announce({
      action: 'CreateRule',
      how: { error: 'PriorityInUse', status: 400, message: 'The specified priority is in use' },
    });
    await createRoute(world.cloud, route(world), world.call);
    const asked = moto()
      .proxy.calls.filter(({ action }) => action === 'CreateRule')
      .map(({ params }) => Number(params['Priority']));
    expect(asked).toHaveLength(2);
    expect(asked[1]).toBe((asked[0] ?? 0) + 1);
    const { Rules = [] } = await clients().elb.send(new DescribeRulesCommand({ ListenerArn: world.listener }));
    expect(Rules.map(({ Priority }) => Priority)).toContain(String(asked[1]));
  });

  it('is released with its rule, and without a handle', async () => {
    const world = await open();
    const { cloud, region, call } = world;
    const request = route(world);
    const handle = await createRoute(cloud, request, call);
    expect(await releaseRoute(region, request, call)).toBe('absent');
    expect(await releaseRoute(region, aged(request, handle), call)).toBe('absent');
    expect((await observeRoutes(region, [aged(request, handle)], call)).get(request.key)?.state).toBe('absent');
    expect(await listRoutes(cloud, { everyone: true }, call)).toEqual([]);
    const { Rules = [] } = await clients().elb.send(new DescribeRulesCommand({ ListenerArn: world.listener }));
    expect(Rules).toHaveLength(1);
  });

  it('is found by its tags, taken over and reclaimed, also under another config', async () => {
    const mine = await open();
    const theirs = await open({ stateTag: 'theirs', settings: { listener: mine.listener } });
    await createRoute(mine.cloud, route(mine), mine.call);
    await createRoute(theirs.cloud, route(theirs, 'their.example.com'), theirs.call);
    expect(await listRoutes(mine.cloud, { id: mine.spin.id }, mine.call)).toHaveLength(1);
    const all = await listRoutes(mine.cloud, { everyone: true }, mine.call);
    expect(all).toHaveLength(2);
    await mark([mine.region], all, 1_000, mine.call);
    const marked = await listRoutes(mine.cloud, { everyone: true }, mine.call);
    expect(marked.map(({ marks, orphanSince }) => [marks, orphanSince])).toEqual([
      [true, 1_000],
      [true, 1_000],
    ]);
    for (const one of marked) await ownRoute(mine.cloud, one, mine.call);
    const owned = await listRoutes(mine.cloud, {}, mine.call);
    expect(owned.map(({ orphanSince }) => orphanSince)).toEqual([undefined, undefined]);
    const bare = dataWorld({ url: moto().proxy.url });
    for (const one of all) expect(await reclaimRoute(bare.cloud, one, bare.call)).toBe('absent');
    expect(await listRoutes(bare.cloud, { everyone: true }, bare.call)).toEqual([]);
  });

  it('is found and ended by a sweep whose config names no listener', async () => {
    const theirs = await open();
    await createRoute(theirs.cloud, route(theirs), theirs.call);
    const { region, call } = dataWorld({ url: moto().proxy.url });
    const unasked: Unasked[] = [];
    const found = await inventory([region], { beyond: (one) => void unasked.push(one) }, call);
    expect(found).toMatchObject([{ kind: 'route', id: 'web', incarnation: theirs.spin.incarnation }]);
    expect(unasked).toEqual([]);
    expect(await inventory([region], {}, call)).toEqual([]);
    expect(await reclaim([region], found, call)).toBe('absent');
    expect(await listRoutes(theirs.cloud, { everyone: true }, theirs.call)).toEqual([]);
    const { Rules = [] } = await clients().elb.send(new DescribeRulesCommand({ ListenerArn: theirs.listener }));
    expect(Rules).toHaveLength(1);
  });

  it('serves a generation that is registered with it, and no longer one that was taken out', async () => {
    const world = await open();
    const { cloud, call, region } = world;
    const { elb } = clients();
    const to = route(world);
    const handle = await createRoute(cloud, to, call);
    const service = world.request('service.web', { kind: 'route', service: 'web', expose: { port: 'auto', host: '' } });
    const old = await instances(service, 2);
    const request = world.request(
      'registration.web',
      { kind: 'registration', service: 'web', route: 'route.web' },
      { needs: [service.key, to.key], bindings: { web: [{ service: 'web', via: 'instance', host: '10.0.0.1', port: 4_000 }] } },
    );
    expect((await observeRegistrations(cloud, region.machines, [request], call)).get(request.key)?.state).toBe('absent');
    const registration = { ...request, handle: await createRegistration(cloud, region.machines, request, call) };
    expect((await observeRegistrations(cloud, region.machines, [registration], call)).get(request.key)).toMatchObject({
      state: 'running',
      reason: '2 registered and healthy',
    });
    const TargetGroupArn = String(handle['targetGroup']);
    const { TargetHealthDescriptions = [] } = await elb.send(new DescribeTargetHealthCommand({ TargetGroupArn }));
    const registered = new Map(TargetHealthDescriptions.map(({ Target }) => [Target?.Id, Target?.Port]));
    expect(registered).toEqual(new Map(old.map((id) => [id, 4_000])));

    // A third one of the same generation is lacking until the request is sent again.
    const [third] = await instances(service, 1);
    await call.clock.sleep(600);
    expect((await observeRegistrations(cloud, region.machines, [registration], call)).get(request.key)).toMatchObject({
      state: 'pending',
      stalled: true,
    });
    await createRegistration(cloud, region.machines, request, call);

    const next = world.request('service.web', { kind: 'route', service: 'web', expose: { port: 'auto', host: '' } }, { generation: 2 });
    const [fresh] = await instances(next, 1);
    const second = world.request(
      'registration.web',
      { kind: 'registration', service: 'web', route: 'route.web' },
      { generation: 2, needs: [next.key, to.key] },
    );
    await createRegistration(cloud, region.machines, second, call);
    expect(await releaseRegistration(cloud, region.machines, registration, call)).toBe('absent');
    expect(await releaseRegistration(cloud, region.machines, request, call)).toBe('absent');
    const left = await elb.send(new DescribeTargetHealthCommand({ TargetGroupArn }));
    expect(left.TargetHealthDescriptions?.map(({ Target }) => Target?.Id)).toEqual([fresh]);
    expect(third).toBeDefined();
    expect(world.events.map(({ type }) => type)).toEqual(['drain.started', 'drain.finished']);
  });
});
