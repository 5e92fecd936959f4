import { DescribeVolumesCommand } from '@aws-sdk/client-ec2';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { makeIncarnation } from '../../../src/core/ids.ts';
import { OWNED } from '../../../src/core/tags.ts';
import { createAwsProvider } from '../../../src/providers/aws/aws.ts';
import { Fault } from '../../../src/providers/fault.ts';
import { clientOf, DATA_DISKS } from '../../fakes/ec2/fixture.ts';
import { awsWorld, type AwsWorld, launch, REPOSITORY } from './world.ts';

describe('a service on EC2', () => {
  test('is one launch for all its replicas, and each is known by its ordinal', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web', replicas: 3 }));
    const seen = await world.until(web, ({ state }) => state === 'running');
    expect(seen.instances.map(({ name, state }) => `${name} ${state}`)).toEqual(['web@1.1 healthy', 'web@1.2 healthy', 'web@1.3 healthy']);
    expect(world.ec2.counts()['RunInstances']).toBe(1);
    expect(world.living()).toHaveLength(3);
  });

  test('is launched with everything that keeps it safe and lets it end', async () => {
    const world = await awsWorld();
    const deadline = world.call.clock.now() + 600_000;
    await launch(
      world,
      world.service({ name: 'web', cloud: { instanceTypes: ['m5.large'], spot: false, address: 'private', diskGiB: 20 } }, { deadline }),
    );
    const input = launches(world)[0];
    expect(input).toMatchObject({
      MinCount: 1,
      MaxCount: 1,
      InstanceType: 'm5.large',
      InstanceInitiatedShutdownBehavior: 'terminate',
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, InstanceMetadataTags: 'enabled' },
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { Encrypted: true, VolumeType: 'gp3', DeleteOnTermination: true, VolumeSize: 20 } },
      ],
    });
    expect(input).not.toHaveProperty('KeyName');
    const { instances, volumes, interfaces, groups } = world.ec2.snapshot();
    for (const thing of [instances[0], volumes[0], interfaces[0]]) {
      expect(thing?.tags).toMatchObject({
        [OWNED.id]: 'web',
        [OWNED.incarnation]: world.spin.incarnation,
        [OWNED.resource]: 'service.web@1',
        [OWNED.deadline]: new Date(deadline).toISOString(),
        Name: 'spin/web/service.web',
      });
    }
    expect(instances[0]?.groups).toEqual(groups.map(({ id }) => id));
  });

  test('encrypts every disk that its image has, and takes it along when it ends', async () => {
    const world = await awsWorld();
    const cloud = { instanceTypes: [], spot: false, address: 'private', image: DATA_DISKS } as const;
    const web = await launch(world, world.service({ name: 'web', cloud }));
    await world.until(web, ({ state }) => state === 'running');
    const { Volumes = [] } = await clientOf(world.ec2).send(new DescribeVolumesCommand({}));
    expect(Volumes.map(({ Size, Encrypted, VolumeType }) => [Size, Encrypted, VolumeType])).toEqual([
      [8, true, 'gp3'],
      [100, true, 'gp3'],
      [20, true, 'gp3'],
    ]);
    world.ec2.outside.terminate(world.living()[0]?.id ?? '');
    await world.ec2.advance(60_000);
    expect(world.ec2.snapshot().volumes).toEqual([]);
  });

  test('bears the tags of its spec but for keep, which its deadline holds', async () => {
    const world = await awsWorld();
    const request = world.service({ name: 'web' });
    await launch(world, { ...request, tags: { ...request.tags, team: 'shop', keep: '2030-01-01' } });
    const { instances, volumes } = world.ec2.snapshot();
    expect(instances[0]?.tags).toMatchObject({ team: 'shop' });
    expect(instances[0]?.tags).not.toHaveProperty('keep');
    expect(volumes[0]?.tags).toMatchObject({ team: 'shop', keep: '2030-01-01' });
  });

  test('is told its spin, trace and commands in user data', async () => {
    const world = await awsWorld();
    await launch(world, world.service({ name: 'web', run: 'serve "$PORT"', env: { GREETING: "it's <b>" } }));
    const { userData } = world.ec2.snapshot().instances[0] ?? {};
    expect(textOf(userData)).toMatch(/^#cloud-config\n# spin web, trace 0{32}\n/);
    expect(bootConfig(userData)).toMatchObject({ spin: 'web', run: 'serve "$PORT"', env: { GREETING: "it's <b>" } });
  });

  test('a lost answer makes nothing twice, whoever asks again', async () => {
    const world = await awsWorld();
    world.ec2.script({ action: 'RunInstances', fault: 'lose-response' });
    const web = await launch(world, world.service({ name: 'web', replicas: 2 }));
    await world.another().create({ ...web, handle: {} }, world.call);
    await world.until(web, ({ state }) => state === 'running');
    expect(world.ec2.snapshot().made.instance).toBe(2);
  });

  test('a process that starts before lists show what another launched makes nothing twice', async () => {
    const world = await awsWorld({ ec2: { visibleMs: 1_000 } });
    const request = world.service({ name: 'web', replicas: 2 });
    await launch(world, request);
    await world.another().create(request, world.call);
    expect(world.ec2.snapshot().made.instance).toBe(2);
    await world.until(request, ({ state }) => state === 'running');
  });

  test('asked for again with another deadline before it is shown, it waits until it is', async () => {
    const world = await awsWorld({ ec2: { visibleMs: 600 } });
    const request = world.service({ name: 'web', replicas: 2 });
    await launch(world, request);
    await world.another().create({ ...request, deadline: request.deadline + 60_000 }, world.call);
    expect(world.ec2.snapshot().made.instance).toBe(2);
  });

  test('asked for again with another deadline long after what it had made is gone, and in no list, it is made anew', async () => {
    const world = await awsWorld({ ec2: { terminatedMs: 0 } });
    const request = world.service({ name: 'web', replicas: 2 });
    await launch(world, request);
    for (const { id } of world.living()) world.ec2.outside.terminate(id);
    await world.ec2.advance(2 * 3_600_000);
    const later = { ...request, deadline: request.deadline + 4 * 3_600_000 };
    const provider = world.another();
    const refusal = { kind: 'error', status: 400, code: 'InstanceLimitExceeded', message: 'no more for now' } as const;
    world.ec2.script({ action: 'RunInstances', fault: refusal, match: { MaxCount: '2' } });
    await expect(provider.create(later, world.call)).rejects.toMatchObject({ class: 'InstanceLimitExceeded' });
    // The record knows of that request by now.
    await provider.create({ ...later, requestedAt: world.call.clock.now() }, world.call);
    await world.until(later, ({ state }) => state === 'running');
    expect(world.living()).toHaveLength(2);
  });

  test('of which so many are gone for long that one launch cannot name them is whole again', async () => {
    const world = await awsWorld({ ec2: { terminatedMs: 0 } });
    const request = world.service({ name: 'web', replicas: 180 });
    await launch(world, request);
    const lost = world.living().filter((_, index) => index % 2 === 0);
    for (const { id } of lost) world.ec2.outside.terminate(id);
    await world.ec2.advance(2 * 3_600_000);
    const provider = world.another();
    // Another try of the same launches, in other words: the marks of both are spent.
    await provider.create(request, world.call);
    for (const { id } of world.living().slice(-lost.length)) world.ec2.outside.terminate(id);
    await world.ec2.advance(2 * 3_600_000);
    world.ec2.clear('calls');
    await world.another().create({ ...request, deadline: request.deadline + 9 * 3_600_000 }, world.call);
    expect(world.living()).toHaveLength(180);
    expect(world.ec2.counts()['RunInstances']).toBeGreaterThan(2);
  });

  test('of one that adopted it is whole again, also where EC2 still lists what ended before that, with the mark of the other', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web', replicas: 2 }));
    world.ec2.outside.terminate(world.living()[0]?.id ?? '');
    await world.ec2.advance(60_000);
    const adopter = createAwsProvider({ ...world.options, templatesDir: join(REPOSITORY, 'templates'), stateTag: 'of-others' });
    await adopter.own(await adopter.inventory({ id: world.spin.id, everyone: true }, world.call), world.call);
    await adopter.create({ ...web, tags: { ...web.tags, [OWNED.state]: 'of-others' } }, world.call);
    expect(world.living()).toHaveLength(2);
    await expect(world.another().create({ ...web, count: 1 }, world.call)).rejects.toMatchObject({ class: 'other-state' });
    expect(world.living()).toHaveLength(2);
  });

  test('grows by what is missing, and shrinks from the end', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web', replicas: 2 }));
    const four = { ...web, count: 4 };
    await world.provider.create(four, world.call);
    await world.until(four, ({ state }) => state === 'running');
    expect(world.living().map(({ tags }) => tags['spin:ordinals'])).toEqual(['1-2', '1-2', '3-4', '3-4']);
    const one = { ...web, count: 1 };
    await world.provider.create(one, world.call);
    const seen = await world.until(one, ({ state }) => state === 'running');
    expect(seen.instances.map(({ name }) => name)).toEqual(['web@1.1']);
    expect(world.living()).toHaveLength(1);
  });

  test('what is terminated again and again is replaced each time under a new token', async () => {
    const world = await awsWorld({ ec2: { terminatedMs: 0 } });
    const web = await launch(world, world.service({ name: 'web' }));
    for (let life = 1; life <= 3; life++) {
      world.ec2.outside.terminate(world.living()[0]?.id ?? '');
      // Old enough that what lists lack is gone.
      await world.ec2.advance(20_000);
      expect((await world.observe(web, world.another())).state).toBe('absent');
      await world.another().create(web, world.call);
      expect(world.living()).toHaveLength(1);
    }
    expect(world.ec2.snapshot().made.instance).toBe(4);
  });

  test('of two machines for one ordinal the younger goes', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web' }));
    const [first] = world.living();
    await world.another().create({ ...web, token: 'another-token' }, world.call);
    expect(world.living()).toHaveLength(1);
    // As where two lists were late: launched beside the first.
    await world.ec2.advance(1_000);
    const tags = Object.entries(first?.tags ?? {}).map(([Key, Value]) => ({ Key, Value }));
    await launchByHand(world, tags);
    expect(world.living()).toHaveLength(2);
    expect(await world.observe(web, world.another())).toMatchObject({ state: 'pending', stalled: true });
    await world.another().create(web, world.call);
    expect(world.living().map(({ id }) => id)).toEqual([first?.id]);
  });

  test('a spot machine that is taken back is stalled, and says why', async () => {
    const world = await awsWorld();
    const cloud = { instanceTypes: ['t3.micro'], spot: true, address: 'private' } as const;
    const web = await launch(world, world.service({ name: 'web', replicas: 2, cloud }));
    await world.until(web, ({ state }) => state === 'running');
    world.ec2.outside.interrupt(world.living()[1]?.id ?? '');
    const seen = await world.until(web, ({ state }) => state === 'pending');
    expect(seen.stalled).toBe(true);
    expect(seen.reason).toMatch(/web@1\.2: .*spot t3\.micro.* was ended/);
  });

  test('an impaired status check makes it unhealthy', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web' }));
    await world.until(web, ({ state }) => state === 'running');
    world.ec2.outside.impair(world.living()[0]?.id ?? '');
    const seen = await world.observe(web, world.another());
    expect(seen).toMatchObject({ state: 'pending', instances: [{ state: 'unhealthy' }] });
    expect(seen.reason).toContain('status check');
  });

  test('is asked to end again where EC2 refuses because something depends on it', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web' }));
    const refusal = { kind: 'error', status: 400, code: 'DependencyViolation', message: 'resource has a dependent object' } as const;
    world.ec2.script({ action: 'TerminateInstances', fault: refusal });
    expect(await world.provider.release(web, 1, world.call)).toBe('requested');
    expect(world.living()).toHaveLength(1);
    await world.until(web, ({ state, stalled }) => state === 'stopping' && stalled === true);
    expect(await world.provider.release(web, 1, world.call)).toBe('requested');
    expect(world.living()).toEqual([]);
  });

  test('is not said to be absent because credentials are of another account', async () => {
    const world = await awsWorld();
    const web = world.service({ name: 'web' });
    const elsewhere = { ...web, spin: { ...world.spin, place: { account: '999999999999', region: 'us-east-1' } } };
    expect(await world.observe(elsewhere)).toMatchObject({ state: 'unknown' });
    await expect(world.provider.release(elsewhere, 1, world.call)).rejects.toMatchObject({ kind: 'denied' });
  });

  test('nothing to do takes two questions', async () => {
    const world = await awsWorld();
    const web = await launch(world, world.service({ name: 'web', replicas: 5 }));
    await world.until(web, ({ state }) => state === 'running');
    world.ec2.clear('calls');
    const firewall = world.firewall('web', { port: 'none' });
    const seen = await world.another().observe([web, firewall], world.call);
    expect([...seen.values()].map(({ state }) => state)).toEqual(['running', 'running']);
    expect(world.ec2.counts()).toEqual({ DescribeInstances: 1, DescribeInstanceStatus: 1, DescribeSecurityGroups: 1 });
  });
});

