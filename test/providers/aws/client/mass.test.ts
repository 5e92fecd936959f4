import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateSecurityGroupCommand, DescribeInstancesCommand, EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { expect, onTestFinished, test } from 'vitest';
import { createClouds } from '../../../../src/providers/aws/client/clouds.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { ec2For, launchOf } from '../../../fakes/ec2/fixture.ts';
import { awsOptions, callNow } from './endpoint.ts';

/** 200 of each at once, and not one more request than that; what a bucket with AWS's sizes would allow, plus a tenth. */
test.for([
  { name: 'launches', seconds: (200 - 5) / 2, command: () => new RunInstancesCommand(launchOf()) },
  {
    name: 'changes',
    seconds: (200 - 50) / 5,
    command: (n: number) => new CreateSecurityGroupCommand({ GroupName: `g${n}`, Description: 'd' }),
  },
  { name: 'looks', seconds: (200 - 100) / 20, command: () => new DescribeInstancesCommand({ MaxResults: 5 }) },
])('two hundred $name at once are never throttled, and take hardly longer than AWS allows', async ({ seconds, command }) => {
  const clock = new ManualClock();
  const ec2 = await ec2For({ clock, buckets: 'shared' });
  const cacheDir = mkdtempSync(join(tmpdir(), 'spin-mass-'));
  onTestFinished(() => rmSync(cacheDir, { recursive: true, force: true }));
  // Two that know nothing of each other but the folder, as two processes would.
  const clouds = [1, 2].map(() => createClouds(awsOptions(cacheDir, ec2.env('us-east-1'))).in('us-east-1'));
  let waiting = 0;
  const sleep = (ms: number, signal?: AbortSignal) => {
    waiting++;
    return clock.sleep(ms, signal).finally(() => waiting--);
  };
  const call = { ...callNow(), clock: { now: () => clock.now(), sleep } };

  const began = clock.now();
  let left = 200;
  const all = Array.from({ length: 200 }, (_, n) => {
    const cloud = clouds[n % 2] ?? expect.fail('no cloud');
    return cloud.send(EC2Client, command(n) as DescribeInstancesCommand, call).finally(() => left--);
  });
  while (left > 0) {
    // Time stands still while anything is on its way.
    while (waiting < left) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(50);
  }
  await Promise.all(all);

  expect(ec2.throttled()).toEqual({});
  expect(ec2.calls).toHaveLength(200);
  expect((clock.now() - began) / 1_000).toBeLessThanOrEqual(seconds * 1.1);
});
