import { describe, expect, test, vi } from 'vitest';
import { makeIncarnation } from '../../../src/core/ids.ts';
import { buildPlan } from '../../../src/plan/build.ts';
import type { CreateRequest, Provider, SpinRef } from '../../../src/providers/provider.ts';
import type { Spec } from '../../../src/spec/spec.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { awsWorld, type AwsWorld, serviceSpec } from './world.ts';

const SPEC: Spec = {
  name: 'web',
  provider: 'aws',
  ttlMs: 3_600_000,
  owner: 'ada',
  tags: {},
  budget: {},
  secrets: {},
  volumes: {},
  databases: {},
  services: { web: serviceSpec({ name: 'web' }) },
  baseDir: '/',
};

/** So long that what is sent together arrives together, however busy the machine. */
const ROUND_MS = 1_500;

describe('a first up', () => {
  test('reads all at once but for an image that an alias leads to, and then asks for nothing that it knows', async () => {
    // What has no endpoint here is refused at once, so that only the double is waited for.
    const world = await awsWorld({ clock: systemClock, ec2: { latencyMs: ROUND_MS }, settings: { image: IMAGE, prices: PRICES } });
    const { spin, checks } = await begin(world, world.provider);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    const times = world.ec2.calls.map(({ at }) => at);
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(2 * ROUND_MS);
    const late = world.ec2.calls.filter(({ at }) => at - Math.min(...times) >= ROUND_MS).map(({ action }) => action);
    expect(late.toSorted()).toEqual(['DescribeImages', 'RunInstances']);

    const read = world.ec2.calls.length;
    const { firewall, service } = requestsOf(world, spin);
    await world.provider.create(firewall, world.call);
    expect(await world.observe(firewall)).toMatchObject({ state: 'running' });
    const handle = await world.provider.create(service, world.call);
    expect(await world.observe({ ...service, handle })).toMatchObject({ state: 'running' });
    const made = world.ec2.calls.slice(read).map(({ action }) => action);
    expect(made).toEqual(['CreateSecurityGroup', 'RunInstances', 'DescribeInstances']);
  });

  test('asks for no status checks of what turned to run a moment ago', async () => {
    const world = await awsWorld({ settings: { image: IMAGE, prices: PRICES } });
    const { spin } = await begin(world, world.provider);
    const { firewall, service } = requestsOf(world, spin);
    await world.provider.create(firewall, world.call);
    const handle = await world.provider.create(service, world.call);
    world.ec2.outside.impair(world.living()[0]?.id ?? '');
    expect(await world.observe({ ...service, handle })).toMatchObject({ state: 'running' });
    expect(world.ec2.counts()).not.toHaveProperty('DescribeInstanceStatus');
    await world.ec2.advance(6_000);
    expect(await world.observe({ ...service, handle })).toMatchObject({ state: 'pending', instances: [{ state: 'unhealthy' }] });
  });

  test.for(['by another process', 'a while ago'])('asks for the status checks of what was launched %s', async (launched) => {
    const world = await awsWorld({ settings: { image: IMAGE, prices: PRICES } });
    const { spin } = await begin(world, world.provider);
    const { firewall, service } = requestsOf(world, spin);
    await world.provider.create(firewall, world.call);
    if (launched === 'by another process') await world.another().create(service, world.call);
    // Not the first of its key any more: this one looks whether it has been launched.
    if (launched === 'by another process') await world.call.clock.sleep(1_000);
    const handle = await world.provider.create(service, world.call);
    if (launched === 'a while ago') await world.ec2.advance(6_000);
    world.ec2.outside.impair(world.living()[0]?.id ?? '');
    expect(await world.observe({ ...service, handle })).toMatchObject({ state: 'pending', instances: [{ state: 'unhealthy' }] });
  });

  test('looks before it launches where an earlier process may have launched', async () => {
    const world = await awsWorld({ settings: { image: IMAGE, prices: PRICES } });
    const written = world.call.clock.now();
    await world.call.clock.sleep(1_000);
    const { spin } = await begin(world, world.provider);
    const { firewall, service } = requestsOf(world, spin);
    await world.provider.create(firewall, world.call);
    const read = world.ec2.calls.length;
    await world.provider.create({ ...service, requestedAt: written }, world.call);
    expect(world.ec2.calls.slice(read).map(({ action }) => action)).toEqual(['DescribeInstances', 'RunInstances']);
  });

  test('looks before it launches again, whatever became of its first request', async () => {
    const world = await awsWorld({ settings: { image: IMAGE, prices: PRICES } });
    const { spin } = await begin(world, world.provider);
    const { firewall, service } = requestsOf(world, spin);
    await world.provider.create(firewall, world.call);
    for (const round of ['first', 'again']) {
      const read = world.ec2.calls.length;
      await world.provider.create(service, world.call);
      expect([round, world.ec2.calls.slice(read).map(({ action }) => action)]).toEqual([
        round,
        round === 'first' ? ['RunInstances'] : ['DescribeInstances'],
      ]);
    }
    expect(world.living()).toHaveLength(1);
  });

  test('looks before it launches where something carries the ID already', async () => {
    const world = await awsWorld({ settings: { image: IMAGE, prices: PRICES } });
    const { spin } = await begin(world, world.another());
    const { firewall, service } = requestsOf(world, spin);
    await world.another().create(firewall, world.call);
    await world.another().create(service, world.call);
    await world.provider.preflight(spin, buildPlan(SPEC, world.provider), world.call);
    const read = world.ec2.calls.length;
    await world.provider.create({ ...service, requestedAt: world.call.clock.now() }, world.call);
    expect(world.ec2.calls.slice(read).map(({ action }) => action)).toContain('DescribeInstances');
    expect(world.living()).toHaveLength(1);
  });

  test('says what is refused where it is needed, though it was asked ahead', async () => {
    const world = await awsWorld({ settings: { image: 'ami-0000000000000000f', prices: PRICES } });
    const { checks } = await begin(world, world.provider);
    expect(checks.find(({ name }) => name === 'image of web')).toMatchObject({ ok: false });
  });

  test('does not believe what was asked ahead of the end of an earlier life', async () => {
    const world = await awsWorld({ settings: { image: IMAGE, prices: PRICES } });
    const { firewall } = requestsOf(world, world.spin);
    await world.provider.create(firewall, world.call);
    const other = world.another();
    await other.quote(SPEC, world.call);
    const place = await other.locate(SPEC, world.call);
    for (;;) {
      const found = await other.inventory({ id: world.spin.id }, world.call);
      if (found.length === 0) break;
      await other.reclaim(found, world.call);
    }
    const spin = { ...world.spin, incarnation: makeIncarnation(world.call.clock.now()), place };
    const checks = await other.preflight(spin, buildPlan(SPEC, other), world.call);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  });

  test('is not refused for what another command has ended since it was asked ahead', async () => {
    const world = await awsWorld({ settings: { image: IMAGE, prices: PRICES } });
    const { firewall } = requestsOf(world, world.spin);
    await world.provider.create(firewall, world.call);
    const waiting = world.another();
    const place = await waiting.locate(SPEC, world.call);
    await vi.waitFor(() => expect(world.ec2.counts()).toHaveProperty('DescribeSecurityGroups'));
    const found = await world.provider.inventory({ id: world.spin.id }, world.call);
    expect(await world.provider.reclaim(found, world.call)).toBe('absent');
    const spin = { ...world.spin, incarnation: makeIncarnation(world.call.clock.now()), place };
    const checks = await waiting.preflight(spin, buildPlan(SPEC, waiting), world.call);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  });

  test('finds what carries another ID than the name of the spec', async () => {
    const world = await awsWorld({ settings: { image: IMAGE, prices: PRICES } });
    const { firewall } = requestsOf(world, world.spin);
    await world.provider.create(firewall, world.call);
    await world.provider.locate({ ...SPEC, name: 'other' }, world.call);
    const spin = { ...world.spin, incarnation: makeIncarnation(world.call.clock.now()) };
    const checks = await world.provider.preflight(spin, buildPlan(SPEC, world.provider), world.call);
    expect(checks.find(({ name }) => name === 'leftovers')).toMatchObject({ ok: false });
  });
});

const IMAGE = 'resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64';
const PRICES = { 't3.micro': 1, 'disk-gib-month': 1 };

/** What `up` asks of a provider before it makes anything. */
async function begin(world: AwsWorld, provider: Provider) {
  await provider.quote(SPEC, world.call);
  const place = await provider.locate(SPEC, world.call);
  const spin: SpinRef = { ...world.spin, incarnation: makeIncarnation(world.call.clock.now()), place };
  const checks = await provider.preflight(spin, buildPlan(SPEC, provider), world.call);
  return { spin, checks };
}

function requestsOf(world: AwsWorld, spin: SpinRef): { readonly firewall: CreateRequest; readonly service: CreateRequest } {
  const requestedAt = world.call.clock.now();
  const own = (request: CreateRequest): CreateRequest => ({
    ...request,
    spin,
    requestedAt,
    token: `${request.token.slice(0, 20)}${spin.incarnation.slice(-12)}`,
    tags: { ...request.tags, 'spin:incarnation': spin.incarnation },
  });
  return { firewall: own(world.firewall('web', { port: 'none' })), service: own(world.service({ name: 'web' })) };
}
