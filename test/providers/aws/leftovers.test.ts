import { CreateVolumeCommand, EC2Client } from '@aws-sdk/client-ec2';
import { describe, expect, test } from 'vitest';
import { makeIncarnation } from '../../../src/core/ids.ts';
import { describeWithMoto } from '../../fakes/moto/suite.ts';
import { anotherProcess, check, group, named, owned, planOf, quotaOf, run, type Tagged, withQuota } from './preflight-world.ts';
import { awsWorld, type AwsWorld } from './world.ts';

test('leftovers of an earlier life, and of another state location, are told with what to do', async () => {
  const world = await awsWorld();
  const earlier = makeIncarnation(world.call.clock.now() - 86_400_000);
  await group(world, 'old', owned(world, { incarnation: earlier }));
  expect(named(await check(world, planOf({ name: 'web' })), 'leftovers')).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^sg-\w+ in us-east-1 are left of an earlier web/),
    hint: 'spin down web',
  });
  await run(world, 1, owned(world, { incarnation: earlier, state: 'of-others' }));
  expect(named(await check(world, planOf({ name: 'web' })), 'leftovers')).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^i-\w+ in us-east-1 carry the ID web and are of another state location \(of-others\)/),
    hint: expect.stringContaining('spin adopt web'),
  });
});

test('what the spin itself had, and another state location took over, is told as well', async () => {
  const world = await awsWorld();
  await run(world, 1, owned(world, { state: 'of-others' }));
  expect(named(await check(world, planOf({ name: 'web' })), 'leftovers')).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/^i-\w+ in us-east-1 carry the ID web and are of another state location \(of-others\)/),
    hint: expect.stringContaining('spin adopt web'),
  });
});

test('what the spin itself has is no leftover', async () => {
  const world = await awsWorld();
  await group(world, 'mine', owned(world));
  expect(named(await check(world, planOf({ name: 'web' })), 'leftovers').ok).toBe(true);
});

describe('what carries the ID of a spin', () => {
  const PLAN = planOf({ name: 'web' });
  const earlier = (world: AwsWorld) => owned(world, { incarnation: makeIncarnation(world.call.clock.now() - 86_400_000) });
  const leftovers = async (world: AwsWorld) => named(await check(world, PLAN), 'leftovers');

  test('is asked for once where there is nothing', async () => {
    const world = await awsWorld();
    expect(await leftovers(world)).toMatchObject({ ok: true, detail: 'nothing else carries the ID web' });
    const { DescribeTags, DescribeVolumes, DescribeSecurityGroups } = world.ec2.counts();
    expect([DescribeTags, DescribeVolumes, DescribeSecurityGroups]).toEqual([1, undefined, undefined]);
  });

  test.each<[string, (world: AwsWorld, tags: Tagged) => Promise<void>, RegExp]>([
    ['an instance', (world, tags) => run(world, 1, tags), /^i-\w+ in/],
    [
      'an instance that is stopped',
      async (world, tags) => {
        await run(world, 1, tags);
        for (const { id } of world.living()) world.ec2.outside.shutDown(id);
        expect(world.living().map(({ state }) => state)).toEqual(['stopped']);
      },
      /^i-\w+ in/,
    ],
    ['a volume', volume, /^vol-\w+ in/],
    ['a security group', (world, tags) => group(world, 'old', tags), /^sg-\w+ in/],
  ])('is found, be it %s', async (_what, make, told) => {
    const world = await awsWorld();
    await make(world, earlier(world));
    expect(await leftovers(world)).toMatchObject({ ok: false, detail: expect.stringMatching(told), hint: 'spin down web' });
  });

  test("is in nobody's way once it is terminated, though its tags are still told", async () => {
    const world = await awsWorld();
    await run(world, 1, earlier(world));
    for (const { id } of world.living()) world.ec2.outside.terminate(id);
    expect(await leftovers(world)).toMatchObject({ ok: true });
    expect(world.ec2.counts()).toMatchObject({ DescribeTags: 1, DescribeVolumes: 1, DescribeSecurityGroups: 1 });
  });

  test('is no other ID that begins alike, nor another tag of that value', async () => {
    const world = await awsWorld();
    await group(world, 'alike', { ...earlier(world), 'spin:id': 'web-2' });
    await group(world, 'other', { owner: 'web' });
    expect(await leftovers(world)).toMatchObject({ ok: true });
    expect(world.ec2.counts()['DescribeSecurityGroups']).toBeUndefined();
    const [asked] = world.ec2.calls.filter(({ action }) => action === 'DescribeTags');
    // A region of others has thousands of tags.
    expect(asked?.input).toMatchObject({ Filters: expect.arrayContaining([{ Name: 'value', Values: ['web'] }]) });
  });

  test('is looked for in the lists where an emulator cannot tell tags', async () => {
    const world = await awsWorld();
    await group(world, 'old', earlier(world));
    world.ec2.script({
      action: 'DescribeTags',
      times: 'always',
      fault: { kind: 'error', status: 400, code: 'InvalidAction', message: 'no' },
    });
    expect(await leftovers(world)).toMatchObject({ ok: false, hint: 'spin down web' });
  });

  test('is not said to be nothing where AWS does not tell', async () => {
    const world = await awsWorld();
    world.ec2.script({ action: 'DescribeTags', times: 'always', fault: 'denied' });
    expect(await leftovers(world)).toMatchObject({ ok: false, hint: expect.stringContaining('docs/aws-iam.md') });
    expect(world.region.asked.isFirst({ ...world.firewall('web'), requestedAt: world.call.clock.now() })).toBe(false);
  });
});

test('a quota counts nothing that is stopped', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(8));
  await run(world, 2, {});
  const [one] = world.living();
  world.ec2.outside.shutDown(one?.id ?? '');
  const checks = await check(anotherProcess(world), planOf({ name: 'web' }));
  expect(named(checks, 'quota L-1216C47A').detail).toMatch(/^2 vCPUs are wanted, 2 of 8 are in use/);
});

describeWithMoto('leftovers, against moto', (moto) => {
  test('are found by their tags, and by no others', async () => {
    const { proxy } = moto();
    const world = anotherProcess(await awsWorld(), { AWS_ENDPOINT_URL: proxy.url });
    const incarnation = makeIncarnation(world.call.clock.now() - 86_400_000);
    await group(world, 'alike', { ...owned(world, { incarnation }), 'spin:id': 'web-2' });
    const plan = planOf({ name: 'web' });
    expect(named(await check(world, plan), 'leftovers')).toMatchObject({ ok: true });
    expect(proxy.counts()['ec2:DescribeSecurityGroups']).toBeUndefined();
    await group(world, 'old', owned(world, { incarnation }));
    expect(named(await check(world, plan), 'leftovers')).toMatchObject({ ok: false, detail: expect.stringMatching(/^sg-\w+ in/) });
  });
});

async function volume(world: AwsWorld, tags: Tagged): Promise<void> {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const TagSpecifications = [{ ResourceType: 'volume' as const, Tags }];
  await world.cloud.send(EC2Client, new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: 1, TagSpecifications }), world.call);
}
