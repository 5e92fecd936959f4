import {
  AddTagsCommand,
  CreateRuleCommand,
  DeleteRuleCommand,
  DeleteTargetGroupCommand,
  DescribeListenersCommand,
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
  RemoveTagsCommand,
  type Rule,
  type RuleCondition,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { InternalError } from '../../../core/errors.ts';
import { digest } from '../../../core/ids.ts';
import { OWNED } from '../../../core/tags.ts';
import type { Desire } from '../../../plan/plan.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, Endpoint, Found, Handle, InventoryScope, Observation, Target } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { isClass, unless } from '../fault-class.ts';
import { type Listener, listenerOf } from './listener.ts';
import { targetGroupFolder, targetGroupName } from '../names.ts';
import { handleText, made, observation, observeAll } from '../observing.ts';
import { creationTags, inScope, markedSince, orphanMark, ownerOf } from '../ownership.ts';
import { allPages } from '../pages.ts';
import type { Region } from '../region.ts';
import { makeTargetGroup, targetGroupNamed, targetGroupsIn } from './target-groups.ts';

/**
 * A route is a target group, and the rule that sends a listener's requests to it. Where `expose.host` is a name, such as
 * `shop.example.com`, the rule matches the Host header; else it matches the path `/ID/SERVICE/`, which is taken off on the way.
 */

/** Priorities that rules of spins are given: foreign rules below the first keep their precedence. */
const FIRST_PRIORITY = 10_000;
const PRIORITIES = 40_000;
const PRIORITY_TRIES = 20;

/** @throws Fault `conflict` `host-taken` where another rule of the listener has the host */
export async function createRoute(cloud: Cloud, request: CreateRequest, call: Call): Promise<Handle> {
  const desire = desireOf(request);
  const listener = await listenerOf(cloud, call);
  const [targetGroup, rules] = await Promise.all([
    makeTargetGroup(cloud, request, desire.behind, call),
    rulesOf(cloud, listener.arn, call),
  ]);
  const there = rules.find((rule) => leadsTo(rule, targetGroup));
  const host = hostOf(desire);
  if (there === undefined && host !== undefined) refuseTaken(host, rules);
  const rule = there?.RuleArn ?? (await makeRule(cloud, request, listener, targetGroup, rules, call));
  return made(call, { targetGroup, rule, ...endpointOf(request, listener) });
}

/** One request for all routes of a spin: a rule cannot be without its target group. */
export async function observeRoutes(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  targets: readonly Target[],
  call: Call,
): Promise<ReadonlyMap<string, Observation>> {
  return observeAll(
    targets,
    async () => {
      const listener = await listenerOf(cloud, call);
      const rules = await rulesOf(cloud, listener.arn, call);
      return (target) => {
        const name = targetGroupName(target.spin, target.key);
        if (!rules.some((rule) => leadsTo(rule, `:targetgroup/${name}/`))) return asked.missing(target, call);
        return observation('running', `target group ${name}`, { endpoints: [endpointOf(target, listener)] });
      };
    },
    call,
  );
}

/** Takes the rule away, then its target group. @throws Fault */
export async function releaseRoute(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  target: Target,
  call: Call,
): Promise<'requested' | 'absent'> {
  const group = await targetGroupNamed(cloud, targetGroupName(target.spin, target.key), call);
  if (group?.TargetGroupArn === undefined) return asked.mayBeHidden(target, call) ? 'requested' : 'absent';
  await remove(cloud, group.TargetGroupArn, group.LoadBalancerArns ?? [], call);
  return 'absent';
}

/** @throws Fault */
export async function listRoutes(cloud: Cloud, scope: InventoryScope, call: Call): Promise<readonly Found[]> {
  return (await targetGroupsIn(cloud, targetGroupFolder(scope.id), call)).flatMap(({ group, arn, tags }): Found[] => {
    const owner = ownerOf(tags);
    if (owner === undefined || !inScope(owner, scope, cloud.options.stateTag)) return [];
    return [
      {
        provider: 'aws',
        id: owner.id,
        incarnation: owner.incarnation,
        resource: owner.resource,
        kind: 'route',
        what: `target group ${group.TargetGroupName}`,
        place: { region: cloud.region },
        tags,
        ...markedSince(tags[OWNED.orphan]),
        handle: { targetGroup: arn, balancers: group.LoadBalancerArns ?? [] },
      },
    ];
  });
}

/** @throws Fault */
export async function reclaimRoute(cloud: Cloud, found: Found, call: Call): Promise<'requested' | 'absent'> {
  const { balancers } = found.handle;
  const arns = Array.isArray(balancers) ? balancers.filter((arn) => typeof arn === 'string') : [];
  await remove(cloud, targetGroupIn(found), arns, call);
  return 'absent';
}

/** Makes a target group and its rules those of this state location. @throws Fault */
export async function ownRoute(cloud: Cloud, found: Found, call: Call): Promise<void> {
  const targetGroup = targetGroupIn(found);
  const { balancers } = found.handle;
  const arns = Array.isArray(balancers) ? balancers.filter((arn) => typeof arn === 'string') : [];
  const rules = await rulesTo(cloud, targetGroup, arns, call);
  const command = new AddTagsCommand({
    ResourceArns: [targetGroup, ...rules],
    Tags: [{ Key: OWNED.state, Value: cloud.options.stateTag }],
  });
  await cloud.send(ElasticLoadBalancingV2Client, command, call);
  if (found.orphanSince !== undefined) await markRoute(cloud, found, undefined, call);
}

/** Marks a target group as an orphan since then, or takes the mark away. @throws Fault */
export async function markRoute(cloud: Cloud, found: Found, since: number | undefined, call: Call): Promise<void> {
  const ResourceArns = [targetGroupIn(found)];
  const { put, drop } = orphanMark(since);
  const Tags = Object.entries(put).map(([Key, Value]) => ({ Key, Value }));
  await unless(['TargetGroupNotFound'], () =>
    Tags.length > 0
      ? cloud.send(ElasticLoadBalancingV2Client, new AddTagsCommand({ ResourceArns, Tags }), call)
      : cloud.send(ElasticLoadBalancingV2Client, new RemoveTagsCommand({ ResourceArns, TagKeys: [...drop] }), call),
  );
}

function targetGroupIn(found: Found): string {
  const arn = handleText(found.handle, 'targetGroup');
  if (arn === undefined) throw new InternalError(`${found.what} was found without an ARN`);
  return arn;
}

type RouteDesire = Extract<Desire, { kind: 'route' }>;

function desireOf({ desire, key }: Target): RouteDesire {
  if (desire.kind !== 'route') throw new InternalError(`${key} is no route`);
  return desire;
}

/** The name that a route is asked for by; undefined where `expose.host` is an address, which means something to this machine alone. */
function hostOf({ expose: { host } }: RouteDesire): string | undefined {
  return /[a-z]/i.test(host) && host.includes('.') && !host.includes(':') ? host.toLowerCase() : undefined;
}

/** Path of a route that has no name. */
function pathOf({ spin, desire }: Target): string {
  return `/${spin.id}/${desire.kind === 'route' ? desire.service : ''}`;
}

function endpointOf(target: Target, listener: Listener): Endpoint {
  const desire = desireOf(target);
  const named = hostOf(desire);
  const host = named ?? listener.host;
  const port = listener.port === (listener.scheme === 'https' ? 443 : 80) ? '' : `:${listener.port}`;
  const url = `${listener.scheme}://${host}${port}${named === undefined ? pathOf(target) : ''}`;
  return { service: desire.service, via: 'route', host, port: listener.port, url };
}

function rulesOf(cloud: Cloud, ListenerArn: string, call: Call): Promise<readonly Rule[]> {
  return allPages(async (Marker) => {
    const page = await cloud.send(ElasticLoadBalancingV2Client, new DescribeRulesCommand({ ListenerArn, PageSize: 400, Marker }), call);
    return { items: page.Rules, next: page.NextMarker };
  });
}

/** True where a rule forwards to the target group whose ARN is, or holds, `part`. */
function leadsTo({ Actions }: Rule, part: string): boolean {
  return (Actions ?? []).some(({ TargetGroupArn, ForwardConfig }) =>
    [TargetGroupArn, ...(ForwardConfig?.TargetGroups ?? []).map((group) => group.TargetGroupArn)].some(
      (arn) => arn?.includes(part) === true,
    ),
  );
}

/** Two rules with one host would hide one of the two services, and nobody would know which. */
function refuseTaken(host: string, rules: readonly Rule[]): void {
  const taken = rules.find(({ Conditions }) =>
    (Conditions ?? []).some((condition) => hostsIn(condition).some((other) => other.toLowerCase() === host)),
  );
  if (taken === undefined) return;
  throw new Fault('conflict', 'host-taken', `${host} is the host of another rule of the listener: ${taken.RuleArn ?? 'unnamed'}`);
}

function hostsIn({ Field, Values, HostHeaderConfig }: RuleCondition): readonly string[] {
  return Field === 'host-header' ? [...(Values ?? []), ...(HostHeaderConfig?.Values ?? [])] : [];
}

/**
 * Takes the first free priority from a derived one on, so that spins that come up at once seldom meet; where they do, the next. That a
 * priority was taken just now may also have been this very request, whose answer was lost: the rules are looked at again.
 */
async function makeRule(
  cloud: Cloud,
  request: CreateRequest,
  listener: Listener,
  targetGroup: string,
  seen: readonly Rule[],
  call: Call,
): Promise<string | undefined> {
  let rules = seen;
  let priority = startingPriority(request);
  for (let tries = 1; ; tries++) {
    const taken = new Set(rules.map(({ Priority }) => Priority));
    while (taken.has(String(priority))) priority = nextPriority(priority);
    try {
      const command = new CreateRuleCommand({
        ListenerArn: listener.arn,
        Priority: priority,
        Actions: [{ Type: 'forward', TargetGroupArn: targetGroup }],
        Tags: creationTags(request),
        ...matching(request),
      });
      return (await cloud.send(ElasticLoadBalancingV2Client, command, call)).Rules?.[0]?.RuleArn;
    } catch (thrown) {
      if (!isClass(thrown, 'PriorityInUse') || tries === PRIORITY_TRIES) throw thrown;
      rules = await rulesOf(cloud, listener.arn, call);
      const own = rules.find((rule) => leadsTo(rule, targetGroup));
      if (own !== undefined) return own.RuleArn;
      priority = nextPriority(priority);
    }
  }
}

function matching(request: CreateRequest) {
  const host = hostOf(desireOf(request));
  if (host !== undefined) return { Conditions: [{ Field: 'host-header', HostHeaderConfig: { Values: [host] } }] };
  const path = pathOf(request);
  return {
    Conditions: [{ Field: 'path-pattern', PathPatternConfig: { Values: [path, `${path}/*`] } }],
    Transforms: [{ Type: 'url-rewrite' as const, UrlRewriteConfig: { Rewrites: [{ Regex: `^${path}/?(.*)$`, Replace: '/$1' }] } }],
  };
}

function startingPriority({ spin, key }: Target): number {
  const text = digest([spin.incarnation, key]);
  return FIRST_PRIORITY + Array.from(text).reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % PRIORITIES, 0);
}

