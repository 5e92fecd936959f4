import { EC2Client, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { IAMClient } from '@aws-sdk/client-iam';
import { S3Client } from '@aws-sdk/client-s3';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { onTestFinished } from 'vitest';

/** What every client of a test is made with. */
export interface ClientSettings {
  readonly endpoint: string;
  readonly region?: string;
  /** One by default, so that a test sees each answer. */
  readonly maxAttempts?: number;
}

/** The SDK's own clients of a server that only looks like AWS; they are closed when the test ends. */
export function clientsOf({ endpoint, region = 'us-east-1', maxAttempts = 1 }: ClientSettings) {
  const settings = { endpoint, region, maxAttempts, credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' } };
  const clients = {
    ec2: new EC2Client(settings),
    elb: new ElasticLoadBalancingV2Client(settings),
    iam: new IAMClient(settings),
    quotas: new ServiceQuotasClient(settings),
    s3: new S3Client(settings),
    scheduler: new SchedulerClient(settings),
    ssm: new SSMClient(settings),
    sts: new STSClient(settings),
  };
  onTestFinished(() => {
    for (const client of Object.values(clients)) client.destroy();
  });
  return clients;
}

/** What RunInstances must be told at least. */
export function some(count: number, more: Partial<RunInstancesCommandInput> = {}): RunInstancesCommandInput {
  return { ImageId: 'ami-12345678', InstanceType: 'm5.large', MinCount: 1, MaxCount: count, ...more };
}
