import { expect, test } from 'vitest';
import { Watch } from '../../src/lifecycle/watch.ts';
import type { Observation, Target } from '../../src/providers/provider.ts';
import { Stage } from './stage.ts';

const RUNNING: Observation = { state: 'running', reason: '', instances: [], endpoints: [] };

function target(key: string): Target {
  const [address = ''] = key.split('@');
  const desire = { kind: 'secret', name: address, source: { from: 'generate', bytes: 16 } } as unknown as Target['desire'];
  const spin = { id: 'shop', incarnation: '', trace: '' } as unknown as Target['spin'];
  return { spin, key, address, kind: 'secret', generation: 1, token: key, count: 1, requestedAt: 0, desire, needs: [] };
}

test('all who begin to wait at the same moment are looked at together, once', async () => {
  const stage = new Stage();
  const work = await stage.work();
  const looks: (readonly string[])[] = [];
  const observe = (targets: readonly Target[]) => {
    looks.push(targets.map(({ key }) => key));
    return Promise.resolve(new Map(targets.map(({ key }) => [key, RUNNING])));
  };
  const watch = new Watch({ ...work, provider: { ...work.provider, observe } });
  const until = (key: string) => watch.until(target(key), stage.clock.now() + 1_000, ({ state }) => state === 'running');
  await Promise.all(['secret.a@1', 'secret.b@1', 'secret.c@1'].map(until));
  expect(looks).toEqual([['secret.a@1', 'secret.b@1', 'secret.c@1']]);
});