describe('a service with a volume', () => {
  const volumes = [{ volume: 'data', variable: 'DATA_DIR' }] as const;

  test('is started in the zone of the disk, is given it when it runs, and gives it back when it goes', async () => {
    const world = await awsWorld({ ec2: { pendingMs: 300, volumeMs: 100 } });
    world.ec2.limit({ zone: 'us-east-1a', left: 0 });
    const volume = world.request('volume.data', { kind: 'volume', name: 'data', source: { from: 'disk', sizeGiB: 1 } }, { attempt: 1 });
    await world.provider.create(volume, world.call);
    await world.provider.create(world.firewall('db', { port: 'none' }), world.call);
    const request = world.service({ name: 'db', volumes }, { needs: ['firewall.db@1', 'volume.data@1'] });
    const handle = await world.provider.create(request, world.call);
    const db = { ...request, handle };
    const [machine] = world.ec2.snapshot().instances;
    const disk = () => world.ec2.snapshot().volumes.find(({ tags }) => tags[OWNED.resource] === 'volume.data@1');
    expect(machine?.zone).toBe(disk()?.zone);
    expect(await world.until(db, ({ stalled }) => stalled === true)).toMatchObject({ reason: expect.stringContaining('not attached yet') });
    await world.provider.create(db, world.call);
    await world.until(db, ({ state }) => state === 'running');
    expect(disk()?.attachedTo).toBe(machine?.id);
    const boot = bootConfig(machine?.userData);
    expect(boot['volumes']).toEqual([{ volume: 'data', id: disk()?.id, device: '/dev/sdp', variable: 'DATA_DIR' }]);
    while ((await world.provider.release(db, 1, world.call)) !== 'absent') await world.provider.nextChange(world.spin, 100, world.call);
    expect(disk()?.attachedTo).toBeUndefined();
  });

  test('is refused with an image that has a disk of its own where the volume would be', async () => {
    const world = await awsWorld();
    await world.provider.create(
      world.request('volume.data', { kind: 'volume', name: 'data', source: { from: 'disk', sizeGiB: 1 } }),
      world.call,
    );
    await world.provider.create(world.firewall('db', { port: 'none' }), world.call);
    const cloud = { instanceTypes: [], spot: false, address: 'private', image: DATA_DISKS } as const;
    const request = world.service({ name: 'db', volumes, cloud }, { needs: ['firewall.db@1', 'volume.data@1'] });
    await expect(world.provider.create(request, world.call)).rejects.toMatchObject({
      kind: 'invalid',
      class: 'device-taken',
      message: `the image ${DATA_DISKS} has a disk of its own at /dev/sdp, where data of db would be`,
    });
    expect(world.living()).toEqual([]);
  });

  test('waits for a disk that is not shown yet', async () => {
    const world = await awsWorld();
    await world.provider.create(world.firewall('db', { port: 'none' }), world.call);
    const request = world.service({ name: 'db', volumes }, { needs: ['firewall.db@1', 'volume.data@1'] });
    await expect(world.provider.create(request, world.call)).rejects.toMatchObject({ kind: 'transient', class: 'not-shown-yet' });
    expect(world.living()).toEqual([]);
  });
});

