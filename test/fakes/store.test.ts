import { expect, it } from 'vitest';
import { SpinError } from '../../src/core/errors.ts';
import { storeContract } from '../contract/store.ts';
import { sampleRecord, START } from '../store/samples.ts';
import { createMemoryStore } from './store.ts';

storeContract('in memory', async () => {
  const store = createMemoryStore({ now: () => START });
  return { store, other: store, dispose: async () => {} };
});

it('counts writes, and fails when told to', async () => {
  const store = createMemoryStore({ now: () => START });
  await store.write(undefined, { record: sampleRecord(), lease: undefined, fence: 0 });
  store.failing = new SpinError('state-unwritable', 'cannot write: no space left on device');
  await expect(store.write('v1', { record: sampleRecord(), lease: undefined, fence: 1 })).rejects.toMatchObject({
    code: 'state-unwritable',
  });
  expect(store.writes).toBe(1);
  expect((await store.read(sampleRecord().id))?.fence).toBe(0);
});
