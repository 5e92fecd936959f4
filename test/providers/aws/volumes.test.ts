import { CreateSnapshotCommand, CreateTagsCommand, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isoTime } from '../../../src/core/clock.ts';
import { OWNED } from '../../../src/core/tags.ts';
import type { Desire } from '../../../src/plan/plan.ts';
import { moveDeadline } from '../../../src/providers/aws/deadline/deadlines.ts';
import { enforce, enforcers } from '../../../src/providers/aws/deadline/enforcers.ts';
import { snapshotVolume } from '../../../src/providers/aws/data/volume-snapshot.ts';
import {
  attachVolume,
  createVolume,
  diskOf,
  listVolumes,
  observeVolumes,
  reclaimVolume,
  releaseVolume,
} from '../../../src/providers/aws/data/volumes.ts';
import { changeTags } from '../../../src/providers/aws/tagging.ts';
import { clientOf, ec2For, X86 } from '../../fakes/ec2/fixture.ts';
import type { Ec2 } from '../../fakes/ec2/start.ts';
import { aged, type DataWorld, dataWorld } from './data-world.ts';
import { awsWorld } from './world.ts';

type VolumeDesire = Extract<Desire, { kind: 'volume' }>;

const disk = (more: Partial<VolumeDesire> = {}): VolumeDesire => ({
  kind: 'volume',
  name: 'data',
  source: { from: 'disk', sizeGiB: 10 },
  ...more,
});

async function instance(ec2: Ec2, world: DataWorld, zone?: string): Promise<string> {
  const request = world.request('service.web', { kind: 'route', service: 'web', expose: { port: 'auto', host: '' } });
  const tags = { ...request.tags, 'spin:deadline': isoTime(request.deadline) };
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const { Instances = [] } = await clientOf(ec2).send(
    new RunInstancesCommand({
      ImageId: X86,
      InstanceType: 't3.micro',
      MinCount: 1,
      MaxCount: 1,
      ...(zone === undefined ? {} : { Placement: { AvailabilityZone: zone } }),
      TagSpecifications: [{ ResourceType: 'instance', Tags }],
    }),
  );
  return String(Instances[0]?.InstanceId);
}