describe('capacity', () => {
  test('moves on from type to type and zone to zone, a new token for each', async () => {
    const world = await awsWorld();
    world.ec2.limit({ type: 'm5.large', left: 0 });
    const cloud = { instanceTypes: ['m5.large', 't3.micro'], spot: false, address: 'private' } as const;
    await world.provider.create(world.firewall('web'), world.call);
    const request = world.service({ name: 'web', cloud });
    let refused = 0;
    for (let attempt = 0; ; attempt++) {
      const thrown = await world.provider.create({ ...request, attempt }, world.call).then(
        () => undefined,
        (fault: unknown) => fault,
      );
      if (thrown === undefined) break;
      expect(thrown).toMatchObject({ kind: 'capacity', exhausted: false });
      refused += 1;
    }
    expect(refused).toBe(3);
    expect(launches(world).map((input) => input['InstanceType'])).toEqual(['m5.large', 'm5.large', 'm5.large', 't3.micro']);
    expect(new Set(launches(world).map((input) => input['ClientToken'])).size).toBe(4);
  });

  test('what came up is kept, and the next attempt makes the rest', async () => {
    const world = await awsWorld();
    world.ec2.limit({ zone: 'us-east-1a', left: 2 });
    await world.provider.create(world.firewall('web'), world.call);
    const request = world.service({ name: 'web', replicas: 5 });
    await expect(world.provider.create(request, world.call)).rejects.toMatchObject({ class: 'partial-capacity', exhausted: false });
    await world.provider.create({ ...request, attempt: 1 }, world.call);
    const seen = await world.until(request, ({ state }) => state === 'running');
    expect(seen.instances).toHaveLength(5);
    expect(world.ec2.snapshot().instances.map(({ zone }) => zone.slice(-1))).toEqual(['a', 'a', 'b', 'b', 'b']);
  });

  test('spot falls back to on-demand', async () => {
    const world = await awsWorld();
    world.ec2.limit({ spot: true, left: 0 });
    await world.provider.create(world.firewall('web'), world.call);
    const request = world.service({ name: 'web', cloud: { instanceTypes: ['t3.micro'], spot: true, address: 'private' } });
    for (const attempt of [0, 1, 2]) await expect(world.provider.create({ ...request, attempt }, world.call)).rejects.toBeInstanceOf(Fault);
    await world.provider.create({ ...request, attempt: 3 }, world.call);
    expect(world.ec2.snapshot().instances.map(({ spot }) => spot)).toEqual([false]);
  });

  test('ends when everything was tried, and a quota ends it at once, with its name', async () => {
    const world = await awsWorld();
    world.ec2.limit({ left: 0 });
    await world.provider.create(world.firewall('web'), world.call);
    const request = world.service({ name: 'web' });
    await expect(world.provider.create({ ...request, attempt: 2 }, world.call)).rejects.toMatchObject({
      kind: 'capacity',
      exhausted: true,
    });
    await expect(world.provider.create({ ...request, attempt: 2, firstAttempt: 2 }, world.call)).rejects.toMatchObject({
      kind: 'capacity',
      exhausted: false,
    });
    world.ec2.clear('limits');
    world.ec2.limit({ left: 0, code: 'VcpuLimitExceeded' });
    await expect(world.provider.create(request, world.call)).rejects.toMatchObject({
      kind: 'quota',
      message: expect.stringMatching(/L-1216C47A/),
    });
  });
});

