import { EC2Client, RunInstancesCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';
import { OWNED } from '../../../src/core/tags.ts';
import { paceOf } from '../../../src/providers/aws/pace.ts';
import { ORDINALS } from '../../../src/providers/aws/instances/ordinals.ts';
import { awsWorld, launch, REGION } from './world.ts';

describe('looking at many machines', () => {
  test('two hundred spins in one process ask as one does, and each sees its own', async () => {
    const world = await awsWorld({ ec2: { latencyMs: 20 } });
    const spins = Array.from({ length: 200 }, (_, index) => ({
      ...world.spin,
      id: parseSpinId(`spin-${index}`),
      incarnation: makeIncarnation(index),
    }));
    const requests = spins.map((spin) => {
      const request = world.service({ name: 'web' }, { needs: [] });
      const tags = { ...request.tags, [OWNED.id]: spin.id, [OWNED.incarnation]: spin.incarnation };
      return { ...request, spin, token: `token-${spin.id}`, tags };
    });
    // By hand: through the token bucket of RunInstances, so many launches take minutes.
    const hand = new EC2Client({ endpoint: world.ec2.url, region: REGION, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
    onTestFinished(() => hand.destroy());
    await Promise.all(requests.map(({ tags }) => hand.send(new RunInstancesCommand(launchOf(tags)))));
    world.ec2.clear('calls');
    const other = world.another();
    const seen = await Promise.all(requests.map((request) => other.observe([request], world.call)));
    expect(seen.every((answer) => answer.get('service.web@1')?.state === 'running')).toBe(true);
    const machines = seen.map((answer) => answer.get('service.web@1')?.instances[0]?.runsAs);
    expect(new Set(machines).size).toBe(200);
    // Two, as whoever asks while a question is under way waits for the next; status checks take a hundred IDs each.
    expect(world.ec2.counts()['DescribeInstances']).toBeLessThanOrEqual(2);
    expect(world.ec2.counts()['DescribeInstanceStatus']).toBeLessThanOrEqual(4);
  });

  test('a list that lacks what was launched a moment ago is not believed', async () => {
    const world = await awsWorld({ ec2: { visibleMs: 5_000 } });
    await world.provider.create(world.firewall('web', { port: 'none' }), world.call);
    await world.ec2.advance(6_000);
    const web = await launch(world, world.service({ name: 'web', replicas: 2 }));
    expect(await world.observe(web)).toMatchObject({ state: 'pending', instances: [{ name: 'web@1.1' }, { name: 'web@1.2' }] });
    await world.provider.create(web, world.call);
    expect(world.ec2.snapshot().made.instance).toBe(2);
  });

  test('every page is read', async () => {
    const world = await awsWorld({ ec2: { pageSize: 5 } });
    const web = await launch(world, world.service({ name: 'web', replicas: 3 }));
    for (const count of [6, 9, 12]) await world.provider.create({ ...web, count }, world.call);
    expect((await world.observe({ ...web, count: 12 }, world.another())).instances).toHaveLength(12);
  });

  test('is often at first, and less and less where nothing moves', () => {
    expect(paceOf(0)).toBeLessThanOrEqual(250);
    expect(paceOf(15_000)).toBeLessThanOrEqual(250);
    expect(paceOf(17_000)).toBeGreaterThan(500);
    expect(paceOf(60_000)).toBe(2_000);
  });
});

function launchOf(tags: Readonly<Record<string, string>>): RunInstancesCommandInput {
  const Tags = Object.entries({ ...tags, [ORDINALS]: '1' }).map(([Key, Value]) => ({ Key, Value }));
  const once = { ImageId: 'ami-0a1b2c3d4e5f60001', InstanceType: 't3.micro', MinCount: 1, MaxCount: 1 } as const;
  return { ...once, TagSpecifications: [{ ResourceType: 'instance', Tags }] };
}
