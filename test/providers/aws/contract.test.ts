import { makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';
import { OWNED } from '../../../src/core/tags.ts';
import type { CreateRequest } from '../../../src/providers/provider.ts';
import { providerContract, type ProviderUnderTest } from '../../contract/provider.ts';
import { awsWorld, type AwsWorld } from './world.ts';

const deadline = Date.UTC(2030, 0, 1);

const make = async (): Promise<ProviderUnderTest> => {
  const world = await awsWorld({ ec2: { pendingMs: 200, stoppingMs: 100, visibleMs: 50 } });
  const neighbour = { ...world.spin, id: parseSpinId('neighbour'), incarnation: makeIncarnation(1) };
  const own = () => world.living().filter(({ tags }) => tags[OWNED.id] === world.spin.id);
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
    countInstances: () => own().length,
    endOne: async () => {
      world.ec2.outside.terminate(own()[0]?.id ?? '');
      await world.call.clock.sleep(300);
    },
    blind: () => {
      world.ec2.script({ action: '*', times: 'always', fault: 'denied' });
      // What was seen a moment ago may still be told.
      return world.ec2.advance(60_000);
    },
  };
};

providerContract('the AWS provider, against the double,', make, { fences: false, heals: false });

function requestsOf(world: AwsWorld): readonly CreateRequest[] {
  const web = world.service({ name: 'web', replicas: 2, port: 8080 }, { deadline, needs: ['firewall.web@1'] });
  return [
    world.request('secret.TOKEN', { kind: 'secret', name: 'TOKEN', source: { from: 'generate', length: 24 } }, { deadline }),
    world.firewall('web', { port: 8080, deadline }),
    web,
  ];
}
