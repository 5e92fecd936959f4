import { rmSync } from 'node:fs';
import { DescribeInstancesCommand } from '@aws-sdk/client-ec2';
import { DescribeTargetGroupsCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import type { AdoptOutcome, CloudLsOutcome, ExtendOutcome, LsOutcome, StatusOutcome, UpOutcome } from '../../src/app/outcomes.ts';
import { OWNED } from '../../src/core/tags.ts';
import { environmentOf } from '../fakes/ec2/start.ts';
import { clientsOf } from '../fakes/moto/clients.ts';
import { frontListener } from '../fakes/moto/front.ts';
import { describeWithMoto } from '../fakes/moto/suite.ts';
import { aws, AWS_REGION, awsCli } from './aws-project.ts';
import { project, until } from './project.ts';

/** Many commands, on a machine that is busy with others. */
const LONG = { timeout: 180_000 };
const ACCOUNT = '123456789012';
const SCHEDULER_ROLE = `arn:aws:iam::${ACCOUNT}:role/spin-scheduler`;

/** Addresses that moto names are never dialled: its instances are healthy by running. */
const SPEC = `
name: shop
provider: aws
ttl: 1h
secrets:
  token: { generate: 32 }
volumes:
  data: { size: 1 }
services:
  db:
    run: sleep infinity
    volumes: [data]
    health: { alive: 10ms }
  web:
    run: sleep infinity
    replicas: 2
    needs: [db]
    secrets: [token]
    health: { alive: 10ms }
`;

interface Instances {
  readonly Reservations: readonly {
    readonly Instances: readonly {
      readonly InstanceId: string;
      readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
    }[];
  }[];
}

describeWithMoto('the whole of spin', (world) => {
  test.runIf(awsCli !== undefined)('makes exactly one environment and leaves nothing of it, as the AWS CLI sees it', LONG, async () => {
    const env = environmentOf(world().proxy.url, AWS_REGION);
    const here = project('project', { ...env, SPIN_AWS_SCHEDULER_ROLE: SCHEDULER_ROLE });
    here.spec(SPEC);
    const living = ['Name=instance-state-name,Values=pending,running,stopping,stopped'];
    const instances = async (): Promise<Instances['Reservations'][number]['Instances']> =>
      (await aws<Instances>(env, 'ec2', 'describe-instances', '--filters', ...living)).Reservations.flatMap(({ Instances: some }) => some);

    // Killed between the launch and its answer, then started again.
    world().proxy.announce({ action: 'RunInstances', when: ({ params }) => params.get('DryRun') !== 'true', how: { lateMs: 3_000 } });
    const going = here.start(['up']);
    await until(async () => (await instances()).length > 0, 'the first launch had its effect');
    going.kill('SIGKILL');
    expect((await going.ended).signal).toBe('SIGKILL');
    const up = await here.json<UpOutcome>(['up', '--wait', '30s']);
    expect(up.result).toMatchObject({ state: 'up' });
    expect(up.result.enforcers).toContainEqual(expect.objectContaining({ name: 'EventBridge Scheduler', armed: true }));
    const three = await instances();
    const keys = three.map(({ Tags }) => Tags.find(({ Key }) => Key === OWNED.resource)?.Value ?? '');
    expect(keys.toSorted((one, other) => (one < other ? -1 : 1))).toEqual(['service.db@1', 'service.web@1', 'service.web@1']);

    expect((await here.json<UpOutcome>(['up'])).result.result).toBe('unchanged');
    expect((await here.json<StatusOutcome>(['status'])).result.state).toBe('up');
    expect((await instances()).map(({ InstanceId }) => InstanceId)).toEqual(three.map(({ InstanceId }) => InstanceId));
    const path = ['--path', '/spin/', '--recursive'];
    expect(await aws<object>(env, 'ssm', 'get-parameters-by-path', ...path)).toMatchObject({ Parameters: [{ Type: 'SecureString' }] });
    expect(await aws<object>(env, 'scheduler', 'list-schedules')).toMatchObject({
      Schedules: Array.from({ length: 4 }, () => ({ GroupName: 'default' })),
    });

    // By tags and names alone.
    rmSync(here.state, { recursive: true, force: true });
    expect((await here.json<CloudLsOutcome>(['ls', '--cloud'])).result.spins).toMatchObject([{ id: 'shop', ours: true, recorded: false }]);
    expect((await here.json(['down', 'shop', '--yes'])).result).toMatchObject({ spins: [{ id: 'shop', left: [] }] });

    expect(await instances()).toEqual([]);
    expect(await aws<object>(env, 'ec2', 'describe-volumes')).toEqual({ Volumes: [] });
    expect(await aws<object>(env, 'ec2', 'describe-security-groups', '--filters', `Name=tag-key,Values=${OWNED.id}`)).toEqual({
      SecurityGroups: [],
    });
    expect(await aws<object>(env, 'ssm', 'get-parameters-by-path', ...path)).toEqual({ Parameters: [] });
    expect(await aws<object>(env, 'iam', 'list-roles', '--path-prefix', '/spin/')).toEqual({ Roles: [] });
    expect(await aws<object>(env, 'iam', 'list-instance-profiles', '--path-prefix', '/spin/')).toEqual({ InstanceProfiles: [] });
    expect(await aws<object>(env, 'scheduler', 'list-schedules')).toEqual({ Schedules: [] });
  });

  test('a changed health check reaches the load balancer, also when the up that asked for it was killed', LONG, async () => {
    const { elb, ec2 } = clientsOf({ endpoint: world().proxy.url, region: AWS_REGION });
    const listener = await frontListener({ ec2, elb });
    const env = { ...environmentOf(world().proxy.url, AWS_REGION), SPIN_AWS_LISTENER: listener };
    const here = project('project', env);
    const spec = (health: string) =>
      `{ name: shop, provider: aws, ttl: 1h, services: { web: { run: sleep infinity, expose: auto, health: { alive: 10ms, ${health} } } } }`;
    const checks = async () => {
      const { TargetGroups = [] } = await elb.send(new DescribeTargetGroupsCommand({}));
      return TargetGroups.map((group) => [group.HealthCheckIntervalSeconds, group.UnhealthyThresholdCount]);
    };

    here.spec(spec('interval: 10s, unhealthyAfter: 3'));
    await here.ok(['up']);
    expect(await checks()).toEqual([[10, 3]]);

    here.spec(spec('interval: 20s, unhealthyAfter: 5'));
    world().proxy.announce({ action: 'ModifyTargetGroup', how: { lateMs: 3_000 } });
    const going = here.start(['up']);
    await until(async () => (await checks()).join() === '20,5', 'the change had its effect');
    going.kill('SIGKILL');
    expect((await going.ended).signal).toBe('SIGKILL');
    // A call is counted when it is answered, so this one after its caller.
    const modifications = () => world().proxy.counts()['elasticloadbalancing:ModifyTargetGroup'];
    await until(() => modifications() === 1, 'the late answer was counted');
    // The one who wanted it changes their mind.
    here.spec(spec('interval: 30s, unhealthyAfter: 4'));
    expect((await here.json<UpOutcome>(['up', '--wait', '30s'])).result).toMatchObject({ result: 'changed', state: 'up' });
    expect(await checks()).toEqual([[30, 4]]);
    expect(modifications()).toBe(2);
    expect((await here.json<UpOutcome>(['up'])).result).toMatchObject({ result: 'unchanged' });
    expect(modifications()).toBe(2);

    await here.ok(['down', '--yes']);
    expect(await checks()).toEqual([]);
  });

  test(
    'a second machine with a state of its own makes no second environment, and takes the first one over if it is told to',
    LONG,
    async () => {
      const env = environmentOf(world().proxy.url, AWS_REGION);
      const [laptop, other] = [project('laptop', env), project('other', env)];
      laptop.spec(SPEC);
      other.spec(SPEC);
      const { ec2 } = clientsOf({ endpoint: world().proxy.url, region: AWS_REGION });
      const living = async () => {
        const running = { Name: 'instance-state-name', Values: ['pending', 'running'] };
        const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ Filters: [running] }));
        return Reservations.flatMap(({ Instances: some = [] }) => some.flatMap(({ InstanceId }) => InstanceId ?? [])).toSorted();
      };

      const up = await laptop.json<UpOutcome>(['up']);
      const first = await living();
      expect(first).toHaveLength(3);
      const refused = await other.run(['up']);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/carry the ID shop and are of another state location/);
      expect(refused.stderr).toMatch(/spin adopt shop/);
      // Nothing was made, and nothing written down.
      expect(await living()).toEqual(first);
      expect((await other.json<LsOutcome>(['ls'])).result.spins).toEqual([]);
      // To end what is another's is not for a machine that has no record of it, which says so, and a sweep leaves it alone.
      expect(await other.json(['down', 'shop', '--yes'])).toMatchObject({
        exit: 1,
        error: { code: 'release-failed', message: expect.stringContaining('another state location'), hint: 'spin adopt shop' },
      });
      await other.ok(['gc', '--yes', '--grace', '0s'], { env: { SPIN_PROVIDER: 'aws' } });
      expect(await living()).toEqual(first);

      expect((await other.run(['adopt', 'shop', '-f', 'spin.yaml'])).code).toBe(5);
      const adopted = await other.json<AdoptOutcome>(['adopt', 'shop', '-f', 'spin.yaml', '--yes']);
      expect(adopted.result).toMatchObject({ incarnation: up.result.incarnation, tookOver: true, withSpec: true });
      expect((await other.json<UpOutcome>(['up'])).result).toMatchObject({ state: 'up', incarnation: up.result.incarnation });
      expect(await living()).toEqual(first);
      expect((await other.json(['down', '--yes'])).result).toMatchObject({ spins: [{ result: 'released', left: [] }] });
      expect(await living()).toEqual([]);
      // The one who made it has but a record left, of which nothing is.
      expect((await laptop.json(['down', '--yes'])).result).toMatchObject({ spins: [{ result: 'released', left: [] }] });
    },
  );

  test('two machines that share a state on S3 see, move and end the same spin', LONG, async () => {
    const env = environmentOf(world().proxy.url, AWS_REGION);
    const client = new S3Client({ endpoint: world().proxy.url, region: AWS_REGION, forcePathStyle: true, credentials: KEYS });
    onTestFinished(() => client.destroy());
    await client.send(new CreateBucketCommand({ Bucket: 'team' }));
    const shared = { ...env, SPIN_STATE: 's3://team/spins' };
    const [laptop, job] = [project('laptop', shared), project('job', shared)];
    laptop.spec(SPEC);

    const up = await laptop.json<UpOutcome>(['up']);
    expect(up.result).toMatchObject({ result: 'created', state: 'up' });
    expect((await job.json<LsOutcome>(['ls'])).result.spins).toMatchObject([{ id: 'shop' }]);
    expect((await job.json<StatusOutcome>(['status', 'shop'])).result).toMatchObject({ state: 'up', incarnation: up.result.incarnation });

    // The same spec from another folder of another machine: it is there, and hardly anything needs to be asked.
    job.spec(SPEC);
    const before = world().proxy.counts();
    const again = await job.json<UpOutcome>(['up']);
    expect(again.result).toMatchObject({ result: 'unchanged', state: 'up', incarnation: up.result.incarnation });
    // Instances, their status checks, groups; and disks, where a spec has some.
    const asked = ['DescribeInstances', 'DescribeInstanceStatus', 'DescribeSecurityGroups', 'DescribeVolumes'];
    expect(sinceThen(before, world().proxy.counts(), 'ec2:')).toEqual(Object.fromEntries(asked.map((action) => [`ec2:${action}`, 1])));

    const extended = await job.json<ExtendOutcome>(['extend', 'shop', '--by', '2h']);
    expect((await laptop.json<StatusOutcome>(['status'])).result.deadline).toBe(extended.result.deadline);

    expect((await job.json(['down', 'shop', '--yes'])).result).toMatchObject({ spins: [{ result: 'released', left: [] }] });
    expect((await laptop.json<LsOutcome>(['ls'])).result.spins).toEqual([]);
    expect((await laptop.json<CloudLsOutcome>(['ls', '--cloud'])).result.spins).toEqual([]);
    expect((await laptop.run(['events', 'shop'])).stdout).toMatch(/nothing is left/);
  });
});

type Counts = Readonly<Record<string, number>>;

/** The calls of one service that were made in between. */
function sinceThen(before: Counts, now: Counts, service: string): Counts {
  const made = Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(made.filter(([name, count]) => name.startsWith(service) && count > 0));
}

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'any-secret-will-do' };
