import {
  AddTagsToResourceCommand,
  CreateDBInstanceReadReplicaCommand,
  type DBInstance,
  DescribeDBInstancesCommand,
  RDSClient,
  RemoveTagsFromResourceCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
} from '@aws-sdk/client-rds';
import { isoTime } from '../../../core/clock.ts';
import { InternalError } from '../../../core/errors.ts';
import { OWNED, type Tags } from '../../../core/tags.ts';
import type { DatabaseSpec } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import type { Call, CreateRequest, Found, Handle, InventoryScope, Observation, SpinRef, Target } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { canBeSaved, removeDatabase } from './database-removal.ts';
import { createSubnetGroup, listSubnetGroups, removeSubnetGroup } from './database-subnets.ts';
import { isClass, unless } from '../fault-class.ts';
import type { Groups } from '../network/groups.ts';
import { databaseIdentifier, finalSnapshotName } from '../names.ts';
import { handleText, made, observation, observeAll } from '../observing.ts';
import { creationTags, inScope, markedSince, orphanMark, ownerOf, tagsFrom } from '../ownership.ts';
import { allPages } from '../pages.ts';
import type { Region } from '../region.ts';

/** A database is an RDS instance, restored from a snapshot or following another as its read replica, that only the spin's services reach. */

/** Tag that holds the name of the final snapshot, so that whoever ends the database without a record takes it too. */
export const FINAL_SNAPSHOT = 'spin:final-snapshot';

const GONE = ['DBInstanceNotFound'];

/** Statuses in which it answers queries: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html */
const SERVES: ReadonlySet<string> = new Set([
  'available',
  'backing-up',
  'configuring-enhanced-monitoring',
  'configuring-iam-database-auth',
  'configuring-log-exports',
  'storage-config-upgrade',
  'storage-initialization',
  'storage-optimization',
]);
/** Statuses that it does not leave by itself. */
const BROKEN: ReadonlySet<string> = new Set([
  'failed',
  'inaccessible-encryption-credentials',
  'incompatible-create',
  'incompatible-network',
  'incompatible-option-group',
  'incompatible-parameters',
  'incompatible-restore',
  'insufficient-capacity',
  'restore-error',
  'storage-full',
]);

/**
 * Asks for the database; it takes minutes until it serves. The name is derived, so that a second request meets the first.
 * @param groups where the security group of its firewall is found
 * @throws Fault
 */
export async function createDatabase(cloud: Cloud, groups: Pick<Groups, 'idOf'>, request: CreateRequest, call: Call): Promise<Handle> {
  const database = desireOf(request);
  const identifier = databaseIdentifier(request.spin, request.key);
  const snapshot = snapshotOf(request);
  const firewall = request.needs.find((need) => need.startsWith('firewall.'));
  const group = firewall === undefined ? undefined : await groups.idOf(request.spin, firewall, call);
  if (group === undefined) throw new Fault('transient', 'firewall-missing', `${request.key}: its firewall is not there yet`);
  const common = {
    DBInstanceIdentifier: identifier,
    VpcSecurityGroupIds: [group],
    PubliclyAccessible: false,
    DeletionProtection: false,
    CopyTagsToSnapshot: false,
    AutoMinorVersionUpgrade: false,
    MultiAZ: false,
    Tags: [...creationTags(request), ...(snapshot === undefined ? [] : [{ Key: FINAL_SNAPSHOT, Value: snapshot }])],
    ...(database.instanceClass === undefined ? {} : { DBInstanceClass: database.instanceClass }),
  };
  try {
    await begin(cloud, request, database, common, call);
  } catch (thrown) {
    if (!isClass(thrown, 'DBInstanceAlreadyExists')) throw thrown;
    const [there] = await describe(cloud, [identifier], call);
    const owner = ownerOf(tagsFrom(there?.TagList));
    if (owner?.incarnation !== request.spin.incarnation || owner.resource !== request.key) {
      throw new Fault('conflict', 'name-taken', `database ${identifier} exists already and is not of this spin`, { cause: thrown });
    }
  }
  return made(call, { database: identifier });
}

/** One request for all databases of a spin. */
export async function observeDatabases(
  { cloud, asked }: Pick<Region, 'cloud' | 'asked'>,
  targets: readonly Target[],
  call: Call,
): Promise<ReadonlyMap<string, Observation>> {
  const nameOf = (target: Target) => databaseIdentifier(target.spin, target.key);
  return observeAll(
    targets,
    async () => {
      const found = new Map(
        (await describe(cloud, targets.map(nameOf), call)).map((instance) => [instance.DBInstanceIdentifier, instance]),
      );
      return (target) => {
        const instance = found.get(nameOf(target));
        return instance === undefined ? asked.missing(target, call) : seenAs(instance, desireOf(target));
      };
    },
    call,
  );
}

