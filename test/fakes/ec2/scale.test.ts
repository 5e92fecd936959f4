import {
  CreateVolumeCommand,
  DescribeInstancesCommand,
  DescribeTagsCommand,
  paginateDescribeTags,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';
import { clientOf, ec2For, launchOf } from './fixture.ts';

const tagged = (ResourceType: 'instance' | 'volume') => ({
  TagSpecifications: [{ ResourceType, Tags: [{ Key: 'spin:id', Value: 'load' }] }],
});

it('launches a thousand at once, and finds them by their tag among ten thousand tagged things', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  for (let n = 0; n < 4; n++) {
    await client.send(
      new RunInstancesCommand(
        launchOf({
          MinCount: 1000,
          MaxCount: 1000,
          TagSpecifications: [
            { ResourceType: 'instance', Tags: [{ Key: 'spin:id', Value: `load-${n}` }] },
            { ResourceType: 'volume', Tags: [{ Key: 'spin:id', Value: `load-${n}` }] },
            { ResourceType: 'network-interface', Tags: [{ Key: 'spin:id', Value: `load-${n}` }] },
          ],
        }),
      ),
    );
  }
  const pages: number[] = [];
  for await (const { Tags: tags = [] } of paginateDescribeTags({ client, pageSize: 1000 }, {})) pages.push(tags.length);
  expect(pages).toEqual(Array.from({ length: 12 }, () => 1000));
  const { Reservations: reservations } = await client.send(
    new DescribeInstancesCommand({ Filters: [{ Name: 'tag:spin:id', Values: ['load-3'] }] }),
  );
  expect(reservations?.[0]?.Instances).toHaveLength(1000);
  // What the double itself needs, without the client's reading of it.
  const [launch] = ec2.calls;
  expect((launch?.endedAt ?? Infinity) - (launch?.at ?? 0)).toBeLessThan(1000);
});

it('takes a thousand things one by one', async () => {
  const ec2 = await ec2For();
  const client = clientOf(ec2);
  const create = () => client.send(new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: 1, ...tagged('volume') }));
  for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 50 }, create));
  const { Tags: tags } = await client.send(new DescribeTagsCommand({ MaxResults: 1000 }));
  expect(tags).toHaveLength(1000);
  expect(ec2.counts()).toEqual({ CreateVolume: 1000, DescribeTags: 1 });
});
