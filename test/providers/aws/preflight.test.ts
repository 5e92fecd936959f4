import { DescribeInstancesCommand, DescribeSubnetsCommand, EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { expect, test, vi } from 'vitest';
import { makeIncarnation } from '../../../src/core/ids.ts';
import { createClouds } from '../../../src/providers/aws/client/clouds.ts';
import { describeWithMoto } from '../../fakes/moto/suite.ts';
import { askAddressesAhead } from '../../../src/providers/aws/preflight/addresses.ts';
import { askLaunchAhead } from '../../../src/providers/aws/preflight/launch.ts';
import { askQuotasAhead } from '../../../src/providers/aws/preflight/quota.ts';
import { launchesOf } from '../../../src/providers/aws/preflight/services.ts';
import { check, CLOUD, named, owned, planOf, quotaOf, run, withQuota } from './preflight-world.ts';
import { ACCOUNT, awsWorld, REGION } from './world.ts';

test('a plan that can be carried out passes every check, and nothing is made', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  const checks = await check(world, planOf({ name: 'web', replicas: 2 }));
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(checks.map(({ name }) => name)).toEqual([
    'credentials',
    'image of web',
    'instance types of web',
    'addresses',
    'quota L-1216C47A',
    'permission',
    'leftovers',
  ]);
  expect(named(checks, 'credentials').detail).toBe(`account ${ACCOUNT}, region ${REGION}`);
  expect(named(checks, 'instance types of web').detail).toMatch(/^t3\.micro in us-east-1a, us-east-1b, us-east-1c/);
  expect(named(checks, 'quota L-1216C47A').detail).toMatch(/^4 vCPUs are wanted, 0 of 32 are in use/);
  expect(world.living()).toEqual([]);
  expect(Object.keys(world.ec2.counts()).filter((action) => /^(Create|Delete|Terminate)/.test(action))).toEqual([]);
});

test('it asks in two rounds, and only about the spin itself when another follows in the same process', async () => {
  const latencyMs = 400;
  const world = await withQuota(await awsWorld({ ec2: { latencyMs } }), quotaOf(32));
  await check(world, planOf({ name: 'web' }));
  const times = world.ec2.calls.map(({ at }) => at);
  // The second round begins one answer after the first, a third would begin two after it.
  expect(Math.max(...times) - Math.min(...times)).toBeLessThan(2 * latencyMs);
  // Takes every token of the bucket, which needs two seconds to be full again.
  const dry = () =>
    world.cloud.send(EC2Client, new RunInstancesCommand({ DryRun: true, MinCount: 1, MaxCount: 1 }), world.call).catch(() => {});
  await Promise.all([dry(), dry(), dry(), dry()]);
  const before = world.ec2.calls.length;
  const again = await check({ ...world, spin: { ...world.spin, incarnation: makeIncarnation(1) } }, planOf({ name: 'web' }));
  expect(
    world.ec2.calls
      .slice(before)
      .map(({ action }) => action)
      .toSorted(),
  ).toEqual(['DescribeInstances', 'DescribeSubnets', 'DescribeTags']);
  // The bucket belongs to launches.
  expect(named(again, 'permission')).toMatchObject({
    ok: true,
    detail: expect.stringMatching(/^unknown: .*it was asked for a moment ago/),
  });
});

test('an image for another processor is told, with what would do', async () => {
  const world = await awsWorld();
  const checks = await check(world, planOf({ name: 'web', cloud: { ...CLOUD, instanceTypes: ['t4g.micro', 'c7g.large'] } }));
  expect(named(checks, 'image of web')).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/x86_64, which t4g\.micro and c7g\.large cannot run/),
    hint: expect.stringContaining('arm64'),
  });
});

