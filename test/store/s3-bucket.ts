import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { onTestFinished } from 'vitest';
import { type FakeS3, type FakeS3Options, startFakeS3 } from '../fakes/s3.ts';
import { BUCKET, KEYS, REGION } from './s3-open.ts';

/** A service for one test, gone when it ends. */
export async function fakeS3(change: Partial<FakeS3Options> = {}): Promise<FakeS3> {
  const fake = await startFakeS3({ buckets: [BUCKET], ...change });
  onTestFinished(() => fake.close());
  return fake;
}

/** Makes the bucket at a service that has none. */
export async function makeBucket(endpoint: string): Promise<void> {
  const client = new S3Client({ endpoint, region: REGION, credentials: KEYS, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET, CreateBucketConfiguration: { LocationConstraint: REGION } }));
  client.destroy();
}
