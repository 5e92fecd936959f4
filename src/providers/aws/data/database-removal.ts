import {
  DeleteDBInstanceCommand,
  type DBSnapshot,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import { Fault } from '../../fault.ts';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { isClass, unless } from '../fault-class.ts';
import type { Region } from '../region.ts';
import { removeSubnetGroup } from './database-subnets.ts';

/** How a database goes: with its final snapshot, where it is to leave one. */

const GONE = ['DBInstanceNotFound'];

/** Statuses in which RDS makes no snapshot, and takes a deletion without one alone (DeleteDBInstance, API reference). */
const BEYOND_SAVING: ReadonlySet<string> = new Set(['failed', 'incompatible-network', 'incompatible-restore']);

type Teller = Pick<Region, 'cloud' | 'toldOnce'>;

/** A database that is to be deleted. */
export interface Doomed {
  readonly key: string;
  readonly identifier: string;
  /** Name of the snapshot that it leaves. */
  readonly snapshot?: string | undefined;
}

/** True where a database in this status can still be made a snapshot of, now or later. */
export function canBeSaved(status: string | undefined): boolean {
  return status === undefined || !BEYOND_SAVING.has(status);
}

/**
 * Asks for its deletion, and tells once which snapshot stays, or why there is none.
 * @throws Fault `transient` while RDS is at work on it and takes no deletion; `conflict` where another snapshot has the name
 */
export async function removeDatabase(region: Teller, doomed: Doomed, call: Call): Promise<'requested' | 'absent'> {
  const { cloud } = region;
  const { identifier, snapshot } = doomed;
  try {
    await askToGo(cloud, doomed, call);
    if (snapshot !== undefined) tellKept(region, doomed, call);
    return 'requested';
  } catch (thrown) {
    // Its subnet group can go only when it is gone itself.
    if (isClass(thrown, ...GONE)) return removeSubnetGroup(cloud, identifier, call);
    if (!isClass(thrown, 'InvalidDBInstanceState', 'DBSnapshotAlreadyExists')) throw thrown;
    return afterRefusal(region, doomed, thrown, call);
  }
}

async function afterRefusal(region: Teller, doomed: Doomed, refusal: Fault, call: Call): Promise<'requested' | 'absent'> {
  const status = await statusOf(region.cloud, doomed.identifier, call);
  if (status === 'deleting') {
    await tellOfEarlier(region, doomed, call);
    return 'requested';
  }
  const isTaken: boolean = isClass(refusal, 'DBSnapshotAlreadyExists');
  if (isTaken) return removeSaved(region, doomed, refusal, call);
  if (doomed.snapshot !== undefined && !canBeSaved(status)) return removeUnsaved(region, doomed, `it is ${status}`, call);
  throw new Fault('transient', refusal.class, `${doomed.identifier} is ${status ?? 'busy'} and cannot be deleted yet`, { cause: refusal });
}

async function askToGo(cloud: Cloud, { identifier, snapshot }: Doomed, call: Call): Promise<void> {
  const last = snapshot === undefined ? { SkipFinalSnapshot: true } : { SkipFinalSnapshot: false, FinalDBSnapshotIdentifier: snapshot };
  const command = new DeleteDBInstanceCommand({ DBInstanceIdentifier: identifier, DeleteAutomatedBackups: true, ...last });
  await cloud.send(RDSClient, command, call);
}

/** The snapshot is there and the database is not on its way: it goes without another one if that one is whole, and of this database. */
async function removeSaved(region: Teller, doomed: Doomed, refusal: Fault, call: Call): Promise<'requested' | 'absent'> {
  const { key, identifier, snapshot = '' } = doomed;
  const there = await snapshotNamed(region.cloud, snapshot, call);
  if (isOf(there, doomed) && there?.Status === 'available') {
    const answer = await removeDatabase(region, { key, identifier }, call);
    tellKept(region, doomed, call);
    return answer;
  }
  if (there === undefined || (isOf(there, doomed) && there.Status === 'creating'))
    throw new Fault('transient', refusal.class, `${identifier} cannot be deleted while its snapshot ${snapshot} is made`, {
      cause: refusal,
    });
  const whose = isOf(there, doomed) ? `is ${there.Status ?? 'of no known status'}` : 'is of another database';
  throw new Fault('conflict', refusal.class, `${identifier} cannot be deleted: the snapshot ${snapshot} ${whose}; delete that first`, {
    cause: refusal,
  });
}

/** Better no snapshot than a database that can never go, and is paid for. */
async function removeUnsaved(
  region: Teller,
  { key, identifier, snapshot }: Doomed,
  why: string,
  call: Call,
): Promise<'requested' | 'absent'> {
  const answer = await removeDatabase(region, { key, identifier }, call);
  const message = `${why}, and RDS makes no snapshot of such a database: there is no ${snapshot}`;
  call.emit({ type: 'snapshot.skipped', resource: key, message, data: { snapshot } });
  return answer;
}

/** What an earlier request has begun, by this process or by one that was killed. */
async function tellOfEarlier(region: Teller, doomed: Doomed, call: Call): Promise<void> {
  const { identifier, snapshot } = doomed;
  // It is asked to go again and again until it has gone.
  if (snapshot === undefined || !region.toldOnce(`what ${identifier} leaves`)) return;
  if (isOf(await snapshotNamed(region.cloud, snapshot, call), doomed)) tellKept(region, doomed, call);
}

function tellKept({ toldOnce }: Teller, { key, identifier, snapshot }: Doomed, call: Call): void {
  if (toldOnce(`the snapshot of ${identifier}`)) call.emit({ type: 'snapshot.kept', resource: key, data: { snapshot } });
}

function isOf(snapshot: DBSnapshot | undefined, { identifier }: Doomed): boolean {
  return snapshot?.DBInstanceIdentifier === identifier;
}

async function statusOf(cloud: Cloud, DBInstanceIdentifier: string, call: Call): Promise<string | undefined> {
  const answer = await unless(GONE, () => cloud.send(RDSClient, new DescribeDBInstancesCommand({ DBInstanceIdentifier }), call));
  return answer?.DBInstances?.[0]?.DBInstanceStatus;
}

async function snapshotNamed(cloud: Cloud, DBSnapshotIdentifier: string, call: Call): Promise<DBSnapshot | undefined> {
  const command = new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier });
  const answer = await unless(['DBSnapshotNotFound'], () => cloud.send(RDSClient, command, call));
  return answer?.DBSnapshots?.[0];
}
