import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  EC2Client,
  type IpPermission,
  RevokeSecurityGroupIngressCommand,
} from '@aws-sdk/client-ec2';
import type { Desire } from '../../../plan/plan.ts';
import { InternalError } from '../../../core/errors.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, Handle, Observation, Target } from '../../provider.ts';
import { blockerOf } from './blockers.ts';
import { isClass, unless } from '../fault-class.ts';
import { allGroups, type Group, groupName, groupOf } from './groups.ts';
import { networkOf } from './network.ts';
import { onceKnown } from '../not-yet.ts';
import { guard } from '../place.ts';
import { handleText, isFresh, made, observation, observeAll } from '../observing.ts';
import { creationTags, refuseOthers } from '../ownership.ts';
import type { Region } from '../region.ts';
import { allows, entriesFor, ownRules, permission, portOf, type Rule } from './rules.ts';
import { surplusOf } from './surplus.ts';

/** A right in a group: its own, or that of a service that is needed. */
interface Right {
  /** ID of the group that the rule stands in. */
  readonly in: string;
  readonly rule: Rule;
}

/**
 * Makes the group, or finds the one that the same request made; then gives it, and it in others, the rights that are missing, and takes
 * back what it had by another config.
 */
export async function createFirewall(region: Region, request: CreateRequest, call: Call): Promise<Handle> {
  region.leaving.forget(request.spin, request.key);
  region.groups.doubted(groupName(request.spin, request.key));
  const known = request.handle === undefined ? undefined : await region.groups.idOf(request.spin, request.key, call);
  const { id, fresh } = known === undefined ? await makeGroup(region, request, call) : { id: known, fresh: false };
  await grant(region, request, id, fresh, call);
  if (fresh) region.groups.completed(groupName(request.spin, request.key), call.clock.now());
  return made(call, { group: id });
}

/** One question for all that were not made just now; a group that lacks a right, or lets in too much, is asked for again. */
export async function observeFirewalls(region: Region, targets: readonly Target[], call: Call): Promise<ReadonlyMap<string, Observation>> {
  const answers = targets.map((target) => [target, justMade(region, target, call)] as const);
  const known = answers.flatMap(([{ key }, seen]) => (seen === undefined ? [] : [[key, seen] as const]));
  const rest = answers.flatMap(([target, seen]) => (seen === undefined ? [target] : []));
  return new Map([...known, ...(await lookAt(region, rest, call))]);
}

function justMade(region: Region, { spin, key }: Target, call: Call): Observation | undefined {
  if (region.leaving.observation(spin, key) !== undefined) return undefined;
  const id = region.groups.complete(groupName(spin, key), call.clock.now());
  return id === undefined ? undefined : observation('running', id);
}

function lookAt(region: Region, targets: readonly Target[], call: Call): Promise<ReadonlyMap<string, Observation>> {
  const [first] = targets;
  return observeAll(
    targets,
    async () => {
      const listens = targets.some((target) => firewallOf(target).open);
      const [groups, balancer] = await Promise.all([
        first === undefined ? [] : region.groups.of(first.spin, call),
        listens ? balancerOf(region, call) : undefined,
      ]);
      const held = targets.flatMap((target) => {
        const group = region.leaving.observation(target.spin, target.key) === undefined ? groupFor(target, groups) : undefined;
        return group === undefined ? [] : [{ group, rules: ownRulesOf(region, target, balancer) }];
      });
      const surplus = await surplusOf(region.cloud, held, groups, call);
      return (target) => judge(region, target, groups, balancer, surplus, call);
    },
    call,
  );
}

/** Takes its rights in other groups back and deletes it. What still uses it is named in the reason that is observed. */
export async function releaseFirewall(region: Region, target: Target, call: Call): Promise<'requested' | 'absent'> {
  const { spin, key, handle } = target;
  const name = groupName(spin, key);
  const groups = await region.groups.of(spin, call);
  const shown = groups.find((group) => group.name === name);
  if (shown !== undefined) refuseOthers([shown], region.cloud.options.stateTag);
  const id = shown?.id ?? (await region.groups.idOf(spin, key, call)) ?? handleText(handle, 'group');
  if (id === undefined) {
    if (!region.asked.mayBeHidden(target, call)) return 'absent';
    // Nothing was asked of AWS yet: once it is shown, it is asked for again.
    region.leaving.asked(spin, key, 'is not shown yet');
    return 'requested';
  }
  const { gone, reason } = await deleteGroup(region, id, groups, call);
  // Not found is not yet where it was made a moment ago.
  if (gone === 'deleted' || (gone === 'not-found' && !isFresh(target, call) && !region.groups.isYoung(name, call.clock.now()))) {
    region.groups.gone(name);
    region.leaving.forget(spin, key);
    return 'absent';
  }
  region.leaving.asked(spin, key, reason);
  return 'requested';
}