test('types that no zone offers are told; one that only some lack is not a failure', async () => {
  const world = await awsWorld();
  const checks = await check(
    world,
    planOf(
      { name: 'web', cloud: { ...CLOUD, instanceTypes: ['m7i.large'] } },
      { name: 'odd', cloud: { ...CLOUD, instanceTypes: ['z9.huge'] } },
    ),
  );
  expect(named(checks, 'instance types of web')).toMatchObject({
    ok: true,
    detail: expect.stringMatching(/^m7i\.large in us-east-1a, us-east-1b \(/),
  });
  expect(named(checks, 'instance types of odd')).toEqual({
    name: 'instance types of odd',
    ok: false,
    detail: 'z9.huge is no instance type of us-east-1',
    hint: 'correct instanceTypes, or choose another region',
  });
  const Filters = [{ Name: 'availability-zone', Values: ['us-east-1c'] }];
  const { Subnets } = await world.cloud.send(EC2Client, new DescribeSubnetsCommand({ Filters }), world.call);
  const away = await awsWorld({ settings: { subnets: [Subnets?.[0]?.SubnetId ?? ''] } });
  const wanted = planOf({ name: 'web', cloud: { ...CLOUD, instanceTypes: ['m7i.large', 'z9.huge'] } });
  expect(named(await check(away, wanted), 'instance types of web')).toMatchObject({
    ok: false,
    detail: 'm7i.large only in us-east-1a, us-east-1b; z9.huge is no instance type of us-east-1 (subnets are in us-east-1c)',
  });
});

test('an image that is not there fails', async () => {
  const world = await awsWorld();
  const checks = await check(world, planOf({ name: 'web', cloud: { ...CLOUD, image: 'ami-0000000000000000f' } }));
  expect(named(checks, 'image of web')).toMatchObject({ ok: false, hint: expect.any(String) });
});

test('a quota counts what runs, but not the instances of the spin itself', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(8));
  await run(world, 2, {});
  const tight = await check(world, planOf({ name: 'web', replicas: 3 }));
  expect(named(tight, 'quota L-1216C47A')).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^6 vCPUs are wanted, 4 of 8 are in use/),
  });
  await run(world, 1, owned(world));
  const own = await check(world, planOf({ name: 'web', replicas: 2 }));
  expect(named(own, 'quota L-1216C47A')).toMatchObject({
    ok: true,
    detail: expect.stringMatching(/^4 vCPUs are wanted, 4 of 8 are in use/),
  });
});

test('a quota that cannot be had is unknown, which is no failure, and what runs is not asked for', async () => {
  const page = { status: 500, body: '<html></html>', headers: { 'content-type': 'text/html' } } as const;
  const world = await withQuota(await awsWorld(), page);
  const checks = await check(world, planOf({ name: 'web' }));
  expect(named(checks, 'quota L-1216C47A')).toMatchObject({
    ok: true,
    detail: expect.stringMatching(/^unknown: .*servicequotas:GetServiceQuota/),
  });
  expect(world.ec2.counts()['DescribeInstances']).toBeUndefined();
});

test('a plan that launches nothing, as the doctor has it, is in the way of nobody and needs no address', async () => {
  const world = await awsWorld();
  await run(world, 1, owned(world, { incarnation: makeIncarnation(1) }));
  expect((await check(world, planOf())).map(({ name }) => name)).toEqual(['credentials']);
});

test('too few addresses are told', async () => {
  const world = await awsWorld();
  const checks = await check(world, planOf({ name: 'web', replicas: 100_000 }));
  expect(named(checks, 'addresses')).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^100000 are needed, 12273 are free in subnet-/),
  });
  expect(named(await check(world, planOf({ name: 'web' })), 'addresses').detail).toMatch(/^1 is needed, /);
});

test('a launch that is not allowed is told, with the policy that allows it', async () => {
  const world = await awsWorld();
  world.ec2.script({ action: 'RunInstances', times: 'always', fault: 'denied' });
  const checks = await check(world, planOf({ name: 'web' }));
  expect(named(checks, 'permission')).toMatchObject({ ok: false, hint: expect.stringContaining('docs/aws-iam.md') });
});

test('keys that are wrong are not told to be given a right', async () => {
  const world = await awsWorld();
  world.ec2.script({
    action: 'RunInstances',
    times: 'always',
    fault: { kind: 'error', code: 'AuthFailure', message: 'could not be validated', status: 401 },
  });
  expect(named(await check(world, planOf({ name: 'web' })), 'permission')).toMatchObject({
    ok: false,
    hint: expect.stringMatching(/get-caller-identity/),
  });
});

test('a dry run stands back where real launches have to wait', async () => {
  const world = await awsWorld();
  const launches = Array.from({ length: 6 }, () => run(world, 1, {}));
  const checks = await check(world, planOf({ name: 'web' }));
  expect(named(checks, 'permission')).toMatchObject({
    ok: true,
    detail: expect.stringMatching(/^unknown: .*it was asked for a moment ago/),
  });
  await Promise.all(launches);
});

