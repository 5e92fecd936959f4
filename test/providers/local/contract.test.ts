import { writeFileSync } from 'node:fs';
import { makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';
import type { CreateRequest } from '../../../src/providers/provider.ts';
import { providerContract } from '../../contract/provider.ts';
import { endKeeper, httpServer, localWorld, type LocalWorld } from './world.ts';

providerContract('the local provider', () => {
  const world = localWorld();
  const neighbour = { ...world.spin, id: parseSpinId('neighbour'), incarnation: makeIncarnation(1) };
  return Promise.resolve({
    provider: world.provider,
    spin: world.spin,
    call: world.call,
    requests: (fence) => requestsOf(world, fence),
    neighbour: (fence) => requestsOf(world, fence).map((request) => ({ ...request, spin: neighbour })),
    countInstances: () =>
      Object.values(world.instances()).filter(({ process }) => process !== undefined && world.pids().includes(process.pid)).length,
    blind: async () => {
      await endKeeper(world);
      writeFileSync(world.folder.desired, '{"v":1,');
    },
  });
});

function requestsOf(world: LocalWorld, fence: number): readonly CreateRequest[] {
  const secrets = [{ secret: 'TOKEN', as: 'env', variable: 'TOKEN' }] as const;
  const volumes = [{ volume: 'data', variable: 'DATA_DIR' }] as const;
  const web = world.service({ name: 'web', run: httpServer(), replicas: 2, secrets, volumes });
  return [
    world.keeper(),
    world.request('secret.TOKEN', { kind: 'secret', name: 'TOKEN', source: { from: 'generate', length: 24 } }),
    world.request('volume.data', { kind: 'volume', name: 'data', source: { from: 'empty' } }),
    web,
    world.request('route.web', { kind: 'route', service: 'web', expose: { port: 'auto', host: '127.0.0.1' } }),
    world.request(
      'registration.web',
      { kind: 'registration', service: 'web', route: 'route.web' },
      { needs: ['service.web@1', 'route.web@1'] },
    ),
  ].map((request) => ({ ...request, fence }));
}
