import { DescribeInstancesCommand, EC2Client, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';
import { OWNED } from '../../../src/core/tags.ts';
import type { CreateRequest } from '../../../src/providers/provider.ts';
import { providerContract, type ProviderUnderTest } from '../../contract/provider.ts';
import { ForwardClock } from '../../fakes/ec2/clock.ts';
import { environmentOf } from '../../fakes/ec2/start.ts';
import { describeWithMoto, type MotoWorld } from '../../fakes/moto/suite.ts';
import { type AwsAnywhere, awsAt, REGION } from './world.ts';

describeWithMoto('the AWS provider', (moto) => {
  providerContract('the AWS provider', () => underTest(moto()), { fences: false, heals: false });
});

async function underTest({ proxy }: MotoWorld): Promise<ProviderUnderTest> {
  const clock = new ForwardClock();
  // Moto may not be told of addresses: nothing is dialled that it names, so the service is checked by being alone.
  const world = awsAt(environmentOf(proxy.url, REGION), { clock });
  const own = async (): Promise<readonly string[]> => {
    const Filters = [
      { Name: `tag:${OWNED.id}`, Values: [world.spin.id] },
      { Name: 'instance-state-name', Values: ['pending', 'running'] },
    ];
    const { Reservations } = await world.cloud.send(EC2Client, new DescribeInstancesCommand({ Filters }), world.call);
    return (Reservations ?? []).flatMap(({ Instances }) => (Instances ?? []).flatMap(({ InstanceId }) => InstanceId ?? []));
  };
  const neighbour = { ...world.spin, id: parseSpinId('neighbour'), incarnation: makeIncarnation(1) };
  return {
    provider: world.provider,
    spin: world.spin,
    abroad: { account: '999999999999', region: 'eu-west-1' },
    call: world.call,
    requests: () => requestsOf(world),
    neighbour: () =>
      requestsOf(world).map((request) => ({
        ...request,
        spin: neighbour,
        token: `neighbour-${request.token}`.slice(0, 40),
        tags: { ...request.tags, [OWNED.id]: neighbour.id, [OWNED.incarnation]: neighbour.incarnation },
      })),
    countInstances: async () => (await own()).length,
    endOne: async () => {
      const [first] = await own();
      await world.cloud.send(EC2Client, new TerminateInstancesCommand({ InstanceIds: [first ?? ''] }), world.call);
      await clock.advance(60_000);
    },
    blind: async () => {
      proxy.announce({ service: 'ec2', times: Number.POSITIVE_INFINITY, how: 'denied' });
      await clock.advance(60_000);
    },
  };
}

const deadline = Date.UTC(2030, 0, 1);

function requestsOf(world: AwsAnywhere): readonly CreateRequest[] {
  const secrets = [{ secret: 'TOKEN', as: 'env', variable: 'TOKEN' }] as const;
  const needs = ['firewall.web@1', 'identity.identity@1', 'secret.TOKEN@1'];
  return [
    world.request('identity.identity', { kind: 'identity', secrets: ['TOKEN'] }, { deadline }),
    world.request('secret.TOKEN', { kind: 'secret', name: 'TOKEN', source: { from: 'generate', length: 24 } }, { deadline }),
    world.request('volume.data', { kind: 'volume', name: 'data', source: { from: 'disk', sizeGiB: 1 } }, { deadline }),
    world.firewall('web', { port: 8080, deadline }),
    world.service({ name: 'web', replicas: 2, port: 8080, secrets }, { deadline, needs }),
  ];
}
