import { DescribeRulesCommand, DescribeTargetGroupsCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { ListInstanceProfilesCommand, ListRolesCommand } from '@aws-sdk/client-iam';
import { expect, it } from 'vitest';
import { createIdentity, observeIdentities, releaseIdentity } from '../../../src/providers/aws/data/identity.ts';
import { createRoute, observeRoutes, releaseRoute } from '../../../src/providers/aws/register/routes.ts';
import { arm, endInstances, listSchedules } from '../../../src/providers/aws/deadline/schedules.ts';
import { createSecret, observeSecrets, releaseSecret } from '../../../src/providers/aws/data/secrets.ts';
import { createVolume, observeVolumes, releaseVolume } from '../../../src/providers/aws/data/volumes.ts';
import { observeDatabases, releaseDatabase } from '../../../src/providers/aws/data/databases.ts';
import { observeKeepers, releaseKeeper } from '../../../src/providers/aws/deadline/enforcers.ts';
import type { Region } from '../../../src/providers/aws/region.ts';
import type { Call, Observation, Target } from '../../../src/providers/provider.ts';
import { ec2For } from '../../fakes/ec2/fixture.ts';
import { clientsOf } from '../../fakes/moto/clients.ts';
import { frontListener } from '../../fakes/moto/front.ts';
import { describeWithMoto } from '../../fakes/moto/suite.ts';
import { aged, type DataWorld, dataWorld } from './data-world.ts';

/** A request whose answer was lost is sent again, in the same call or by the next process; either way there is one of each thing. */

it.each(['lose-request', 'lose-response'] as const)('there is one disk and one secret after any number of calls to %s', async (fault) => {
  const ec2 = await ec2For();
  const { cloud, region, call, request } = dataWorld({ url: ec2.url });
  for (const action of ['CreateVolume', 'PutParameter', 'DeleteParameter']) ec2.script({ action, times: 2, fault });
  const volume = request('volume.data', { kind: 'volume', name: 'data', source: { from: 'disk', sizeGiB: 5 } });
  const secret = request('secret.db', { kind: 'secret', name: 'db', source: { from: 'generate', length: 20 } });
  for (const _again of [1, 2]) await createVolume(cloud, volume, call);
  const handle = await createSecret(cloud, secret, call);
  expect(ec2.snapshot().volumes).toHaveLength(1);
  expect(ec2.snapshot().parameters).toHaveLength(1);
  // Where the answer to the deletion was lost, it is gone all the same, and that is proven.
  expect(await releaseSecret(region, aged(secret, handle), call)).toBe('absent');
  expect(ec2.snapshot().parameters).toEqual([]);
});

type Look = (region: Region, targets: readonly Target[], call: Call) => Promise<ReadonlyMap<string, Observation>>;
type Release = (region: Region, target: Target, call: Call) => Promise<'requested' | 'absent'>;

/** What one that was killed may have asked for a moment ago is not said to be absent; what was asked for long ago is. */
async function expectDoubt({ region, call }: DataWorld, target: Target, look: Look, release: Release): Promise<void> {
  const now = call.clock.now();
  for (const [requestedAt, seen, answer] of [
    [now, 'pending', 'requested'],
    [now - 30_000, 'absent', 'absent'],
  ] as const) {
    const asked = { ...target, requestedAt };
    expect([(await look(region, [asked], call)).get(target.key)?.state, await release(region, asked, call)]).toEqual([seen, answer]);
  }
}

it('no disk, secret or schedule is said to be absent a moment after it was asked for', async () => {
  const ec2 = await ec2For();
  const world = dataWorld({ url: ec2.url, settings: { schedulerRole: 'arn:aws:iam::123456789012:role/scheduler' } });
  const { request } = world;
  const volume = request('volume.data', { kind: 'volume', name: 'data', source: { from: 'disk', sizeGiB: 5 } });
  await expectDoubt(world, volume, observeVolumes, releaseVolume);
  const secret = request('secret.db', { kind: 'secret', name: 'db', source: { from: 'generate', length: 20 } });
  await expectDoubt(world, secret, observeSecrets, releaseSecret);
  await expectDoubt(world, request('keeper.keeper', { kind: 'keeper' }), observeKeepers, releaseKeeper);
});

it('what this process was first to want, and has not asked for, is absent at once', async () => {
  const ec2 = await ec2For();
  const { region, call, spin, request } = dataWorld({ url: ec2.url });
  region.asked.settle(spin, call);
  const volume = request('volume.data', { kind: 'volume', name: 'data', source: { from: 'disk', sizeGiB: 5 } });
  expect(await releaseVolume(region, { ...volume, requestedAt: call.clock.now() }, call)).toBe('absent');
});

describeWithMoto('answers that are lost, against moto', (moto) => {
  it('leave one role, one profile, one target group, one rule and one schedule', async () => {
    const { proxy } = moto();
    const { elb, ec2, iam } = clientsOf({ endpoint: proxy.url });
    const listener = await frontListener({ ec2, elb });
    const role = 'arn:aws:iam::123456789012:role/scheduler';
    const { cloud, region, call, spin, request } = dataWorld({ url: proxy.url, settings: { listener, schedulerRole: role } });
    const creating = [
      'CreateRole',
      'CreateInstanceProfile',
      'AddRoleToInstanceProfile',
      'CreateTargetGroup',
      'CreateRule',
      'CreateSchedule',
    ];
    for (const action of creating) proxy.announce({ action, how: 'lost-response' });
    const identity = request('identity.identity', { kind: 'identity', secrets: ['db'] });
    const route = request('route.web', { kind: 'route', service: 'web', expose: { port: 'auto', host: '127.0.0.1' } });
    // What one process could not bring to an end, the next one does.
    const twice = async (make: () => Promise<unknown>): Promise<void> => {
      await make().catch(() => undefined);
      await make();
    };
    await twice(() => createIdentity(cloud, identity, call));
    await twice(() => createRoute(cloud, route, call));
    await twice(() => arm(cloud, spin, endInstances(['i-1']), call.clock.now() + 3_600_000, role, call));
    expect((await iam.send(new ListRolesCommand({ PathPrefix: '/spin/' }))).Roles).toHaveLength(1);
    const profiles = (await iam.send(new ListInstanceProfilesCommand({ PathPrefix: '/spin/' }))).InstanceProfiles;
    expect(profiles?.map(({ Roles }) => Roles?.length)).toEqual([1]);
    expect((await elb.send(new DescribeTargetGroupsCommand({}))).TargetGroups).toHaveLength(1);
    const { Rules = [] } = await elb.send(new DescribeRulesCommand({ ListenerArn: listener }));
    expect(Rules.filter(({ IsDefault }) => IsDefault !== true)).toHaveLength(1);
    expect(await listSchedules(cloud, {}, call)).toHaveLength(1);
    expect(await releaseIdentity(region, identity, call)).toBe('absent');
  });

  it('no role, database or route is said to be absent a moment after it was asked for', async () => {
    const { proxy } = moto();
    const listener = await frontListener(clientsOf({ endpoint: proxy.url }));
    const world = dataWorld({ url: proxy.url, settings: { listener } });
    const { request } = world;
    await expectDoubt(world, request('identity.identity', { kind: 'identity', secrets: ['db'] }), observeIdentities, releaseIdentity);
    const database = { name: 'db', source: { from: 'snapshot', snapshot: 'seed' } } as const;
    await expectDoubt(world, request('database.db', { kind: 'database', database }), observeDatabases, releaseDatabase);
    const route = request('route.web', { kind: 'route', service: 'web', expose: { port: 'auto', host: '127.0.0.1' } });
    await expectDoubt(world, route, observeRoutes, releaseRoute);
  });
});
