import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeSecurityGroupsCommand,
  EC2Client,
  RevokeSecurityGroupIngressCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, test } from 'vitest';
import { makeIncarnation } from '../../../src/core/ids.ts';
import { OWNED } from '../../../src/core/tags.ts';
import type { CreateRequest } from '../../../src/providers/provider.ts';
import { releaseFirewall } from '../../../src/providers/aws/network/firewalls.ts';
import { openRegion } from '../../../src/providers/aws/region.ts';
import { awsWorld, type AwsWorld, launch } from './world.ts';

const EXPOSED = { exposeTo: ['203.0.113.0/24', '2001:db8::/32'] };

describe('the firewall of a service', () => {
  test('is closed but for who needs it, and for where its health is checked from', async () => {
    const world = await awsWorld({ settings: { ...EXPOSED, checkFrom: ['192.0.2.0/24'] } });
    await makeBoth(world);
    expect(await rules(world)).toEqual({
      'firewall.db@1': ['tcp 5432 192.0.2.0/24', 'tcp 5432 firewall.web@1'],
      'firewall.web@1': ['tcp 8080 192.0.2.0/24', 'tcp 8080 2001:db8::/32', 'tcp 8080 203.0.113.0/24'],
    });
  });

  test('made twice, or by another process, is one group with each right once', async () => {
    const world = await awsWorld({ settings: EXPOSED });
    const requests = await makeBoth(world);
    const once = await rules(world);
    for (const request of requests) await world.another().create(request, world.call);
    for (const request of requests) await world.another().create({ ...request, handle: { group: 'known' } }, world.call);
    expect(await rules(world)).toEqual(once);
    expect(world.ec2.snapshot().made['security-group']).toBe(2);
  });

  test('that another state location took over stays', async () => {
    const world = await awsWorld({ settings: EXPOSED });
    const [, web] = await makeBoth(world);
    const theirs = openRegion({ ...world.cloud, options: { ...world.options, stateTag: 'theirs' } }, world.call);
    await expect(releaseFirewall(theirs, web, world.call)).rejects.toMatchObject({ kind: 'denied', class: 'other-state' });
    expect(Object.keys(await rules(world))).toContain('firewall.web@1');
    expect(await world.provider.release(web, 1, world.call)).toBe('absent');
  });

  test('that lost a right is stalled, and gets it back', async () => {
    const world = await awsWorld({ settings: EXPOSED });
    const [db, web] = await makeBoth(world);
    const before = await rules(world);
    await revokeAll(world, db);
    expect(await world.observe(web, world.another())).toMatchObject({ state: 'pending', stalled: true });
    await world.provider.create({ ...web, handle: { group: 'known' } }, world.call);
    expect(await world.observe(web)).toMatchObject({ state: 'running' });
    await world.provider.create({ ...db, handle: { group: 'known' } }, world.call);
    expect(await rules(world)).toEqual(before);
  });

  test('is closed to whom the config does not let in any more, and to nobody else', async () => {
    const world = await awsWorld({ settings: { ...EXPOSED, checkFrom: ['192.0.2.0/24'] } });
    const [db, web] = await makeBoth(world);
    await letIn(world, web, '198.51.100.7/32');
    const tight = world.another({ exposeTo: ['203.0.113.0/24'], checkFrom: [] });
    const seen = await tight.observe([db, web], world.call);
    expect([...seen.values()].map(({ state, stalled }) => [state, stalled])).toEqual([
      ['pending', true],
      ['pending', true],
    ]);
    for (const request of [db, web]) await tight.create({ ...request, handle: { group: 'known' } }, world.call);
    // What a person added stays, and so does the right of the client.
    expect(await rules(world)).toEqual({
      'firewall.db@1': ['tcp 5432 firewall.web@1'],
      'firewall.web@1': ['tcp 8080 198.51.100.7/32', 'tcp 8080 203.0.113.0/24'],
    });
    const after = await tight.observe([db, web], world.call);
    expect([...after.values()].map(({ state }) => state)).toEqual(['running', 'running']);
  });

  test('costs one question, and one more for all rules where somebody is let in who is not of the spin', async () => {
    // AWS writes ranges in its own way.
    const world = await awsWorld({ settings: { exposeTo: ['203.0.113.77/24', '2001:0DB8::/32'] } });
    const [db, web] = await makeBoth(world);
    const asked = async () => {
      const before = world.ec2.calls.length;
      const seen = await world.another().observe([db, web], world.call);
      expect([...seen.values()].map(({ state }) => state)).toEqual(['running', 'running']);
      return world.ec2.calls.slice(before).map(({ action }) => action);
    };
    expect(await asked()).toEqual(['DescribeSecurityGroups']);
    await letIn(world, web, '198.51.100.7/32');
    await letIn(world, db, '198.51.100.7/32');
    expect(await asked()).toEqual(['DescribeSecurityGroups', 'DescribeSecurityGroupRules']);
  });

  test('takes its rights in others back before it goes, and goes although others refer to it', async () => {
    const world = await awsWorld({ settings: EXPOSED });
    const [db, web] = await makeBoth(world);
    expect(await world.provider.release(web, 1, world.call)).toBe('absent');
    expect(await rules(world)).toEqual({ 'firewall.db@1': ['tcp 5432 127.0.0.0/8'] });
    expect(await world.provider.release(db, 1, world.call)).toBe('absent');
    expect(world.ec2.snapshot().groups).toEqual([]);
  });

  test('names what holds it, and is asked to go again until it is free', async () => {
    const world = await awsWorld({ ec2: { stoppingMs: 500 } });
    const service = await launch(world, world.service({ name: 'web' }));
    const firewall = world.firewall('web', { port: 'none' });
    const [machine] = world.living();
    expect(await world.provider.release(firewall, 1, world.call)).toBe('requested');
    const seen = await world.until(firewall, ({ stalled }) => stalled === true);
    expect(seen).toMatchObject({ state: 'stopping' });
    expect(seen.reason).toMatch(new RegExp(`still used by network interface eni-\\w+ of ${machine?.id}`));
    await world.provider.release(service, 1, world.call);
    while ((await world.provider.release(firewall, 1, world.call)) !== 'absent') {
      await world.until(firewall, ({ stalled, state }) => stalled === true || state === 'absent');
    }
    expect(world.ec2.snapshot().groups).toEqual([]);
  });

  test('of somebody else with its name is not taken', async () => {
    const world = await awsWorld();
    const request = world.firewall('web');
    await world.provider.create(request, world.call);
    const foreign = { ...request, tags: { ...request.tags, 'spin:incarnation': 'x' } };
    const other = await awsWorld();
    await other.provider.create({ ...foreign, spin: other.spin }, other.call);
    await expect(other.another().create({ ...request, spin: other.spin }, other.call)).rejects.toMatchObject({ class: 'other-owner' });
  });

  test('is not said to be gone because it is not shown yet', async () => {
    const world = await awsWorld({ ec2: { visibleMs: 500 } });
    const request = world.firewall('web', { open: false, port: 'none' });
    const handle = await world.provider.create(request, world.call);
    expect((await world.observe({ ...request, handle }, world.another())).state).toBe('pending');
    // Whoever made it was told by AWS that it is there.
    expect((await world.observe({ ...request, handle })).state).toBe('running');
    while ((await world.provider.release({ ...request, handle }, 1, world.call)) !== 'absent')
      await world.provider.nextChange(world.spin, 50, world.call);
    expect(world.ec2.snapshot().groups).toEqual([]);
  });

  test('that was not shown when it was asked to go is asked for again once it is', async () => {
    const world = await awsWorld({ ec2: { visibleMs: 500 } });
    const spin = { ...world.spin, incarnation: makeIncarnation(world.call.clock.now()) };
    const request = world.firewall('web', { open: false, port: 'none' });
    const young = { ...request, spin, tags: { ...request.tags, [OWNED.incarnation]: spin.incarnation } };
    await world.provider.create(young, world.call);
    // Of another process, which was killed before it knew.
    const other = world.another();
    expect(await other.release(young, 1, world.call)).toBe('requested');
    while ((await world.observe(young, other)).stalled !== true) await other.nextChange(spin, 50, world.call);
    while ((await other.release(young, 1, world.call)) !== 'absent') await other.nextChange(spin, 50, world.call);
    expect(world.ec2.snapshot().groups).toEqual([]);
  });

  test('needs a VPC with default subnets, or subnets that are named', async () => {
    const world = await awsWorld({ settings: { subnets: ['subnet-0123456789abcdef0'] } });
    await expect(world.provider.create(world.firewall('web'), world.call)).rejects.toMatchObject({ class: 'InvalidSubnetID.NotFound' });
  });
});

