import { describe, expect, test } from 'vitest';
import { callOf } from './call.ts';

function request(service: string, method: string, path: string, body = '', headers: Readonly<Record<string, string>> = {}) {
  const authorization = `AWS4-HMAC-SHA256 Credential=AKIA1/20261123/eu-west-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  return callOf({ method, path, headers: { authorization, ...headers }, body: Buffer.from(body) });
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };

describe('a call', () => {
  test('tells its service, region and caller by its signature', () => {
    expect(request('sts', 'POST', '/', 'Action=GetCallerIdentity&Version=2011-06-15', FORM)).toMatchObject({
      service: 'sts',
      action: 'GetCallerIdentity',
      protocol: 'query',
      region: 'eu-west-1',
      accessKey: 'AKIA1',
    });
  });

  test('of a query protocol may have its parameters in the path', () => {
    expect(request('ec2', 'GET', '/?Action=DescribeVpcs&Version=2016-11-15')).toMatchObject({ action: 'DescribeVpcs', protocol: 'ec2' });
  });

  test('of JSON has its action in a header', () => {
    const call = request('ssm', 'POST', '/', '{}', { 'x-amz-target': 'AmazonSSM.GetParameter' });
    expect(call).toMatchObject({ action: 'GetParameter', protocol: 'json' });
  });

  test.each([
    ['GET', '/', 'ListBuckets'],
    ['PUT', '/bucket', 'CreateBucket'],
    ['HEAD', '/bucket/', 'HeadBucket'],
    ['GET', '/bucket?list-type=2&prefix=a%2F', 'ListObjectsV2'],
    ['GET', '/bucket?versioning', 'GetBucketVersioning'],
    ['POST', '/bucket?delete', 'DeleteObjects'],
    ['PUT', '/bucket/a/b.json', 'PutObject'],
    ['GET', '/bucket/a/b.json?x-id=GetObject', 'GetObject'],
    ['HEAD', '/bucket/a', 'HeadObject'],
    ['DELETE', '/bucket/a', 'DeleteObject'],
    ['POST', '/bucket/a?uploads', 'CreateMultipartUpload'],
    ['PUT', '/bucket/a?partNumber=1&uploadId=u', 'UploadPart'],
    ['POST', '/bucket/a?uploadId=u', 'CompleteMultipartUpload'],
  ])('to S3, %s %s is %s', (method, path, action) => {
    expect(request('s3', method, path)).toMatchObject({ action, protocol: 'rest-xml' });
  });

  test.each([
    ['POST', '/schedules/one', 'CreateSchedule'],
    ['GET', '/schedules/one?groupName=g', 'GetSchedule'],
    ['PUT', '/schedules/one', 'UpdateSchedule'],
    ['DELETE', '/schedules/one?groupName=g', 'DeleteSchedule'],
    ['GET', '/schedules?NamePrefix=spin', 'ListSchedules'],
    ['POST', '/schedule-groups/g', 'CreateScheduleGroup'],
    ['GET', '/schedule-groups', 'ListScheduleGroups'],
    ['GET', '/tags/arn%3Aaws', 'ListTagsForResource'],
  ])('to the scheduler, %s %s is %s', (method, path, action) => {
    expect(request('scheduler', method, path)).toMatchObject({ action, protocol: 'rest-json' });
  });
});