describe('releasing', () => {
  test('is asked for once and proven, without a handle and by another process', async () => {
    const world = await awsWorld({ ec2: { stoppingMs: 400 } });
    const web = await launch(world, world.service({ name: 'web', replicas: 3 }));
    const { handle: _, ...bare } = web;
    const other = world.another();
    expect(await other.release(bare, 1, world.call)).toBe('requested');
    expect((await world.observe({ ...web, handle: {} }, other)).state).toBe('stopping');
    while ((await other.release(bare, 1, world.call)) !== 'absent') await other.nextChange(world.spin, 100, world.call);
    expect(world.ec2.counts()['TerminateInstances']).toBe(1);
    expect(world.living()).toEqual([]);
  });

  test('what a killed process launched a moment ago is not taken for absent because it is not shown', async () => {
    const world = await awsWorld({ ec2: { visibleMs: 1_500 } });
    await world.provider.create(world.firewall('web', { port: 'none' }), world.call);
    const spin = { ...world.spin, incarnation: makeIncarnation(world.call.clock.now()) };
    const { needs: _, ...request } = world.service({ name: 'web' });
    const tags = { ...request.tags, [OWNED.incarnation]: spin.incarnation };
    const young = { ...request, needs: [], spin, tags };
    await world.provider.create(young, world.call);
    const other = world.another();
    expect((await world.observe(young, other)).state).toBe('pending');
    while ((await other.release(young, 1, world.call)) !== 'absent') await other.nextChange(spin, 100, world.call);
    expect(world.living()).toEqual([]);
  });

  test('what was launched a moment ago and is not known yet is ended once it is', async () => {
    const world = await awsWorld({ ec2: { visibleMs: 700 } });
    const web = await launch(world, world.service({ name: 'web' }));
    for (;;) {
      if ((await world.provider.release(web, 1, world.call)) === 'absent') break;
      await world.provider.nextChange(world.spin, 100, world.call);
    }
    expect(world.living()).toEqual([]);
  });
});

