import { DescribeSecurityGroupsCommand, EC2Client, type Filter, type IpPermission, type SecurityGroup } from '@aws-sdk/client-ec2';
import { OWNED, type Tags } from '../../../core/tags.ts';
import type { Call, SpinRef } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { partsOfKey } from '../names.ts';
import { CONSISTENCY_WINDOW_MS } from '../observing.ts';
import { type Owner, ownerOf, tagsFrom } from '../ownership.ts';
import { allPages } from '../pages.ts';
import { guard } from '../place.ts';
import { Together } from '../together.ts';

/** As many values as one filter of EC2 may have. */
const MOST_VALUES = 200;

/** A security group of ours. */
export interface Group {
  readonly id: string;
  readonly name: string;
  readonly vpc: string;
  readonly owner: Owner;
  readonly account: string | undefined;
  readonly ingress: readonly IpPermission[];
  readonly tags: Tags;
}

/** The security groups of the spins that this process works on. */
export class Groups {
  readonly #cloud: Cloud;
  readonly #together: Together<Group>;
  /** IDs of groups that this process made or saw, by name: a name is used once. */
  readonly #ids = new Map<string, string>();
  readonly #madeAt = new Map<string, number>();
  /** When this process had made a group and given it all its rights, by name. */
  readonly #completedAt = new Map<string, number>();

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
    this.#together = new Together<Group>({
      ask: (incarnations, call) => groupsWith(cloud, [{ Name: `tag:${OWNED.incarnation}`, Values: [...incarnations] }], call),
      keyOf: ({ owner }) => owner.incarnation,
      most: MOST_VALUES,
    });
  }

  /** All groups of a spin, looked for where it lives. @throws Fault, `denied` where the credentials are of another account */
  async of(spin: SpinRef, call: Call): Promise<readonly Group[]> {
    const groups = (await this.#together.of([spin.incarnation], call)).filter(({ owner }) => owner.id === spin.id);
    for (const { name, id } of groups) this.#ids.set(name, id);
    if (!groups.some(({ account }) => account !== undefined && account === spin.place?.account)) await guard(this.#cloud, spin.place, call);
    return groups;
  }

  /** ID of the group of a firewall's key, or undefined where there is none. @throws Fault */
  async idOf(spin: SpinRef, key: string, call: Call): Promise<string | undefined> {
    const name = groupName(spin, key);
    return this.#ids.get(name) ?? (await this.of(spin, call)).find((group) => group.name === name)?.id;
  }

  made(name: string, id: string, now: number): void {
    this.#ids.set(name, id);
    this.#madeAt.set(name, now);
  }

  /** True while an answer that lacks the group of this name may only be late. */
  isYoung(name: string, now: number): boolean {
    return now - (this.#madeAt.get(name) ?? -Infinity) < CONSISTENCY_WINDOW_MS;
  }

  /** Notes that a group of this process has all its rights. */
  completed(name: string, now: number): void {
    this.#completedAt.set(name, now);
  }

  /** ID of a group that was made and completed here a moment ago: AWS has said so, and a list that says otherwise is only late. */
  complete(name: string, now: number): string | undefined {
    return now - (this.#completedAt.get(name) ?? -Infinity) < CONSISTENCY_WINDOW_MS ? this.#ids.get(name) : undefined;
  }

  /** Whoever asks for a group again doubts that it is complete. */
  doubted(name: string): void {
    this.#completedAt.delete(name);
  }

  gone(name: string): void {
    this.#completedAt.delete(name);
    this.#ids.delete(name);
  }
}

/** Name of the group of a firewall: at most 255 characters, one of its kind in a VPC. */
export function groupName(spin: SpinRef, key: string): string {
  const { name, generation } = partsOfKey(key);
  return `spin-${spin.id}-${name}-${generation}-${spin.incarnation.slice(-12)}`;
}

/** Our security groups that filters select, from every page. @throws Fault */
export async function groupsWith(cloud: Cloud, filters: readonly Filter[], call: Call): Promise<readonly Group[]> {
  return (await allGroups(cloud, filters, call)).flatMap((group) => groupOf(group) ?? []);
}

/** Security groups that filters select, also foreign ones. @throws Fault */
export function allGroups(cloud: Cloud, filters: readonly Filter[], call: Call): Promise<readonly SecurityGroup[]> {
  return allPages(async (from) => {
    const command = new DescribeSecurityGroupsCommand({
      Filters: [...filters],
      MaxResults: 1_000,
      ...(from === undefined ? {} : { NextToken: from }),
    });
    const { SecurityGroups, NextToken } = await cloud.send(EC2Client, command, call);
    return { items: SecurityGroups, next: NextToken };
  });
}

/** Reads a security group; undefined where it is not ours. */
export function groupOf(group: SecurityGroup): Group | undefined {
  const tags = tagsFrom(group.Tags);
  const owner = ownerOf(tags);
  if (owner === undefined || group.GroupId === undefined) return undefined;
  return {
    id: group.GroupId,
    name: group.GroupName ?? '',
    vpc: group.VpcId ?? '',
    owner,
    account: group.OwnerId,
    ingress: group.IpPermissions ?? [],
    tags,
  };
}
