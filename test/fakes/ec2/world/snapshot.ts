import type { InstanceStateName } from '@aws-sdk/client-ec2';
import type { RegionWorld } from './region.ts';
import { attachedTo } from './volumes.ts';
import type { World } from './world.ts';

interface Of {
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What there is, read without a call: plain data, oldest first, whether it can be seen yet or not. */
export interface WorldSnapshot {
  /** Everything that is not terminated. */
  readonly instances: readonly (Of & {
    readonly state: InstanceStateName;
    readonly type: string;
    readonly zone: string;
    readonly image: string;
    readonly spot: boolean;
    readonly clientToken?: string;
    readonly privateAddress?: string;
    readonly publicAddress?: string;
    readonly groups: readonly string[];
    readonly volumes: readonly string[];
    readonly userData?: string;
    /** Milliseconds since the epoch. */
    readonly launchedAt: number;
  })[];
  /** Without the default groups. */
  readonly groups: readonly (Of & { readonly name: string; readonly rules: number })[];
  readonly volumes: readonly (Of & {
    readonly state: string;
    readonly zone: string;
    readonly sizeGiB: number;
    readonly attachedTo?: string;
  })[];
  readonly snapshots: readonly (Of & { readonly state: string; readonly volume: string })[];
  readonly interfaces: readonly (Of & { readonly instance: string; readonly groups: readonly string[] })[];
  /** One's own; `id` is the name. */
  readonly parameters: readonly (Of & { readonly type: string; readonly value: string })[];
  /** `id` is the name, `at` when it strikes, in milliseconds since the epoch. */
  readonly schedules: readonly (Of & { readonly at: number; readonly action: string; readonly input: string })[];
  /** How many were ever made, of everything that an account can make. */
  readonly made: Readonly<Record<'instance' | 'security-group' | 'volume' | 'snapshot', number>>;
}

export function snapshotOf(world: World): WorldSnapshot {
  const regions = world.regions();
  const each = <T extends Of>(of: (region: RegionWorld) => readonly T[]) => regions.flatMap(of);
  return {
    instances: each(instancesOf),
    groups: each((region) =>
      [...region.every('security-group')]
        .filter(({ name }) => name !== 'default')
        .map((group) => ({ ...common(region, group.id, group.tags), name: group.name, rules: group.rules.length })),
    ),
    volumes: each((region) =>
      [...region.every('volume')].map((volume) => ({
        ...common(region, volume.id, volume.tags),
        state: volume.state,
        zone: volume.zone,
        sizeGiB: volume.sizeGiB,
        ...(volume.attachment === undefined ? {} : { attachedTo: volume.attachment.instance.id }),
      })),
    ),
    snapshots: each((region) =>
      [...region.every('snapshot')].map((snapshot) => ({
        ...common(region, snapshot.id, snapshot.tags),
        state: snapshot.state,
        volume: snapshot.volumeId,
      })),
    ),
    interfaces: each((region) =>
      [...region.every('network-interface')].map((held) => ({
        ...common(region, held.id, held.tags),
        instance: held.instance.id,
        groups: held.groups.map(({ id }) => id),
      })),
    ),
    parameters: each((region) =>
      region.parameters.list().map(({ name, type, value, tags }) => ({ ...common(region, name, tags), type, value })),
    ),
    schedules: each((region) =>
      region.scheduler.list().map(({ name, at, target }) => ({
        ...common(region, name, new Map()),
        at,
        action: target.Arn.replace(/^.*:aws-sdk:/, ''),
        input: target.Input ?? '',
      })),
    ),
    made: {
      instance: madeOf(regions, 'instance'),
      'security-group': madeOf(regions, 'security-group'),
      volume: madeOf(regions, 'volume'),
      snapshot: madeOf(regions, 'snapshot'),
    },
  };
}

function instancesOf(region: RegionWorld): WorldSnapshot['instances'] {
  return [...region.every('instance')]
    .filter(({ state }) => state !== 'terminated')
    .map((instance) => {
      const [primary] = instance.interfaces;
      return {
        ...common(region, instance.id, instance.tags),
        state: instance.state,
        type: instance.instanceType,
        zone: instance.subnet.zone,
        image: instance.image.id,
        spot: instance.spotRequest !== undefined,
        ...(instance.clientToken === undefined ? {} : { clientToken: instance.clientToken }),
        ...(primary === undefined ? {} : { privateAddress: primary.privateAddress }),
        ...(primary?.publicAddress === undefined ? {} : { publicAddress: primary.publicAddress }),
        groups: primary?.groups.map(({ id }) => id) ?? [],
        volumes: attachedTo(region, instance).map(({ id }) => id),
        ...(instance.userData === undefined ? {} : { userData: instance.userData }),
        launchedAt: instance.launchedAt,
      };
    });
}

function common(region: RegionWorld, id: string, tags: ReadonlyMap<string, string>): Of {
  return { id, account: region.account, region: region.name, tags: Object.fromEntries(tags) };
}

/** Default groups are made by nobody. */
function madeOf(regions: readonly RegionWorld[], kind: 'instance' | 'security-group' | 'volume' | 'snapshot'): number {
  const made = regions.reduce((sum, region) => sum + (region.made[kind] ?? 0), 0);
  if (kind !== 'security-group') return made;
  return made - regions.flatMap((region) => [...region.every('security-group')]).filter(({ name }) => name === 'default').length;
}