describe('a volume', () => {
  it('is an encrypted disk with all its tags, made once', async () => {
    const ec2 = await ec2For();
    const { cloud, region, call, spin, request } = dataWorld({ url: ec2.url });
    const volume = request('volume.data', disk());
    const handle = await createVolume(cloud, volume, call);
    expect(await createVolume(cloud, volume, call)).toMatchObject({ volume: handle['volume'] });
    expect(ec2.snapshot().volumes).toMatchObject([
      {
        id: handle['volume'],
        sizeGiB: 10,
        zone: 'us-east-1a',
        tags: { 'spin:incarnation': spin.incarnation, 'spin:resource': 'volume.data@1' },
      },
    ]);
    const [made] = ec2.calls.filter(({ action }) => action === 'CreateVolume');
    expect(made?.input).toMatchObject({ Encrypted: true, VolumeType: 'gp3' });
    expect((await observeVolumes(region, [volume], call)).get(volume.key)).toMatchObject({ state: 'running' });
  });

  it('starts from a snapshot', async () => {
    const ec2 = await ec2For();
    const { cloud, call, spin, request } = dataWorld({ url: ec2.url });
    await createVolume(cloud, request('volume.seed', disk({ name: 'seed' })), call);
    const seed = await diskOf(cloud, spin, 'volume.seed@1', call);
    const { SnapshotId = '' } = await clientOf(ec2).send(new CreateSnapshotCommand({ VolumeId: String(seed?.id) }));
    const volume = request('volume.data', disk({ source: { from: 'snapshot', snapshot: SnapshotId, sizeGiB: 12 } }));
    await createVolume(cloud, volume, call);
    expect(ec2.calls.findLast(({ action }) => action === 'CreateVolume')?.input).toMatchObject({ SnapshotId, Size: 12 });
  });

  it('is made where its service can run, and in the next zone where there is no room', async () => {
    const ec2 = await ec2For();
    const { cloud, call, request } = dataWorld({ url: ec2.url });
    ec2.script({
      action: 'CreateVolume',
      times: 'always',
      fault: { kind: 'error', status: 400, code: 'InsufficientVolumeCapacity', message: 'There is not enough capacity' },
    });
    const volume = request('volume.data', disk({ types: ['t3.micro'] }));
    await expect(createVolume(cloud, volume, call)).rejects.toMatchObject({ kind: 'capacity', exhausted: false });
    await expect(createVolume(cloud, { ...volume, attempt: 2 }, call)).rejects.toMatchObject({ kind: 'capacity', exhausted: true });
    await expect(createVolume(cloud, { ...volume, attempt: 2, firstAttempt: 2 }, call)).rejects.toMatchObject({ exhausted: false });
    ec2.clear('scripts');
    expect(await createVolume(cloud, { ...volume, attempt: 1 }, call)).toMatchObject({ zone: 'us-east-1b' });
    const none = request('volume.none', disk({ name: 'none', types: ['x9.enormous'] }));
    await expect(createVolume(cloud, none, call)).rejects.toMatchObject({ class: 'no-zone', exhausted: true });
  });

  it('is pending while it is not shown, and gone when it is not shown any more', async () => {
    const ec2 = await ec2For({ visibleMs: 5_000 });
    const { cloud, region, call, request } = dataWorld({ url: ec2.url });
    const volume = request('volume.data', disk());
    const handle = await createVolume(cloud, volume, call);
    expect((await observeVolumes(region, [{ ...volume, handle }], call)).get(volume.key)?.state).toBe('pending');
    expect(await releaseVolume(region, { ...volume, handle }, call)).toBe('requested');
    expect((await observeVolumes(region, [aged(volume, handle)], call)).get(volume.key)?.state).toBe('absent');
  });

  it('is ended where whoever asked for it was killed before the answer, though it is not shown yet', async () => {
    const world = await awsWorld({ ec2: { visibleMs: 2_000 } });
    const { ec2, cloud, call } = world;
    const volume = { ...world.request('volume.data', disk()), requestedAt: call.clock.now() };
    await createVolume(cloud, volume, call);
    const next = world.another();
    expect(await next.release(volume, 1, call)).toBe('requested');
    for (;;) {
      const seen = await world.observe(volume, next);
      if (seen.state === 'absent') break;
      if (seen.stalled === true) await next.release(volume, 1, call);
      await next.nextChange(volume.spin, 250, call);
    }
    expect(ec2.snapshot().volumes).toEqual([]);
  });

  it('goes to one instance, stays with it, and is let go before it is deleted', async () => {
    const ec2 = await ec2For();
    const world = dataWorld({ url: ec2.url });
    const { cloud, region, call, spin, request } = world;
    const volume = request('volume.data', disk());
    const handle = await createVolume(cloud, volume, call);
    const [first, second] = [await instance(ec2, world), await instance(ec2, world)];
    await attachVolume(cloud, spin, volume.key, first, '/dev/sdf', call);
    expect(await attachVolume(cloud, spin, volume.key, first, '/dev/sdf', call)).toMatchObject({ attachedTo: [first] });
    await expect(attachVolume(cloud, spin, volume.key, second, '/dev/sdf', call)).rejects.toMatchObject({
      kind: 'transient',
      class: 'volume-held',
    });
    await expect(attachVolume(cloud, spin, 'volume.none@1', first, '/dev/sdf', call)).rejects.toMatchObject({ class: 'volume-missing' });
    // Held until it is off: the engine asks again.
    await expect(releaseVolume(region, volume, call)).rejects.toThrow(first);
    expect(await releaseVolume(region, volume, call)).toBe('requested');
    expect((await observeVolumes(region, [aged(volume, handle)], call)).get(volume.key)?.state).toBe('absent');
    expect(await releaseVolume(region, volume, call)).toBe('absent');
    const data = ec2.snapshot().volumes.filter(({ tags }) => tags['spin:resource'] === volume.key);
    expect(data).toEqual([]);
  });

  it('is found by its tags for its own state location, and reclaimed', async () => {
    const ec2 = await ec2For();
    const [mine, theirs] = [dataWorld({ url: ec2.url }), dataWorld({ url: ec2.url, stateTag: 'theirs' })];
    for (const world of [mine, theirs]) await createVolume(world.cloud, world.request('volume.data', disk()), world.call);
    const [found] = await listVolumes(mine.cloud, { id: mine.spin.id }, mine.call);
    expect(found).toMatchObject({ incarnation: mine.spin.incarnation, resource: 'volume.data@1', tags: { 'spin:owner': 'ada' } });
    expect(await listVolumes(mine.cloud, {}, mine.call)).toHaveLength(1);
    expect(await listVolumes(mine.cloud, { everyone: true }, mine.call)).toHaveLength(2);
    if (found === undefined) throw new Error('not found');
    expect(await reclaimVolume(mine.cloud, found, mine.call)).toBe('requested');
    expect(await reclaimVolume(mine.cloud, found, mine.call)).toBe('absent');
  });

  it('is written down as a snapshot that outlives its spin', async () => {
    const ec2 = await ec2For({ snapshotMs: 50 });
    const world = dataWorld({ url: ec2.url });
    const { cloud, call, spin, request } = world;
    await createVolume(cloud, request('volume.data', disk()), call);
    const dir = await mkdtemp(join(tmpdir(), 'spin-snapshot-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    const { bytes, kept } = await snapshotVolume(cloud, spin, 'data', join(dir, 'data.json'), call);
    const text = await readFile(join(dir, 'data.json'), 'utf8');
    expect(bytes).toBe(text.length);
    const [snapshot] = ec2.snapshot().snapshots;
    expect(JSON.parse(text)).toEqual({ snapshot: snapshot?.id, region: 'us-east-1', sizeGiB: 10, of: 'web/data' });
    expect(kept).toEqual({
      id: snapshot?.id,
      deleteWith: `aws ec2 delete-snapshot --region us-east-1 --snapshot-id ${snapshot?.id}`,
    });
    expect(snapshot?.tags).toMatchObject({ 'spin:snapshot-of': 'web/data', Name: 'spin/web/data' });
    expect(snapshot?.tags).not.toHaveProperty('spin:id');
    expect(await readdir(dir)).toEqual(['data.json']);
    await expect(snapshotVolume(cloud, spin, 'other', join(dir, 'x'), call)).rejects.toMatchObject({ class: 'volume-missing' });
  });
});

it('is one snapshot where the answer to the request was lost, though EC2 takes no token for it', async () => {
  const ec2 = await ec2For();
  const { cloud, call, spin, request } = dataWorld({ url: ec2.url });
  await createVolume(cloud, request('volume.data', disk()), call);
  ec2.script({ action: 'CreateSnapshot', fault: 'lose-response' });
  const dir = await mkdtemp(join(tmpdir(), 'spin-snapshot-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  await snapshotVolume(cloud, spin, 'data', join(dir, 'data.json'), call);
  expect(ec2.snapshot().made.snapshot).toBe(2);
  expect(ec2.snapshot().snapshots).toHaveLength(1);
});

describe('the deadline', () => {
  it('is moved on everything that EC2 has of a spin, in one request, the rest left alone', async () => {
    const ec2 = await ec2For();
    const world = dataWorld({ url: ec2.url });
    const other = dataWorld({ url: ec2.url });
    const { cloud, call, spin, request } = world;
    await createVolume(cloud, request('volume.data', disk()), call);
    await createVolume(other.cloud, other.request('volume.data', disk()), other.call);
    await instance(ec2, world);
    await createVolume(cloud, request('volume.taken', disk({ name: 'taken' })), call);
    const taken = ec2.snapshot().volumes.find(({ tags }) => tags[OWNED.resource] === 'volume.taken@1')?.id ?? '';
    await clientOf(ec2).send(new CreateTagsCommand({ Resources: [taken], Tags: [{ Key: OWNED.state, Value: 'of-others' }] }));
    const deadline = call.clock.now() + 7_200_000;
    ec2.clear('calls');
    await moveDeadline(cloud, spin, deadline, call);
    expect(ec2.counts()).toEqual({ DescribeTags: 3, CreateTags: 1 });
    const tagged = [...ec2.snapshot().volumes, ...ec2.snapshot().instances].filter(
      ({ tags }) => tags['spin:deadline'] === isoTime(deadline),
    );
    expect(tagged.map(({ tags }) => tags['spin:incarnation'])).toEqual([spin.incarnation, spin.incarnation]);
    await moveDeadline(cloud, spin, deadline, call);
    expect(ec2.counts()).toEqual({ DescribeTags: 6, CreateTags: 1 });
  });

  it('reaches what is there though something else is gone by then', async () => {
    const ec2 = await ec2For();
    const { cloud, call, spin, request } = dataWorld({ url: ec2.url });
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of names) await createVolume(cloud, request(`volume.${name}`, disk({ name })), call);
    const gone = ec2.snapshot().volumes[2]?.id ?? '';
    ec2.script({
      action: 'CreateTags',
      times: 'always',
      when: ({ input }) => JSON.stringify(input).includes(gone),
      fault: { kind: 'error', status: 400, code: 'InvalidVolume.NotFound', message: `The volume '${gone}' does not exist.` },
    });
    const deadline = call.clock.now() + 7_200_000;
    await moveDeadline(cloud, spin, deadline, call);
    const moved = ec2.snapshot().volumes.filter(({ tags }) => tags['spin:deadline'] === isoTime(deadline));
    expect(moved).toHaveLength(names.length - 1);
    expect(moved.some(({ id }) => id === gone)).toBe(false);
  });

  it('costs no request where the instances, as just seen, carry it already', async () => {
    const ec2 = await ec2For();
    const world = dataWorld({ url: ec2.url });
    const { region, call, spin } = world;
    await instance(ec2, world);
    const [machine] = await region.machines.of(spin, call);
    const deadline = Date.parse(machine?.tags['spin:deadline'] ?? '');
    ec2.clear('calls');
    const armed = await enforce(region, spin, deadline, call);
    expect(ec2.counts()).toEqual({});
    expect(armed).toEqual([
      { name: 'the timer in each instance', armed: true, detail: `1 instance ends itself at ${isoTime(deadline)}` },
      { name: 'EventBridge Scheduler', armed: false, detail: 'the config names no aws.schedulerRole', optional: true },
      { name: 'spin gc', armed: false, detail: 'ends it where a sweep runs, such as spin gc from cron', optional: true },
    ]);
    expect(await enforcers(region, spin, call)).toEqual(armed);
  });

  it.each([
    ['2090-06-01', { armed: true, detail: '1 instance ends itself at 2090-06-02T00:00:00.000Z' }],
    ['2020-01-01', { armed: true, detail: '1 instance ends itself at 2089-01-01T00:00:00.000Z' }],
    ['tomorrow', { armed: false, detail: 'the keep tag of an instance is not a date: it does not end itself' }],
  ])('is told as the timer reckons where somebody put keep: %s on the instance', async (keep, told) => {
    const ec2 = await ec2For();
    const world = dataWorld({ url: ec2.url });
    const { cloud, region, call, spin } = world;
    const id = await instance(ec2, world);
    await changeTags(cloud, [id], { put: { keep }, drop: [] }, call);
    const [timer] = await enforce(region, spin, Date.UTC(2089, 0, 1), call);
    expect(timer).toMatchObject(told);
    region.machines.forget(spin);
    expect((await enforcers(region, spin, call))[0]).toEqual(timer);
  });
});