async function makeBoth(world: AwsWorld): Promise<readonly [CreateRequest, CreateRequest]> {
  const db = world.firewall('db', { port: 5_432 });
  const web = world.firewall('web', {
    open: true,
    port: 'auto',
    reaches: [
      { service: 'db', port: 5_432 },
      { service: 'silent', port: 'none' },
    ],
    needs: ['firewall.db@1', 'firewall.silent@1'],
  });
  await world.provider.create(db, world.call);
  await world.provider.create(web, world.call);
  return [db, web];
}

/** Rules of every group by the key of its firewall, in words. */
async function rules(world: AwsWorld): Promise<Readonly<Record<string, readonly string[]>>> {
  const { SecurityGroups } = await world.cloud.send(EC2Client, new DescribeSecurityGroupsCommand({}), world.call);
  const ours = (SecurityGroups ?? []).filter(({ GroupName }) => GroupName !== 'default');
  const keyOf = (id: string | undefined) =>
    ours.find(({ GroupId }) => GroupId === id)?.Tags?.find(({ Key }) => Key === 'spin:resource')?.Value ?? String(id);
  return Object.fromEntries(
    ours
      .map(({ GroupId, IpPermissions }) => {
        const words = (IpPermissions ?? []).flatMap(({ IpProtocol, FromPort, IpRanges, Ipv6Ranges, UserIdGroupPairs }) =>
          [
            ...(IpRanges ?? []).map(({ CidrIp }) => CidrIp),
            ...(Ipv6Ranges ?? []).map(({ CidrIpv6 }) => CidrIpv6),
            ...(UserIdGroupPairs ?? []).map((pair) => keyOf(pair.GroupId)),
          ].map((from) => `${IpProtocol} ${FromPort} ${from}`),
        );
        return [keyOf(GroupId), words.toSorted()] as const;
      })
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

async function groupOf(world: AwsWorld, { key }: CreateRequest) {
  const command = new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'tag:spin:resource', Values: [key] }] });
  return (await world.cloud.send(EC2Client, command, world.call)).SecurityGroups?.[0];
}

/** What a person does by hand. */
async function letIn(world: AwsWorld, firewall: CreateRequest, CidrIp: string): Promise<void> {
  const GroupId = (await groupOf(world, firewall))?.GroupId;
  const IpPermissions = [{ IpProtocol: 'tcp', FromPort: 8_080, ToPort: 8_080, IpRanges: [{ CidrIp }] }];
  await world.cloud.send(EC2Client, new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }), world.call);
}

async function revokeAll(world: AwsWorld, firewall: CreateRequest): Promise<void> {
  const group = await groupOf(world, firewall);
  const revoke = new RevokeSecurityGroupIngressCommand({ GroupId: group?.GroupId, IpPermissions: group?.IpPermissions });
  await world.cloud.send(EC2Client, revoke, world.call);
}