/**
 * Deletes it, with the final snapshot that the spec asks for.
 * @throws Fault `transient` while RDS is at work on it and takes no deletion
 */
export async function releaseDatabase(
  region: Pick<Region, 'cloud' | 'asked' | 'toldOnce'>,
  target: Target,
  call: Call,
): Promise<'requested' | 'absent'> {
  const { spin, key } = target;
  const answer = await removeDatabase(region, { key, identifier: databaseIdentifier(spin, key), snapshot: snapshotOf(target) }, call);
  return answer === 'absent' && region.asked.mayBeHidden(target, call) ? 'requested' : answer;
}

/** @throws Fault */
export async function listDatabases(cloud: Cloud, scope: InventoryScope, call: Call): Promise<readonly Found[]> {
  const { stateTag } = cloud.options;
  const [instances, subnetGroups] = await Promise.all([describe(cloud, [], call), listSubnetGroups(cloud, scope, call)]);
  const found = instances.flatMap((instance): Found[] => {
    const tags = tagsFrom(instance.TagList);
    const owner = ownerOf(tags);
    const identifier = instance.DBInstanceIdentifier;
    if (identifier === undefined || owner === undefined || !inScope(owner, scope, stateTag)) return [];
    const { [FINAL_SNAPSHOT]: name } = tags;
    const snapshot = name === undefined || !canBeSaved(instance.DBInstanceStatus) ? '' : `; final snapshot ${name}`;
    return [
      {
        provider: 'aws',
        id: owner.id,
        incarnation: owner.incarnation,
        resource: owner.resource,
        kind: 'database',
        what: `database ${identifier} (${instance.DBInstanceClass ?? 'RDS'}, ${instance.DBInstanceStatus ?? 'status unknown'}${snapshot})`,
        ...(instance.InstanceCreateTime === undefined ? {} : { createdAt: instance.InstanceCreateTime.getTime() }),
        place: { region: cloud.region },
        tags,
        ...markedSince(tags[OWNED.orphan]),
        handle: { database: identifier, arn: instance.DBInstanceArn },
      },
    ];
  });
  return [...found, ...subnetGroups];
}

/** Deletes what an inventory found, with the final snapshot that its tags ask for. @throws Fault */
export async function reclaimDatabase(
  region: Pick<Region, 'cloud' | 'toldOnce'>,
  found: Found,
  call: Call,
): Promise<'requested' | 'absent'> {
  const subnets = handleText(found.handle, 'subnetGroup');
  if (subnets !== undefined) return removeSubnetGroup(region.cloud, subnets, call);
  const identifier = handleText(found.handle, 'database');
  if (identifier === undefined) throw new InternalError(`${found.what} was found without a name`);
  return removeDatabase(region, { key: found.resource, identifier, snapshot: found.tags?.[FINAL_SNAPSHOT] }, call);
}

/** A database of a spin, as its tags tell. */
export interface Database {
  readonly key: string;
  readonly identifier: string;
  readonly arn: string;
  readonly tags: Tags;
}

/** The databases of a spin that are not on their way out: RDS has no filter for tags, so the whole region is asked for. @throws Fault */
export async function databasesOf(cloud: Cloud, spin: SpinRef, call: Call): Promise<readonly Database[]> {
  return (await describe(cloud, [], call)).flatMap((instance) => {
    const { DBInstanceIdentifier: identifier, DBInstanceArn: arn, DBInstanceStatus: status } = instance;
    const tags = tagsFrom(instance.TagList);
    const owner = ownerOf(tags);
    if (owner?.incarnation !== spin.incarnation || owner.id !== spin.id || status === 'deleting') return [];
    return identifier === undefined || arn === undefined ? [] : [{ key: owner.resource, identifier, arn, tags }];
  });
}

/** Writes the deadline into the tags of the databases that say another one. @throws Fault */
export async function moveDatabaseDeadlines(cloud: Cloud, spin: SpinRef, deadline: number, call: Call): Promise<void> {
  const value = isoTime(deadline);
  const ours = (await databasesOf(cloud, spin, call)).filter(({ tags }) => tags[OWNED.state] === cloud.options.stateTag);
  const stale = ours.filter(({ tags }) => tags[OWNED.deadline] !== value);
  await Promise.all(stale.map(({ arn }) => tagDatabase(cloud, arn, { [OWNED.deadline]: value }, call)));
}

