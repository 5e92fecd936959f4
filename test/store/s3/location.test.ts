import { describe, expect, it } from 'vitest';
import { formatS3Location, isS3Location, parseS3Location } from '../../../src/store/s3/location.ts';

describe('a location on S3', () => {
  it.each([
    ['s3://bucket', 'bucket', '', 's3://bucket'],
    ['s3://bucket/', 'bucket', '', 's3://bucket'],
    ['s3://my.team-state/spin', 'my.team-state', 'spin', 's3://my.team-state/spin'],
    ['s3://bucket//spin/dev/', 'bucket', 'spin/dev', 's3://bucket/spin/dev'],
  ])('%s', (text, bucket, prefix, written) => {
    expect(isS3Location(text)).toBe(true);
    expect(parseS3Location(text)).toEqual({ bucket, prefix });
    expect(formatS3Location(parseS3Location(text))).toBe(written);
  });

  it.each(['s3://', 's3:///prefix', 's3://Bucket/x', 's3://b', 's3://a..b/x', 's3://bucket/a//b', 's3://bucket/a\nb', 's3://bucket/ä'])(
    'is not %j',
    (text) => {
      expect(() => parseS3Location(text)).toThrow(expect.objectContaining({ code: 'config-invalid', hint: 'write s3://BUCKET/PREFIX' }));
    },
  );

  it('is no folder', () => {
    expect(isS3Location('/var/lib/spin')).toBe(false);
  });
});
