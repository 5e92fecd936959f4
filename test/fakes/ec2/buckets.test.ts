import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  DescribeVpcsCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { EC2Client } from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';
import { ManualClock } from '../clock.ts';
import { Buckets } from './buckets.ts';
import { clientOf, ec2For, idsOf, launchOf } from './fixture.ts';

/** How many of `n` calls sent at once get through. */
async function through(n: number, send: () => Promise<unknown>): Promise<number> {
  const sent = await Promise.allSettled(Array.from({ length: n }, send));
  for (const one of sent) if (one.status === 'rejected') expect(one.reason).toMatchObject({ name: 'RequestLimitExceeded' });
  return sent.filter(({ status }) => status === 'fulfilled').length;
}

it('gives each action the bucket that AWS publishes, and fills it at the published rate', async () => {
  const clock = new ManualClock();
  const ec2 = await ec2For({ clock, buckets: 'documented' });
  const client: EC2Client = clientOf(ec2);
  const narrow = () => client.send(new DescribeInstancesCommand({ MaxResults: 100 }));
  const wide = () => client.send(new DescribeInstancesCommand({}));
  expect(await through(120, narrow)).toBe(100);
  expect(await through(60, wide)).toBe(50);
  expect(await through(101, () => client.send(new DescribeVpcsCommand({})))).toBe(100);
  await clock.advance(1_000);
  expect(await through(30, narrow)).toBe(20);
  expect(await through(30, wide)).toBe(10);
  expect(ec2.throttled()).toEqual({ DescribeInstances: 20 + 10 + 10 + 20, DescribeVpcs: 1 });

  const launch = () => client.send(new RunInstancesCommand(launchOf()));
  expect(await through(8, launch)).toBe(5);
  await clock.advance(1_000);
  expect(await through(8, launch)).toBe(2);
  const tag = () =>
    client.send(new CreateTagsCommand({ Resources: [ec2.snapshot().instances[0]?.id ?? ''], Tags: [{ Key: 'a', Value: 'b' }] }));
  expect(await through(102, tag)).toBe(100);
});

it('charges launches and endings per instance as well', async () => {
  const clock = new ManualClock();
  const ec2 = await ec2For({ clock, buckets: 'documented' });
  const client = clientOf(ec2);
  const launch = (n: number) => client.send(new RunInstancesCommand(launchOf({ MinCount: n, MaxCount: n })));
  const made = await launch(996);
  await expect(launch(5)).rejects.toMatchObject({ name: 'RequestLimitExceeded' });
  await clock.advance(500);
  await launch(5);
  await client.send(new TerminateInstancesCommand({ InstanceIds: idsOf(made) }));
});

it('keeps accounts and regions apart, and shares one bucket per category where that is asked for', () => {
  const call = { account: '1', region: 'us-east-1', input: { MaxResults: 5 } };
  const documented = new Buckets('documented');
  const shared = new Buckets('shared');
  for (let n = 0; n < 100; n++) {
    documented.take({ ...call, action: 'DescribeVpcs' }, 0);
    shared.take({ ...call, action: 'DescribeVpcs' }, 0);
  }
  expect(documented.take({ ...call, action: 'DescribeVpcs' }, 0)).toBe(false);
  expect(documented.take({ ...call, action: 'DescribeSubnets' }, 0)).toBe(true);
  expect(documented.take({ ...call, action: 'DescribeVpcs', region: 'eu-west-1' }, 0)).toBe(true);
  expect(documented.take({ ...call, action: 'DescribeVpcs', account: '2' }, 0)).toBe(true);
  expect(shared.take({ ...call, action: 'DescribeSubnets' }, 0)).toBe(false);
  expect(shared.take({ ...call, action: 'DescribeSubnets' }, 50)).toBe(true);
});