/** Makes a database, or its subnet group, one of this state location. @throws Fault */
export async function ownDatabase(cloud: Cloud, found: Found, call: Call): Promise<void> {
  const arn = handleText(found.handle, 'arn');
  if (arn !== undefined) await tagDatabase(cloud, arn, { [OWNED.state]: cloud.options.stateTag }, call);
  if (found.orphanSince !== undefined) await markDatabase(cloud, found, undefined, call);
}

/** Marks a database, or its subnet group, as an orphan since then, or takes the mark away. @throws Fault */
export async function markDatabase(cloud: Cloud, found: Found, since: number | undefined, call: Call): Promise<void> {
  const ResourceName = handleText(found.handle, 'arn');
  if (ResourceName === undefined) throw new InternalError(`${found.what} was found without an ARN`);
  const { put, drop } = orphanMark(since);
  if (since !== undefined) return tagDatabase(cloud, ResourceName, put, call);
  const command = new RemoveTagsFromResourceCommand({ ResourceName, TagKeys: [...drop] });
  await unless([...GONE, 'DBSubnetGroupNotFound'], () => cloud.send(RDSClient, command, call));
}

function desireOf({ desire, key }: Target): DatabaseSpec {
  if (desire.kind !== 'database') throw new InternalError(`${key} is no database`);
  return desire.database;
}

/** Name of the snapshot that it leaves; undefined where it leaves none. */
function snapshotOf(target: Target): string | undefined {
  const { finalSnapshot } = desireOf(target);
  return finalSnapshot === undefined ? undefined : finalSnapshotName(finalSnapshot, target.spin, target.key);
}

interface Common {
  readonly DBInstanceIdentifier: string;
  readonly VpcSecurityGroupIds: string[];
  readonly Tags: { Key: string; Value: string }[];
}

async function begin(cloud: Cloud, request: CreateRequest, { source }: DatabaseSpec, common: Common, call: Call): Promise<void> {
  if (source.from === 'replica') {
    // In the source's own region RDS refuses a subnet group: a replica lives in the VPC of its source.
    const command = new CreateDBInstanceReadReplicaCommand({ ...common, SourceDBInstanceIdentifier: source.of });
    await cloud.send(RDSClient, command, call);
    return;
  }
  const subnets = await createSubnetGroup(cloud, request, common.DBInstanceIdentifier, call);
  const command = new RestoreDBInstanceFromDBSnapshotCommand({
    ...common,
    DBSnapshotIdentifier: source.snapshot,
    ...(subnets === undefined ? {} : { DBSubnetGroupName: subnets }),
  });
  await cloud.send(RDSClient, command, call);
}

async function tagDatabase(cloud: Cloud, ResourceName: string, tags: Tags, call: Call): Promise<void> {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  await unless([...GONE, 'DBSubnetGroupNotFound'], () => cloud.send(RDSClient, new AddTagsToResourceCommand({ ResourceName, Tags }), call));
}

/** Those of these names, which need not exist; all of the region where none is given. */
function describe(cloud: Cloud, names: readonly string[], call: Call): Promise<readonly DBInstance[]> {
  const which = names.length === 0 ? {} : { Filters: [{ Name: 'db-instance-id', Values: [...names] }] };
  return allPages(async (Marker) => {
    const page = await unless(GONE, () =>
      cloud.send(RDSClient, new DescribeDBInstancesCommand({ ...which, Marker, MaxRecords: 100 }), call),
    );
    return { items: page?.DBInstances, next: page?.Marker };
  });
}

function seenAs(instance: DBInstance, { name }: DatabaseSpec): Observation {
  const { DBInstanceIdentifier: identifier = '', DBInstanceStatus: status = 'unknown', Endpoint } = instance;
  if (status === 'deleting') return observation('stopping', `${identifier} is being deleted`);
  if (BROKEN.has(status)) {
    const message = `${identifier} is in the status ${status}, which it does not leave by itself`;
    return observation('pending', message, { failure: { class: 'database-failed', message } });
  }
  const { Address: host, Port: port } = Endpoint ?? {};
  if (!SERVES.has(status) || host === undefined || port === undefined) return observation('pending', `${identifier} is ${status}`);
  return observation('running', `${identifier} is ${status}`, { endpoints: [{ service: name, via: 'instance', host, port }] });
}
