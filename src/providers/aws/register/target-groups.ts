import type { Behind } from '../../../plan/plan.ts';
import {
  CreateTargetGroupCommand,
  DescribeTagsCommand,
  DescribeTargetGroupsCommand,
  ElasticLoadBalancingV2Client,
  ModifyTargetGroupAttributesCommand,
  ModifyTargetGroupCommand,
  type TargetGroup,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Tags } from '../../../core/tags.ts';
import type { Health, ServiceSpec } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, SpinRef } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { isClass, unless } from '../fault-class.ts';
import { targetGroupFolder, targetGroupName } from '../names.ts';
import { networkOf } from '../network/network.ts';
import { creationTags, ownerOf, tagsFrom } from '../ownership.ts';
import { allPages, inParts } from '../pages.ts';

/** The port that a service with `port: auto` listens on: an instance has but one service, and so any port is free. */
export const AUTO_PORT = 8_080;

const GONE = ['TargetGroupNotFound'];
/** Drain of a route whose service said none. */
const DRAIN_MS = 30_000;
/** DescribeTags takes twenty ARNs. */
const ARNS_PER_REQUEST = 20;

/** Makes the target group of a route, or gives it the health check and the drain that it is to have now. @returns its ARN @throws Fault */
export async function makeTargetGroup(cloud: Cloud, request: CreateRequest, behind: Behind | undefined, call: Call): Promise<string> {
  const name = targetGroupName(request.spin, request.key);
  const { vpc } = await networkOf(cloud, call);
  const command = new CreateTargetGroupCommand({
    Name: name,
    Protocol: 'HTTP',
    Port: portOf(behind?.port),
    VpcId: vpc,
    TargetType: 'instance',
    ...(behind === undefined ? {} : healthCheck(behind.health)),
    Tags: creationTags(request),
  });
  const group = await cloud.send(ElasticLoadBalancingV2Client, command, call).then(
    ({ TargetGroups }) => TargetGroups?.[0],
    async (thrown: unknown) => {
      // Made before, with other settings: the name is derived from the incarnation, so it is this route's.
      if (!isClass(thrown, 'DuplicateTargetGroupName')) throw thrown;
      return targetGroupNamed(cloud, name, call);
    },
  );
  const arn = group?.TargetGroupArn;
  if (arn === undefined) throw new Fault('transient', 'target-group-missing', `the target group ${name} is not shown yet`);
  if (behind !== undefined) await checkHealthBy(cloud, { ...group, TargetGroupArn: arn }, healthCheck(behind.health), call);
  const seconds = String(Math.min(3_600, Math.ceil((behind?.drainMs ?? DRAIN_MS) / 1_000)));
  const attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: seconds }];
  await cloud.send(
    ElasticLoadBalancingV2Client,
    new ModifyTargetGroupAttributesCommand({ TargetGroupArn: arn, Attributes: attributes }),
    call,
  );
  return arn;
}

/** Nothing is sent where it says so already. @throws Fault */
async function checkHealthBy(cloud: Cloud, group: TargetGroup, wanted: HealthCheck, call: Call): Promise<void> {
  const { Matcher, ...plain } = wanted;
  const same =
    group.Matcher?.HttpCode === Matcher.HttpCode &&
    (Object.keys(plain) as (keyof typeof plain)[]).every((name) => group[name] === plain[name]);
  if (same) return;
  const command = new ModifyTargetGroupCommand({ TargetGroupArn: group.TargetGroupArn, ...wanted });
  await cloud.send(ElasticLoadBalancingV2Client, command, call);
}

/** @throws Fault */
export async function targetGroupNamed(cloud: Cloud, name: string, call: Call): Promise<TargetGroup | undefined> {
  const command = new DescribeTargetGroupsCommand({ Names: [name] });
  const answer = await unless(GONE, () => cloud.send(ElasticLoadBalancingV2Client, command, call));
  return answer?.TargetGroups?.[0];
}

interface HealthCheck {
  readonly HealthCheckProtocol: 'HTTP';
  readonly HealthCheckPath: string;
  readonly Matcher: { readonly HttpCode: string };
  readonly HealthCheckIntervalSeconds: number;
  readonly HealthCheckTimeoutSeconds: number;
  readonly HealthyThresholdCount: number;
  readonly UnhealthyThresholdCount: number;
}

/** Those whose names begin so, with their tags. @throws Fault */
export async function targetGroupsIn(
  cloud: Cloud,
  folder: string,
  call: Call,
): Promise<readonly { readonly group: TargetGroup; readonly arn: string; readonly tags: Tags }[]> {
  const all = await allPages(async (Marker) => {
    const page = await cloud.send(ElasticLoadBalancingV2Client, new DescribeTargetGroupsCommand({ PageSize: 400, Marker }), call);
    return { items: page.TargetGroups, next: page.NextMarker };
  });
  const named = all.flatMap((group) =>
    group.TargetGroupArn !== undefined && group.TargetGroupName?.startsWith(folder) === true ? [{ group, arn: group.TargetGroupArn }] : [],
  );
  const described = await Promise.all(
    inParts(named, ARNS_PER_REQUEST).map((part) =>
      unless(GONE, () =>
        cloud.send(ElasticLoadBalancingV2Client, new DescribeTagsCommand({ ResourceArns: part.map(({ arn }) => arn) }), call),
      ),
    ),
  );
  const tags = new Map(
    described.flatMap((answer) => (answer?.TagDescriptions ?? []).map(({ ResourceArn, Tags }) => [ResourceArn, tagsFrom(Tags)] as const)),
  );
  return named.map(({ group, arn }) => ({ group, arn, tags: tags.get(arn) ?? {} }));
}

/** ARNs of the target groups of a spin. @throws Fault */
export async function targetGroupsOf(cloud: Cloud, { id, incarnation }: SpinRef, call: Call): Promise<readonly string[]> {
  const named = await targetGroupsIn(cloud, targetGroupFolder(id), call);
  return named.flatMap(({ arn, tags }) => (ownerOf(tags)?.incarnation === incarnation ? [arn] : []));
}

export function portOf(port: ServiceSpec['port'] | undefined): number {
  return typeof port === 'number' ? port : AUTO_PORT;
}

/**
 * The spec's health check within the limits of ELB: an interval of 5 to 300 s, a timeout of 2 to 120 s below it, 2 to 10 passes or
 * failures (CreateTargetGroup, API reference). A load balancer probes by HTTP alone: where the spec does so by TCP or a command, any
 * answer below 500 will do.
 */
function healthCheck({ probe, intervalMs, timeoutMs, healthyAfter, unhealthyAfter }: Health): HealthCheck {
  const interval = within(5, Math.ceil(intervalMs / 1_000), 300);
  const http = probe.type === 'http';
  return {
    HealthCheckProtocol: 'HTTP',
    HealthCheckPath: http ? probe.path : '/',
    Matcher: { HttpCode: http ? String(probe.status ?? '200-399') : '200-499' },
    HealthCheckIntervalSeconds: interval,
    HealthCheckTimeoutSeconds: Math.min(within(2, Math.ceil(timeoutMs / 1_000), 120), interval - 1),
    HealthyThresholdCount: within(2, healthyAfter, 10),
    UnhealthyThresholdCount: within(2, unhealthyAfter, 10),
  };
}

function within(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}
