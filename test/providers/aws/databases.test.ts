import {
  CreateDBInstanceCommand,
  CreateDBSnapshotCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import { expect, it, onTestFinished } from 'vitest';
import { isoTime } from '../../../src/core/clock.ts';
import {
  createDatabase,
  databasesOf,
  listDatabases,
  moveDatabaseDeadlines,
  observeDatabases,
  ownDatabase,
  reclaimDatabase,
  releaseDatabase,
} from '../../../src/providers/aws/data/databases.ts';
import { mark } from '../../../src/providers/aws/sweep/inventory.ts';
import type { DatabaseSpec } from '../../../src/spec/spec.ts';
import { clientsOf } from '../../fakes/moto/clients.ts';
import { describeWithMoto } from '../../fakes/moto/suite.ts';
import { databaseIdentifier, finalSnapshotName } from '../../../src/providers/aws/names.ts';
import type { CreateRequest } from '../../../src/providers/provider.ts';
import { aged, type DataWorld, dataWorld } from './data-world.ts';
import { DescribeSubnetsCommand } from '@aws-sdk/client-ec2';

describeWithMoto('a database, against moto', (moto) => {
  const open = (more = {}) => dataWorld({ url: moto().proxy.url, ...more });
  const groups = { idOf: () => Promise.resolve('sg-0123456789abcdef0') };
  const needs = ['firewall.db@1'];

  function rds(): RDSClient {
    const client = new RDSClient({
      endpoint: moto().proxy.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    });
    onTestFinished(() => client.destroy());
    return client;
  }

  async function source(client: RDSClient): Promise<void> {
    const DBInstanceIdentifier = 'prod';
    await client.send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier,
        Engine: 'postgres',
        DBInstanceClass: 'db.t4g.micro',
        AllocatedStorage: 20,
        MasterUsername: 'admin1',
        MasterUserPassword: 'password1',
      }),
    );
    await client.send(new CreateDBSnapshotCommand({ DBInstanceIdentifier, DBSnapshotIdentifier: 'seed' }));
  }

  const spec = (more: Partial<DatabaseSpec> = {}): DatabaseSpec => ({
    name: 'db',
    source: { from: 'snapshot', snapshot: 'seed' },
    ...more,
  });

  it('is restored from a snapshot, closed to the world, with its deadline, once', async () => {
    const { cloud, region, call, spin, request } = open();
    const client = rds();
    await source(client);
    const database = request('database.db', { kind: 'database', database: spec({ instanceClass: 'db.t4g.small' }) }, { needs });
    const handle = await createDatabase(cloud, groups, database, call);
    await createDatabase(cloud, groups, database, call);
    const { DBInstances = [] } = await client.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: String(handle['database']) }));
    expect(DBInstances[0]).toMatchObject({ DBInstanceClass: 'db.t4g.small', DeletionProtection: false });
    const asked = moto().proxy.calls.find(({ action }) => action === 'RestoreDBInstanceFromDBSnapshot');
    expect(asked?.params).toMatchObject({
      PubliclyAccessible: 'false',
      'VpcSecurityGroupIds.VpcSecurityGroupId.1': 'sg-0123456789abcdef0',
    });
    expect(DBInstances[0]?.TagList).toContainEqual({ Key: 'spin:deadline', Value: isoTime(database.deadline) });
    expect((await observeDatabases(region, [database], call)).get(database.key)).toMatchObject({
      state: 'running',
      endpoints: [{ service: 'db', via: 'instance', port: 5432 }],
    });
    expect(await databasesOf(cloud, spin, call)).toHaveLength(1);
    await moveDatabaseDeadlines(cloud, spin, database.deadline + 1_000, call);
    expect((await databasesOf(cloud, spin, call))[0]?.tags).toMatchObject({ 'spin:deadline': isoTime(database.deadline + 1_000) });
  });

  it('is a read replica where the spec says so', async () => {
    const { cloud, call, request } = open();
    const client = rds();
    await source(client);
    const database = request('database.db', { kind: 'database', database: spec({ source: { from: 'replica', of: 'prod' } }) }, { needs });
    const handle = await createDatabase(cloud, groups, database, call);
    const { DBInstances = [] } = await client.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: String(handle['database']) }));
    expect(DBInstances[0]?.ReadReplicaSourceDBInstanceIdentifier).toBe('prod');
  });

  it('is deleted without a final snapshot unless one is asked for, and proven gone', async () => {
    const { cloud, region, call, spin, events, request } = open();
    const client = rds();
    await source(client);
    const plain = request('database.db', { kind: 'database', database: spec() }, { needs });
    const kept = request('database.kept', { kind: 'database', database: spec({ name: 'kept', finalSnapshot: 'last-words' }) }, { needs });
    const handles = [await createDatabase(cloud, groups, plain, call), await createDatabase(cloud, groups, kept, call)];
    for (const database of [plain, kept]) expect(await releaseDatabase(region, database, call)).toBe('requested');
    const targets = [plain, kept].map((database, index) => aged(database, handles[index]));
    expect([...(await observeDatabases(region, targets, call)).values()].map(({ state }) => state)).toEqual(['absent', 'absent']);
    expect(await releaseDatabase(region, targets[0] ?? plain, call)).toBe('absent');
    const deletions = moto().proxy.calls.filter(({ action }) => action === 'DeleteDBInstance');
    expect(deletions.slice(0, 2).map(({ params }) => [params['SkipFinalSnapshot'], params['FinalDBSnapshotIdentifier']])).toEqual([
      ['true', undefined],
      ['false', finalSnapshotName('last-words', spin, kept.key)],
    ]);
    expect(events).toEqual([
      { type: 'snapshot.kept', resource: kept.key, data: { snapshot: finalSnapshotName('last-words', spin, kept.key) } },
    ]);
  });

  const saved = (world: DataWorld): CreateRequest =>
    world.request('database.db', { kind: 'database', database: spec({ finalSnapshot: 'last-words' }) }, { needs });
  /** A database whose last snapshot has been made already. */
  const withLastSnapshot = async () => {
    const client = rds();
    await source(client);
    const world = open();
    const database = saved(world);
    await createDatabase(world.cloud, groups, database, world.call);
    const snapshot = finalSnapshotName('last-words', world.spin, database.key);
    const DBInstanceIdentifier = databaseIdentifier(world.spin, database.key);
    await client.send(new CreateDBSnapshotCommand({ DBInstanceIdentifier, DBSnapshotIdentifier: snapshot }));
    return { ...world, database, snapshot };
  };
  const snapshots = async (client: RDSClient): Promise<readonly (string | undefined)[]> =>
    ((await client.send(new DescribeDBSnapshotsCommand({}))).DBSnapshots ?? [])
      .map(({ DBSnapshotIdentifier: name }) => name)
      .filter((name) => name?.startsWith('last-words'));

  it('leaves a snapshot of another name in each life, with a record and without', async () => {
    const client = rds();
    await source(client);
    const names: string[] = [];
    for (const end of ['release', 'reclaim'] as const) {
      const world = open();
      const { cloud, region, call, spin } = world;
      const database = saved(world);
      names.push(finalSnapshotName('last-words', spin, database.key));
      await createDatabase(cloud, groups, database, call);
      const [found] = await listDatabases(cloud, {}, call);
      expect(found?.what).toContain(`final snapshot ${names.at(-1)}`);
      if (found === undefined) throw new Error('not found');
      expect(await (end === 'release' ? releaseDatabase(region, database, call) : reclaimDatabase(region, found, call))).toBe('requested');
      expect(await listDatabases(cloud, {}, call)).toEqual([]);
    }
    expect(new Set(await snapshots(client))).toEqual(new Set(names));
    expect(names.every((name) => /^last-words-[a-z0-9]{12}$/.test(name))).toBe(true);
  });

  it('goes without another snapshot where the one of this life is whole, and says that it stays', async () => {
    const { cloud, region, call, events, database, snapshot } = await withLastSnapshot();
    expect(await releaseDatabase(region, database, call)).toBe('requested');
    expect(await listDatabases(cloud, {}, call)).toEqual([]);
    expect(events).toEqual([{ type: 'snapshot.kept', resource: database.key, data: { snapshot } }]);
  });

  it.each(['failed', 'incompatible-network', 'incompatible-restore'])('goes without its snapshot where it is %s', async (status) => {
    await source(rds());
    const world = open();
    const { cloud, region, call, spin, events } = world;
    const database = saved(world);
    await createDatabase(cloud, groups, database, call);
    moto().proxy.ail(databaseIdentifier(spin, database.key), status);
    expect(await releaseDatabase(region, database, call)).toBe('requested');
    expect(await listDatabases(cloud, {}, call)).toEqual([]);
    expect(events).toMatchObject([{ type: 'snapshot.skipped', resource: database.key, message: expect.stringContaining(status) }]);
  });

  it('keeps its snapshot where RDS is only busy: it is asked again', async () => {
    await source(rds());
    const world = open();
    const { cloud, region, call, spin, events } = world;
    const database = saved(world);
    await createDatabase(cloud, groups, database, call);
    moto().proxy.ail(databaseIdentifier(spin, database.key), 'modifying');
    await expect(releaseDatabase(region, database, call)).rejects.toMatchObject({ kind: 'transient' });
    expect(events).toEqual([]);
    expect(await listDatabases(cloud, {}, call)).toHaveLength(1);
  });

  it('says once which snapshot stays where an earlier process asked it to go', async () => {
    const { region, call, spin, events, database, snapshot } = await withLastSnapshot();
    moto().proxy.ail(databaseIdentifier(spin, database.key), 'deleting');
    for (const _again of [1, 2]) expect(await releaseDatabase(region, database, call)).toBe('requested');
    expect(events).toEqual([{ type: 'snapshot.kept', resource: database.key, data: { snapshot } }]);
  });

  it('stays where a snapshot of something else has the name, and says so', async () => {
    const client = rds();
    await source(client);
    const world = open();
    const { cloud, region, call, spin } = world;
    const database = saved(world);
    await createDatabase(cloud, groups, database, call);
    const DBSnapshotIdentifier = finalSnapshotName('last-words', spin, database.key);
    await client.send(new CreateDBSnapshotCommand({ DBInstanceIdentifier: 'prod', DBSnapshotIdentifier }));
    await expect(releaseDatabase(region, database, call)).rejects.toMatchObject({
      kind: 'conflict',
      message: expect.stringContaining(`the snapshot ${DBSnapshotIdentifier} is of another database`),
    });
    expect(await listDatabases(cloud, {}, call)).toHaveLength(1);
  });

  it('lives in the subnets of the config, in a group that goes with it', async () => {
    const { ec2 } = clientsOf({ endpoint: moto().proxy.url });
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
    const subnets = Subnets.flatMap(({ SubnetId }) => SubnetId ?? []);
    const { cloud, region, call, request } = open({ settings: { subnets } });
    await source(rds());
    const database = request('database.db', { kind: 'database', database: spec() }, { needs });
    const handle = await createDatabase(cloud, groups, database, call);
    const found = await listDatabases(cloud, {}, call);
    expect(found.map(({ what }) => what.split(' ')[0])).toEqual(['database', 'subnet']);
    await mark([region], found, 1_000, call);
    expect((await listDatabases(cloud, {}, call)).map(({ orphanSince }) => orphanSince)).toEqual([1_000, 1_000]);
    expect(await releaseDatabase(region, database, call)).toBe('requested');
    expect(await releaseDatabase(region, aged(database, handle), call)).toBe('absent');
    expect(await listDatabases(cloud, {}, call)).toEqual([]);
  });

  it('is found by its tags, taken over, and reclaimed with the snapshot that they ask for', async () => {
    const [mine, theirs] = [open(), open({ stateTag: 'theirs' })];
    await source(rds());
    const database = theirs.request('database.db', { kind: 'database', database: spec({ finalSnapshot: 'kept' }) }, { needs });
    await createDatabase(theirs.cloud, groups, database, theirs.call);
    expect(await listDatabases(mine.cloud, {}, mine.call)).toEqual([]);
    const [found] = await listDatabases(mine.cloud, { everyone: true }, mine.call);
    if (found === undefined) throw new Error('not found');
    await mark([theirs.region], [found], 1_000, theirs.call);
    const [marked = found] = await listDatabases(theirs.cloud, {}, theirs.call);
    expect(marked).toMatchObject({ marks: true, orphanSince: 1_000 });
    await mark([theirs.region], [found], undefined, theirs.call);
    expect((await listDatabases(theirs.cloud, {}, theirs.call))[0]).not.toHaveProperty('orphanSince');
    await mark([theirs.region], [found], 1_000, theirs.call);
    await ownDatabase(mine.cloud, marked, mine.call);
    const owned = await listDatabases(mine.cloud, {}, mine.call);
    expect(owned).toMatchObject([{ id: 'web', resource: 'database.db@1', kind: 'database' }]);
    expect(owned[0]).not.toHaveProperty('orphanSince');
    expect(await reclaimDatabase(mine.region, found, mine.call)).toBe('requested');
    expect(await reclaimDatabase(mine.region, found, mine.call)).toBe('absent');
    expect(moto().proxy.calls.find(({ action }) => action === 'DeleteDBInstance')?.params['FinalDBSnapshotIdentifier']).toBe(
      finalSnapshotName('kept', theirs.spin, database.key),
    );
  });
});