test('a dry run that stood back when it was asked for ahead is not a round of its own later', async () => {
  const world = await awsWorld();
  const dry = () =>
    world.cloud.send(EC2Client, new RunInstancesCommand({ DryRun: true, MinCount: 1, MaxCount: 1 }), world.call).catch(() => {});
  await Promise.all([dry(), dry(), dry(), dry()]);
  const plan = planOf({ name: 'web' });
  const [launch] = launchesOf(plan, world.options.settings);
  if (launch === undefined) throw new Error('the plan launches nothing');
  askLaunchAhead(world.cloud, world.spin.id, launch, world.call);
  // By then the bucket is full again.
  await world.call.clock.sleep(4_000);
  const before = world.ec2.calls.length;
  const checks = await check(world, plan);
  expect(world.ec2.calls.slice(before).map(({ action }) => action)).not.toContain('RunInstances');
  expect(named(checks, 'permission')).toMatchObject({
    ok: true,
    detail: expect.stringMatching(/^unknown: .*it was asked for a moment ago/),
  });
});

test('nothing is refused for what ran, or had an address, only when that was asked for ahead', async () => {
  // As many as there are addresses, and the quota that they need.
  const [replicas, vcpus] = [12_273, 24_546];
  const world = await withQuota(await awsWorld(), quotaOf(vcpus));
  await run(world, 1, {});
  const plan = planOf({ name: 'web', replicas });
  askAddressesAhead(world.cloud, world.call);
  const facts = askQuotasAhead(world.cloud, launchesOf(plan, world.options.settings), world.call);
  await vi.waitFor(() => expect(world.ec2.counts()).toMatchObject({ DescribeSubnets: 1, DescribeInstances: 1 }));
  await Promise.all(facts);
  for (const { id } of world.living()) world.ec2.outside.terminate(id);
  const checks = await check(world, plan);
  expect(named(checks, 'addresses')).toMatchObject({ ok: true, detail: expect.stringMatching(/^12273 are needed, 12273 are free/) });
  expect(named(checks, 'quota L-1216C47A')).toMatchObject({ ok: true, detail: expect.stringMatching(/ 0 of 24546 are in use/) });
});

test('without credentials there is one check, which says what to do', async () => {
  const world = await awsWorld();
  const cloud = createClouds({ ...world.options, env: { ...world.options.env, AWS_ACCESS_KEY_ID: undefined } }).in(REGION);
  expect(await check({ ...world, cloud }, planOf({ name: 'web' }))).toEqual([
    { name: 'credentials', ok: false, detail: expect.stringMatching(/no AWS credentials.*aws sso login/), hint: expect.any(String) },
  ]);
});

test('an account that the config does not list, or that the spin does not live in, is told', async () => {
  const world = await awsWorld({ settings: { accounts: ['999999999999'] } });
  const [refused] = await check(world, planOf({ name: 'web' }));
  expect(refused).toMatchObject({ name: 'credentials', ok: false, detail: expect.stringContaining('999999999999') });
  const other = await awsWorld();
  const [guarded] = await check({ ...other, spin: { ...other.spin, place: { account: '888888888888' } } }, planOf({ name: 'web' }));
  expect(guarded).toMatchObject({ ok: false, detail: expect.stringContaining('888888888888') });
});

test('it stops with its command', async () => {
  const world = await awsWorld({ ec2: { latencyMs: 5_000 } });
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error('enough')), 50);
  await expect(check({ ...world, call: { ...world.call, signal: stop.signal } }, planOf({ name: 'web' }))).rejects.toThrow('enough');
});

describeWithMoto('preflight, against moto', (moto) => {
  test('passes, and makes nothing', async () => {
    const { proxy } = moto();
    const world = await awsWorld();
    const env = { ...world.options.env, AWS_ENDPOINT_URL: proxy.url };
    const cloud = createClouds({ ...world.options, env, settings: { ...world.options.settings, image: 'ami-12c6146b' } }).in(REGION);
    const checks = await check({ ...world, cloud }, planOf({ name: 'web' }));
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(named(checks, 'quota L-1216C47A').detail).toMatch(/^2 vCPUs are wanted, 0 of 1152 are in use/);
    expect(named(checks, 'instance types of web').detail).toMatch(/^t3\.micro in us-east-1a/);
    const { Reservations } = await cloud.send(EC2Client, new DescribeInstancesCommand({}), world.call);
    expect(Reservations).toEqual([]);
  });
});
