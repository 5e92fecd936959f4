import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { Instance, Reservation, RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { onTestFinished } from 'vitest';
import { startEc2 } from './start.ts';
import type { Ec2, Ec2Options } from './start.ts';

const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'any' };

/** Images of us-east-1. */
export const X86 = 'ami-0a1b2c3d4e5f60001';
export const ARM = 'ami-0a1b2c3d4e5f60002';
/** Of 8 GiB, with disks of 100 and 20 GiB beside its root. */
export const DATA_DISKS = 'ami-0a1b2c3d4e5f60006';

/** A double that ends with the test. */
export async function ec2For(options: Ec2Options = {}): Promise<Ec2> {
  const ec2 = await startEc2(options);
  onTestFinished(() => ec2.close());
  return ec2;
}

/** A real client of it that tries each call once, unless told otherwise. */
export function clientOf(
  { url }: Pick<Ec2, 'url'>,
  config: { readonly region?: string; readonly maxAttempts?: number; readonly requestTimeoutMs?: number } = {},
): EC2Client {
  const { region = 'us-east-1', maxAttempts = 1, requestTimeoutMs } = config;
  const client = new EC2Client({
    endpoint: url,
    region,
    credentials: CREDENTIALS,
    maxAttempts,
    ...(requestTimeoutMs === undefined ? {} : { requestHandler: { requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true } }),
  });
  onTestFinished(() => client.destroy());
  return client;
}

export function ssmOf({ url }: Pick<Ec2, 'url'>): SSMClient {
  const client = new SSMClient({ endpoint: url, region: 'us-east-1', credentials: CREDENTIALS, maxAttempts: 1 });
  onTestFinished(() => client.destroy());
  return client;
}

export function schedulerOf({ url }: Pick<Ec2, 'url'>): SchedulerClient {
  const client = new SchedulerClient({ endpoint: url, region: 'us-east-1', credentials: CREDENTIALS, maxAttempts: 1 });
  onTestFinished(() => client.destroy());
  return client;
}

export function stsOf({ url }: Pick<Ec2, 'url'>): STSClient {
  const client = new STSClient({ endpoint: url, region: 'us-east-1', credentials: CREDENTIALS, maxAttempts: 1 });
  onTestFinished(() => client.destroy());
  return client;
}

/** Instances as DescribeInstances tells of them, on its first page. */
export async function instancesOf(client: EC2Client, Filters?: { Name: string; Values: string[] }[]): Promise<Instance[]> {
  const { Reservations: reservations = [] } = await client.send(new DescribeInstancesCommand(Filters === undefined ? {} : { Filters }));
  return reservations.flatMap(({ Instances: instances = [] }) => instances);
}

/** The least that RunInstances needs, and what a test adds. */
export function launchOf(more: Partial<RunInstancesCommandInput> = {}): RunInstancesCommandInput {
  return { ImageId: X86, InstanceType: 'm5.large', MinCount: 1, MaxCount: 1, ...more };
}

export function idsOf({ Instances: instances = [] }: Reservation): string[] {
  return instances.map(({ InstanceId: id = '' }) => id);
}