/** Deletes a group, its rights in the others first; or says why it cannot go yet. */
export async function deleteGroup(
  region: Region,
  id: string,
  others: readonly Group[],
  call: Call,
): Promise<{ readonly gone: 'deleted' | 'not-found' | 'not-yet'; readonly reason: string }> {
  for (const other of others) {
    const entries = other.id === id ? [] : entriesFor(other.ingress, id);
    if (entries.length === 0) continue;
    await revoke(region, other.id, entries, call);
  }
  try {
    await region.cloud.send(EC2Client, new DeleteSecurityGroupCommand({ GroupId: id }), call);
    return { gone: 'deleted', reason: 'deleted' };
  } catch (thrown) {
    if (isClass(thrown, 'InvalidGroup.NotFound')) return { gone: 'not-found', reason: `security group ${id} is not found` };
    if (!isClass(thrown, 'DependencyViolation', 'InvalidGroup.InUse')) throw thrown;
    const blocker = (await blockerOf(region.cloud, id, call)) ?? 'what AWS does not name';
    return { gone: 'not-yet', reason: `security group ${id} is still used by ${blocker}` };
  }
}

async function makeGroup(region: Region, request: CreateRequest, call: Call): Promise<{ readonly id: string; readonly fresh: boolean }> {
  const [{ vpc }] = await Promise.all([networkOf(region.cloud, call), guard(region.cloud, request.spin.place, call)]);
  const name = groupName(request.spin, request.key);
  const command = new CreateSecurityGroupCommand({
    GroupName: name,
    Description: `spin ${request.spin.id} ${request.key}`,
    VpcId: vpc,
    TagSpecifications: [{ ResourceType: 'security-group', Tags: creationTags(request) }],
  });
  try {
    const { GroupId } = await region.asked.creating(request, call, () => region.cloud.send(EC2Client, command, call));
    if (GroupId === undefined) throw new Fault('transient', 'no-answer', 'AWS made a security group and did not say which');
    region.groups.made(name, GroupId, call.clock.now());
    return { id: GroupId, fresh: true };
  } catch (thrown) {
    if (!isClass(thrown, 'InvalidGroup.Duplicate')) throw thrown;
    return { id: await adopt(region, request, name, vpc, call), fresh: false };
  }
}

/** The group that has the name already; ours, made by an earlier try. */
async function adopt(region: Region, request: CreateRequest, name: string, vpc: string, call: Call): Promise<string> {
  const filters = [
    { Name: 'group-name', Values: [name] },
    { Name: 'vpc-id', Values: [vpc] },
  ];
  const [found] = await allGroups(region.cloud, filters, call);
  if (found === undefined) throw new Fault('transient', 'not-shown-yet', `security group ${name} is there and not shown yet`);
  const group = groupOf(found);
  if (group?.owner.incarnation !== request.spin.incarnation || group.owner.resource !== request.key) {
    throw new Fault('conflict', 'other-owner', `security group ${name} (${found.GroupId}) was made by somebody else`);
  }
  region.groups.made(name, group.id, call.clock.now());
  return group.id;
}

async function grant(region: Region, request: CreateRequest, id: string, fresh: boolean, call: Call): Promise<void> {
  const { own, reached } = await rightsOf(region, request, id, call);
  const rights = [...own, ...reached];
  if (fresh) return authorize(region, request, rights, call);
  const groups = await region.groups.of(request.spin, call);
  const lacking = rights.filter((right) => !isGranted(groups, right));
  await authorize(region, request, lacking, call);
  const held = groups.flatMap((group) => (group.id === id ? [{ group, rules: own.map(({ rule }) => rule) }] : []));
  for (const [group, entries] of await surplusOf(region.cloud, held, groups, call)) {
    if (entries.length > 0) await revoke(region, group, entries, call);
  }
}

async function authorize(region: Region, request: CreateRequest, rights: readonly Right[], call: Call): Promise<void> {
  const tags = creationTags(request);
  for (const [group, rules] of Map.groupBy(rights, (right) => right.in)) {
    const command = (some: readonly Right[]) =>
      new AuthorizeSecurityGroupIngressCommand({
        GroupId: group,
        IpPermissions: some.map(({ rule }) => permission(rule)),
        TagSpecifications: [{ ResourceType: 'security-group-rule', Tags: tags }],
      });
    const send = (some: readonly Right[]) =>
      unless(['InvalidPermission.Duplicate'], () =>
        onceKnown(['InvalidGroup.NotFound'], () => region.cloud.send(EC2Client, command(some), call), call),
      );
    if ((await send(rules)) !== undefined) continue;
    // One that is there already turns all of a request down.
    for (const rule of rules) await send([rule]);
  }
}

