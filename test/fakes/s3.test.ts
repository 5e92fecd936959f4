import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import { describeWithMoto } from './moto/suite.ts';
import { startFakeS3 } from './s3.ts';

const Bucket = 'team-state';
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function clientOf(endpoint: string): S3Client {
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' };
  const client = new S3Client({ endpoint, region: 'eu-west-1', forcePathStyle: true, credentials });
  closing.push(() => client.destroy());
  return client;
}

/** What a request comes to: its result, or status and code of the refusal. */
async function outcome<T>(request: Promise<T>): Promise<T | string> {
  return request.catch(
    (thrown: { name: string; $metadata?: { httpStatusCode?: number } }) => `${thrown.$metadata?.httpStatusCode} ${thrown.name}`,
  );
}

/** What both must do alike. */
function behaviour(connect: () => Promise<S3Client>): void {
  it('creates, replaces and deletes under conditions', async () => {
    const client = await connect();
    const put = (Body: string, condition: { IfMatch?: string; IfNoneMatch?: string } = {}) =>
      outcome(client.send(new PutObjectCommand({ Bucket, Key: 'a/b.json', Body, ...condition })).then(({ ETag }) => ETag ?? ''));
    const remove = (condition: { IfMatch?: string } = {}) =>
      outcome(
        client.send(new DeleteObjectCommand({ Bucket, Key: 'a/b.json', ...condition })).then(({ $metadata }) => $metadata.httpStatusCode),
      );
    expect(await put('none yet', { IfMatch: '"0123"' })).toBe('404 NoSuchKey');
    const first = await put('one', { IfNoneMatch: '*' });
    expect(first).toBe('"f97c5d29941bfb1b2fdab0874906ab82"');
    expect(await put('two', { IfNoneMatch: '*' })).toBe('412 PreconditionFailed');
    const second = await put('two', { IfMatch: first });
    expect(second).toMatch(/^"[0-9a-f]{32}"$/);
    expect(await put('three', { IfMatch: first })).toBe('412 PreconditionFailed');
    expect(await remove({ IfMatch: first })).toBe('412 PreconditionFailed');
    expect(await remove({ IfMatch: second })).toBe(204);
    expect(await remove({ IfMatch: second })).toMatch(/^404 /);
    expect(await remove()).toBe(204);
  });

  it('reads whole and from a byte', async () => {
    const client = await connect();
    await client.send(new PutObjectCommand({ Bucket, Key: 'text', Body: 'drei ✓' }));
    const get = (Range?: string) =>
      outcome(
        client
          .send(new GetObjectCommand({ Bucket, Key: 'text', ...(Range === undefined ? {} : { Range }) }))
          .then(({ Body }) => Body?.transformToString()),
      );
    expect(await get()).toBe('drei ✓');
    expect(await get('bytes=5-')).toBe('✓');
    expect(await get('bytes=8-')).toBe('416 InvalidRange');
    expect(await outcome(client.send(new GetObjectCommand({ Bucket, Key: 'nothing' })))).toBe('404 NoSuchKey');
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'text' }));
    expect([head.ContentLength, typeof head.LastModified?.getTime()]).toEqual([8, 'number']);
  });

  it('lists in order, page by page', async () => {
    const client = await connect();
    const keys = ['p/a', 'p/a/1', 'p/a-b', 'p/B', 'p/ä', 'p/z&<>"', 'q'];
    for (const Key of keys) await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    const listed: (string | undefined)[] = [];
    for (let token: string | undefined, more = true; more;) {
      const input = { Bucket, Prefix: 'p/', MaxKeys: 2, ...(token === undefined ? {} : { ContinuationToken: token }) };
      const page = await client.send(new ListObjectsV2Command(input));
      listed.push(...(page.Contents ?? []).map(({ Key }) => Key));
      expect(page.KeyCount).toBeLessThanOrEqual(2);
      token = page.NextContinuationToken;
      more = page.IsTruncated === true;
    }
    expect(listed).toEqual(['p/B', 'p/a', 'p/a-b', 'p/a/1', 'p/z&<>"', 'p/ä']);
    const [first] = (await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'p/B' }))).Contents ?? [];
    expect(first).toMatchObject({ Key: 'p/B', Size: 3, ETag: expect.stringMatching(/^"[0-9a-f]{32}"$/) });
  });

  it('says that there is no such bucket', async () => {
    const client = await connect();
    expect(await outcome(client.send(new ListObjectsV2Command({ Bucket: 'nobodys' })))).toBe('404 NoSuchBucket');
    expect(await outcome(client.send(new PutObjectCommand({ Bucket: 'nobodys', Key: 'a', Body: 'x' })))).toBe('404 NoSuchBucket');
  });
}

describe('the double of S3', () => {
  behaviour(async () => {
    const fake = await startFakeS3({ buckets: [Bucket] });
    closing.push(() => fake.close());
    return clientOf(fake.endpoint);
  });

  it('refuses a body that is not what the checksum says', async () => {
    const fake = await startFakeS3({ buckets: [Bucket] });
    closing.push(() => fake.close());
    const answer = await fetch(`${fake.endpoint}/${Bucket}/a`, {
      method: 'PUT',
      body: 'one',
      headers: { 'x-amz-checksum-crc32': 'AAAAAA==' },
    });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('<Code>BadDigest</Code>')]);
  });
});

describeWithMoto('moto as S3', (world) => {
  behaviour(async () => {
    const client = clientOf(world().moto.url);
    await client.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } }));
    return client;
  });
});
