import { CreateSecurityGroupCommand, EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { expect, onTestFinished } from 'vitest';
import { ownershipTags } from '../../../src/core/tags.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { createClouds } from '../../../src/providers/aws/client/clouds.ts';
import { preflight } from '../../../src/providers/aws/preflight/preflight.ts';
import { openRegion } from '../../../src/providers/aws/region.ts';
import type { Check } from '../../../src/providers/provider.ts';
import type { ServiceSpec } from '../../../src/spec/spec.ts';
import { type Answer, startEndpoint } from './client/endpoint.ts';
import { type AwsWorld, REGION, serviceSpec, STATE_TAG } from './world.ts';

export const CLOUD = { instanceTypes: [], spot: false, address: 'private' } as const;

export function planOf(...services: readonly (Partial<ServiceSpec> & { readonly name: string })[]): Plan {
  const resources = services.map((sketch) => {
    const service = serviceSpec(sketch);
    return {
      address: `service.${service.name}`,
      kind: 'service' as const,
      desire: { kind: 'service' as const, service, baseDir: '/' },
      count: service.replicas,
      digest: '',
      strategy: 'rolling' as const,
      needs: [],
      hourly: 0,
    };
  });
  return { resources, hourly: 0, untilTtl: 0, ttlMs: 1 };
}

export const check = (world: AwsWorld, plan: Plan) =>
  preflight({ cloud: world.cloud, asked: world.region.asked }, world.spin, plan, undefined, world.call);
export const named = (checks: readonly Check[], name: string) => checks.find((one) => one.name === name) ?? expect.fail(`no check ${name}`);

export interface QuotaWorld extends AwsWorld {
  /** How often Service Quotas was asked. */
  readonly quotasAsked: () => number;
}

/** The world with an endpoint of its own for Service Quotas. */
export async function withQuota(world: AwsWorld, answer: Answer | (() => Answer)): Promise<QuotaWorld> {
  const quotas = await startEndpoint(() => (typeof answer === 'function' ? answer() : answer));
  onTestFinished(() => quotas.close());
  const env = { ...world.options.env, AWS_ENDPOINT_URL_SERVICE_QUOTAS: quotas.url };
  return anotherProcess({ ...world, quotasAsked: () => quotas.asked.length }, env);
}

/** The same as another process has it: nothing is known but what is on disk. */
export function anotherProcess<World extends AwsWorld>(world: World, env: AwsWorld['options']['env'] = {}): World {
  const options = { ...world.options, env: { ...world.options.env, ...env } };
  const cloud = createClouds(options).in(REGION);
  return { ...world, options, cloud, region: openRegion(cloud, world.call) };
}

export const quotaOf = (value: number): Answer => ({
  status: 200,
  body: JSON.stringify({ Quota: { QuotaCode: 'L-1216C47A', Value: value } }),
  headers: { 'content-type': 'application/x-amz-json-1.1' },
});

export type Tagged = Readonly<Record<string, string>>;

export function owned(world: AwsWorld, { incarnation = world.spin.incarnation, state = STATE_TAG } = {}): Tagged {
  return ownershipTags({ id: world.spin.id, incarnation, resource: 'service.web@1', state });
}

const entries = (tags: Tagged) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

export async function run(world: AwsWorld, count: number, tags: Tagged): Promise<void> {
  const launch = new RunInstancesCommand({
    ImageId: 'ami-0a1b2c3d4e5f60001',
    InstanceType: 't3.micro',
    MinCount: count,
    MaxCount: count,
    ...(Object.keys(tags).length === 0 ? {} : { TagSpecifications: [{ ResourceType: 'instance', Tags: entries(tags) }] }),
  });
  await world.cloud.send(EC2Client, launch, world.call);
}

export async function group(world: AwsWorld, name: string, tags: Tagged): Promise<void> {
  const command = new CreateSecurityGroupCommand({
    GroupName: name,
    Description: name,
    TagSpecifications: [{ ResourceType: 'security-group', Tags: entries(tags) }],
  });
  await world.cloud.send(EC2Client, command, world.call);
}