function nextPriority(priority: number): number {
  return priority + 1 < FIRST_PRIORITY + PRIORITIES ? priority + 1 : FIRST_PRIORITY;
}

/** Rules that lead to a target group, wherever they stand: the config may name another listener by now. */
async function rulesTo(cloud: Cloud, targetGroup: string, balancers: readonly string[], call: Call): Promise<readonly string[]> {
  const listeners = await Promise.all(
    balancers.map((LoadBalancerArn) =>
      allPages(async (Marker) => {
        const command = new DescribeListenersCommand({ LoadBalancerArn, Marker });
        const page = await unless(['LoadBalancerNotFound'], () => cloud.send(ElasticLoadBalancingV2Client, command, call));
        return { items: page?.Listeners, next: page?.NextMarker };
      }),
    ),
  );
  const arns = listeners.flat().flatMap(({ ListenerArn }) => ListenerArn ?? []);
  const rules = (await Promise.all(arns.map((arn) => rulesOf(cloud, arn, call)))).flat();
  return rules.flatMap((rule) => (leadsTo(rule, targetGroup) && rule.RuleArn !== undefined ? [rule.RuleArn] : []));
}

async function remove(cloud: Cloud, targetGroup: string, balancers: readonly string[], call: Call): Promise<void> {
  const rules = await rulesTo(cloud, targetGroup, balancers, call);
  await Promise.all(
    rules.map((RuleArn) =>
      unless(['RuleNotFound'], () => cloud.send(ElasticLoadBalancingV2Client, new DeleteRuleCommand({ RuleArn }), call)),
    ),
  );
  try {
    const command = new DeleteTargetGroupCommand({ TargetGroupArn: targetGroup });
    await unless(['TargetGroupNotFound'], () => cloud.send(ElasticLoadBalancingV2Client, command, call));
  } catch (thrown) {
    // The rule is gone, and the load balancer does not know it yet.
    if (!isClass(thrown, 'ResourceInUse')) throw thrown;
    throw new Fault('transient', thrown.class, `target group ${targetGroup} is still used by a rule`, { cause: thrown });
  }
}
