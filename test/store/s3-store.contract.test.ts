import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { type StoreUnderTest, storeContract } from '../contract/store.ts';
import { describeWithMoto } from '../fakes/moto/suite.ts';
import { startFakeS3 } from '../fakes/s3.ts';
import { motoS3 } from './s3-moto.ts';
import { BUCKET, openS3 } from './s3-open.ts';

/** Events go out and are looked for often: the contract is about what happens, not about when. */
const QUICK = { flushMs: 20, pollMs: 20 } as const;

storeContract('on S3, spoken to the double', async () => {
  const fake = await startFakeS3({ buckets: [BUCKET], pageSize: 3 });
  return { ...pair(fake.endpoint), dispose: () => fake.close() };
});

storeContract('on S3, without a prefix, with what was read kept in a file', async () => {
  const fake = await startFakeS3({ buckets: [BUCKET] });
  const cacheDir = mkdtempSync(join(tmpdir(), 'spin-cache-'));
  return {
    ...pair(fake.endpoint, { prefix: '', cacheDir }),
    dispose: async () => {
      rmSync(cacheDir, { recursive: true });
      await fake.close();
    },
  };
});

describeWithMoto('with moto', (world) => {
  storeContract('on S3, spoken to moto', async () => {
    const endpoint = await motoS3(world().moto.url);
    return { ...pair(endpoint), dispose: async () => {} };
  });
});

function pair(endpoint: string, change: Parameters<typeof openS3>[2] = {}): Pick<StoreUnderTest, 'store' | 'other'> {
  return { store: openS3(endpoint, systemClock, { ...QUICK, ...change }), other: openS3(endpoint, systemClock, { ...QUICK, ...change }) };
}