function launches(world: AwsWorld): readonly Readonly<Record<string, unknown>>[] {
  return world.ec2.calls.filter(({ action }) => action === 'RunInstances').map(({ input }) => input as Readonly<Record<string, unknown>>);
}

async function launchByHand(world: AwsWorld, Tags: { Key: string; Value: string }[]): Promise<void> {
  const { EC2Client, RunInstancesCommand } = await import('@aws-sdk/client-ec2');
  const command = new RunInstancesCommand({
    ImageId: 'ami-0a1b2c3d4e5f60001',
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
    TagSpecifications: [{ ResourceType: 'instance', Tags }],
  });
  await world.cloud.send(EC2Client, command, world.call);
}

function textOf(userData: string | undefined): string {
  const raw = Buffer.from(userData ?? '', 'base64');
  return (raw[0] === 0x1f ? gunzipSync(raw) : raw).toString();
}

/** What the agent on the machine reads. */
function bootConfig(userData: string | undefined): Readonly<Record<string, unknown>> {
  const config = parse(textOf(userData)) as { readonly write_files: readonly { readonly path: string; readonly content: string }[] };
  const content = config.write_files.find(({ path }) => path === '/etc/spin/spin.json')?.content ?? '';
  return JSON.parse(Buffer.from(content, 'base64').toString('utf8')) as Readonly<Record<string, unknown>>;
}