async function revoke(region: Region, group: string, entries: readonly IpPermission[], call: Call): Promise<void> {
  const send = (some: readonly IpPermission[]) => {
    const command = new RevokeSecurityGroupIngressCommand({ GroupId: group, IpPermissions: [...some] });
    return unless(['InvalidPermission.NotFound', 'InvalidGroup.NotFound'], () => region.cloud.send(EC2Client, command, call));
  };
  if ((await send(entries)) !== undefined || entries.length === 1) return;
  // One that is gone already turns all of a request down.
  for (const entry of entries) await send([entry]);
}

/** Every right of a firewall. @throws Fault `transient` where the group of a service that is needed is not shown yet */
async function rightsOf(
  region: Region,
  request: CreateRequest,
  id: string,
  call: Call,
): Promise<{ readonly own: readonly Right[]; readonly reached: readonly Right[] }> {
  const desire = firewallOf(request);
  const balancer = desire.open ? await balancerOf(region, call) : undefined;
  const own = ownRulesOf(region, request, balancer).map((rule) => ({ in: id, rule }));
  const reached: Right[] = [];
  for (const reach of desire.reaches) {
    const port = reach.port === 'any' ? undefined : portOf(reach.port);
    const key = request.needs.find((need) => need.startsWith(`firewall.${reach.service}@`));
    if ((reach.port !== 'any' && port === undefined) || key === undefined) continue;
    const group = await region.groups.idOf(request.spin, key, call);
    if (group === undefined) throw new Fault('transient', 'not-shown-yet', `the security group of ${reach.service} is not shown yet`);
    reached.push({ in: group, rule: { port, from: { group: id } } });
  }
  return { own, reached };
}

function ownRulesOf({ cloud }: Region, target: Target, balancer: readonly string[] | undefined): readonly Rule[] {
  return ownRules(firewallOf(target), cloud.options.settings, balancer);
}

/** Groups of the load balancer through which exposed services are reached; undefined where they are reached at their own addresses. */
async function balancerOf({ cloud }: Region, call: Call): Promise<readonly string[] | undefined> {
  if (cloud.options.settings.listener === undefined) return undefined;
  const { listenerOf } = await import('../register/listener.ts');
  return (await listenerOf(cloud, call)).securityGroups;
}

function isGranted(groups: readonly Group[], right: Right): boolean {
  return allows(groups.find((group) => group.id === right.in)?.ingress ?? [], right.rule);
}

function groupFor({ spin, key }: Target, groups: readonly Group[]): Group | undefined {
  const name = groupName(spin, key);
  return groups.find((candidate) => candidate.name === name && candidate.owner.resource === key);
}

function judge(
  region: Region,
  target: Target,
  groups: readonly Group[],
  balancer: readonly string[] | undefined,
  surplus: ReadonlyMap<string, readonly IpPermission[]>,
  call: Call,
): Observation {
  const { spin, key } = target;
  const group = groupFor(target, groups);
  if (group === undefined) {
    return region.asked.missing(target, call);
  }
  const leaving = region.leaving.observation(spin, key);
  if (leaving !== undefined) return leaving;
  const own = ownRulesOf(region, target, balancer).map((rule) => ({ in: group.id, rule }));
  const reached = firewallOf(target).reaches.flatMap((reach): Right[] => {
    const port = reach.port === 'any' ? undefined : portOf(reach.port);
    const need = target.needs.find((candidate) => candidate.startsWith(`firewall.${reach.service}@`));
    const other = groups.find((candidate) => need !== undefined && candidate.name === groupName(spin, need));
    if (other === undefined || (reach.port !== 'any' && port === undefined)) return [];
    return [{ in: other.id, rule: { port, from: { group: group.id } } }];
  });
  const lacks = [...own, ...reached].find((right) => !isGranted(groups, right));
  if (lacks !== undefined) return observation('pending', `${group.id} lacks a rule of ${lacks.in}`, { stalled: true });
  const tooMuch = surplus.get(group.id) ?? [];
  if (tooMuch.length === 0) return observation('running', group.id);
  return observation('pending', `${group.id} lets in more than the config says`, { stalled: true });
}

function firewallOf({ key, desire }: Target): Extract<Desire, { readonly kind: 'firewall' }> {
  if (desire.kind !== 'firewall') throw new InternalError(`${key} is no firewall`);
  return desire;
}
