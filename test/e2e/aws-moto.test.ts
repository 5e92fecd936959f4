import { rmSync } from 'node:fs';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import type { CloudLsOutcome, ExtendOutcome, LsOutcome, StatusOutcome, UpOutcome } from '../../src/app/outcomes.ts';
import { OWNED } from '../../src/core/tags.ts';
import { environmentOf } from '../fakes/ec2/start.ts';
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
    expect(await aws<object>(env, 'scheduler', 'list-schedules')).toMatchObject({ Schedules: [{ GroupName: 'default' }] });

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

    const extended = await job.json<ExtendOutcome>(['extend', 'shop', '--by', '2h']);
    expect((await laptop.json<StatusOutcome>(['status'])).result.deadline).toBe(extended.result.deadline);

    expect((await job.json(['down', 'shop', '--yes'])).result).toMatchObject({ spins: [{ result: 'released', left: [] }] });
    expect((await laptop.json<LsOutcome>(['ls'])).result.spins).toEqual([]);
    expect((await laptop.json<CloudLsOutcome>(['ls', '--cloud'])).result.spins).toEqual([]);
    expect((await laptop.run(['events', 'shop'])).stdout).toMatch(/nothing is left/);
  });
});

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'any-secret-will-do' };
