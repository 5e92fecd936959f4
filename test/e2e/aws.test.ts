import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CreateTagsCommand, DeleteSecurityGroupCommand, EC2Client, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import type {
  AdoptOutcome,
  CloudLsOutcome,
  CostOutcome,
  ExtendOutcome,
  GcOutcome,
  LsOutcome,
  PlanOutcome,
  StatusOutcome,
  UpOutcome,
} from '../../src/app/outcomes.ts';
import { OWNED } from '../../src/core/tags.ts';
import type { RemoteEc2 } from '../fakes/ec2/spawn.ts';
import { AWS_REGION, awsProject, left, listenAt } from './aws-project.ts';
import { until } from './project.ts';

/** Of those that run many commands, on a machine that is busy with others. */
const LONG = { timeout: 120_000 };

const spec = ({ replicas = 1, level = 'one', health = 'alive: 10ms', more = '' } = {}) => `
name: shop
provider: aws
ttl: 1h
services:
  web:
    run: sleep infinity
    replicas: ${replicas}
    env: { LEVEL: ${level} }
    health: { ${health} }
${more}`;

test('up, up again, look, scale, change, extend, down: exactly what is asked for, and nothing left', LONG, async () => {
  const host = addressOfThisTest(0);
  const asked = await listenAt(host, 8080);
  const { here, ec2 } = await awsProject({ privateCidr: `${host}/32` }, { SPIN_AWS_CHECK_FROM: '127.0.0.0/8' });
  const shop = (more: Parameters<typeof spec>[0] = {}) => spec({ health: 'http: /healthz, interval: 200ms', ...more });
  here.spec(shop({ replicas: 2 }));

  const planned = await here.json<PlanOutcome>(['plan']);
  expect(planned.result.checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(left(await ec2.snapshot())).toEqual([]);

  const first = await here.json<UpOutcome>(['up']);
  expect(first.result).toMatchObject({ id: 'shop', provider: 'aws', result: 'created', state: 'up' });
  expect(first.result.enforcers).toContainEqual(expect.objectContaining({ name: 'the timer in each instance', armed: true }));
  expect(asked()).toBeGreaterThanOrEqual(2);
  const two = await living(ec2);
  expect(two).toHaveLength(2);
  expect(two[0]?.tags).toMatchObject({
    [OWNED.id]: 'shop',
    [OWNED.incarnation]: first.result.incarnation,
    [OWNED.resource]: 'service.web@1',
    [OWNED.owner]: 'ada',
    [OWNED.deadline]: first.result.deadline,
    Name: 'spin/shop/service.web',
  });

  await ec2.clear('calls');
  expect((await here.json<UpOutcome>(['up'])).result.result).toBe('unchanged');
  expect((await ec2.calls()).length).toBeLessThanOrEqual(3);

  const status = await here.json<StatusOutcome>(['status']);
  expect(status.result.resources.flatMap(({ instances }) => instances).map(({ name }) => name)).toEqual(['web@1.1', 'web@1.2']);
  const cloud = await here.json<CloudLsOutcome>(['ls', '--cloud']);
  expect(cloud.result.spins).toMatchObject([{ id: 'shop', region: AWS_REGION, ours: true, recorded: true }]);
  const cost = await here.json<CostOutcome>(['cost', 'shop']);
  expect(cost.result.rows).toHaveLength(1);

  here.spec(shop({ replicas: 3 }));
  expect((await here.json<UpOutcome>(['up'])).result.result).toBe('changed');
  const three = await living(ec2);
  expect(three.map(({ id }) => id)).toEqual(expect.arrayContaining(two.map(({ id }) => id)));
  expect(three).toHaveLength(3);

  const extended = await here.json<ExtendOutcome>(['extend', 'shop', '--by', '2h']);
  expect((await living(ec2)).map(({ tags }) => tags[OWNED.deadline])).toEqual(Array(3).fill(extended.result.deadline));

  here.spec(shop({ replicas: 1, level: 'two' }));
  expect((await here.json<UpOutcome>(['up'])).result.result).toBe('changed');
  const [only, ...others] = await living(ec2);
  expect(others).toEqual([]);
  expect(three.map(({ id }) => id)).not.toContain(only?.id);
  expect(only?.tags).toMatchObject({ [OWNED.resource]: 'service.web@2', [OWNED.deadline]: extended.result.deadline });

  const down = await here.json(['down', '--yes']);
  expect(down.result).toMatchObject({ spins: [{ id: 'shop', result: 'released', left: [] }] });
  expect(left(await ec2.snapshot())).toEqual([]);
  expect((await here.json(['down', 'shop', '--yes'])).result).toMatchObject({ spins: [{ result: 'absent' }] });
});

test.each([
  ['CreateSecurityGroup', 'hold-request'],
  ['CreateSecurityGroup', 'hold-response'],
  ['RunInstances', 'hold-request'],
  ['RunInstances', 'hold-response'],
] as const)('killed in the middle of %s (%s), up goes on and makes nothing twice', LONG, async (action, fault) => {
  const { here, ec2 } = await awsProject();
  here.spec(spec({ replicas: 2 }));
  // The launch of both, not the dry run of one that preflight asks for.
  await ec2.script({ action, fault, ...(action === 'RunInstances' ? { match: { MaxCount: '2' } } : {}) });
  const going = here.start(['up']);
  await ec2.held();
  going.kill('SIGKILL');
  expect((await going.ended).signal).toBe('SIGKILL');
  await ec2.clear('scripts');
  await ec2.release();

  const again = await here.json<UpOutcome>(['up', '--wait', '30s']);
  expect(again.result).toMatchObject({ state: 'up' });
  const { instances, groups, made } = await ec2.snapshot();
  expect({ instances: instances.length, groups: groups.length }).toEqual({ instances: 2, groups: 1 });
  expect(made).toMatchObject({ instance: 2 });
  await here.ok(['down', '--yes']);
  expect(left(await ec2.snapshot())).toEqual([]);
});

test.each(['CreateSecurityGroup', 'CreateVolume'])(
  'what an up had asked for by %s, and AWS made when a down was done, is ended by the up, which lost its lease',
  LONG,
  async (action) => {
    const { here, ec2 } = await awsProject();
    here.spec(spec({ more: '    volumes: [data]\nvolumes: { data: { size: 1 } }\n' }));
    await ec2.script({ action, fault: 'hold-request' });
    const late = here.start(['up', '--output', 'json']);
    await ec2.held();
    late.kill('SIGSTOP');
    await here.ok(['down', 'shop', '--yes']);
    expect(left(await ec2.snapshot())).toEqual([]);
    await ec2.release();
    await until(async () => left(await ec2.snapshot()).length > 0, 'it is made after all');
    late.kill('SIGCONT');
    const { code, stdout } = await late.ended;
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'lease-lost' } });
    expect(left(await ec2.snapshot())).toEqual([]);
  },
);

test('with its state lost, a spin is found by its tags, adopted, and taken down; what nobody adopts is swept', LONG, async () => {
  // A sweep asks a cloud that the config speaks of, or that a record is of; here there will be none.
  const { here, ec2 } = await awsProject({}, { SPIN_GC_GRACE: '1s', SPIN_PROVIDER: 'aws' });
  here.spec(spec());
  const lose = () => rmSync(here.state, { recursive: true, force: true });

  await here.ok(['up']);
  const before = await living(ec2);
  const refused = await here.run(['exec', 'shop', 'web', '--', 'true']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/cannot be reached: Systems Manager does not know it, .*aws\.instanceProfile/);
  lose();
  expect((await here.json<LsOutcome>(['ls'])).result.spins).toEqual([]);
  expect((await here.json<CloudLsOutcome>(['ls', '--cloud'])).result.spins).toMatchObject([{ id: 'shop', ours: true, recorded: false }]);
  const adopted = await here.json<AdoptOutcome>(['adopt', 'shop', '-f', 'spin.yaml']);
  expect(adopted.result).toMatchObject({ id: 'shop', tookOver: false, withSpec: true });
  expect((await here.json<UpOutcome>(['up'])).result).toMatchObject({ state: 'up' });
  expect(await living(ec2)).toMatchObject(before.map(({ id }) => ({ id })));

  lose();
  expect((await here.json(['down', 'shop', '--yes'])).result).toMatchObject({ spins: [{ result: 'released', left: [] }] });
  expect(left(await ec2.snapshot())).toEqual([]);

  await here.ok(['up']);
  lose();
  const [orphan] = await living(ec2);
  const sweep = async () => (await here.json<GcOutcome>(['gc', '--yes', '--force'])).result.swept.map(({ result }) => result);
  // Too young at first.
  await until(async () => (await sweep()).includes('marked'), 'the orphan is marked');
  expect(await living(ec2)).toMatchObject([{ id: orphan?.id, tags: { [OWNED.orphan]: expect.any(String) } }]);
  expect((await sweep()).filter((result) => result === 'reclaimed')).toEqual([]);
  // As if that had been five minutes ago.
  await retag(ec2, orphan?.id ?? '', OWNED.orphan, new Date(Date.now() - 300_000).toISOString());
  await until(async () => {
    await sweep();
    return left(await ec2.snapshot()).length === 0;
  }, 'the orphan is gone');
});

test('what another state location took over, or another machine made, is neither swept nor taken down', LONG, async () => {
  const { here, ec2 } = await awsProject({}, { SPIN_GC_GRACE: '1s', SPIN_PROVIDER: 'aws' });
  here.spec(spec({ replicas: 2 }));
  await here.ok(['up']);
  const [machine, second] = await living(ec2);
  expect(machine?.tags[OWNED.state]).toBe(readFileSync(`${here.state}/tag`, 'utf8').trim());
  const swept = async (options = {}) => (await here.json<GcOutcome>(['gc', '--yes', '--force', '--grace', '0s'], options)).result.swept;

  // The same path on another machine.
  const other = { env: { SPIN_STATE: `${here.home}/other` } };
  mkdirSync(`${here.home}/other`);
  writeFileSync(`${here.home}/other/tag`, 'of0another0state\n');
  expect(await swept(other)).toEqual([]);
  const elsewhere = await here.run(['down', 'shop', '--yes'], other);
  expect([elsewhere.code, elsewhere.stderr]).toEqual([
    1,
    expect.stringMatching(/shop belongs to another state location \(.*owner ada\), and was left alone[^]*hint: spin adopt shop/),
  ]);
  expect(await living(ec2)).toMatchObject([{ id: machine?.id }, { id: second?.id }]);

  // An adopt that breaks off between record and tags, and goes on.
  await ec2.script({ action: 'CreateTags', fault: 'denied', times: 'always' });
  expect((await here.run(['adopt', 'shop', '--yes'], other)).code).toBe(1);
  await ec2.clear('scripts');
  await here.ok(['adopt', 'shop', '--yes'], other);
  expect((await living(ec2))[0]?.tags[OWNED.state]).toBe('of0another0state');

  const before = (await living(ec2))[0]?.tags[OWNED.deadline];
  for (const [args, replicas] of [
    [['extend', 'shop', '--by', '1h'], 2],
    [['up'], 2],
    [['up'], 3],
    [['up'], 1],
  ] as const) {
    here.spec(spec({ replicas }));
    const late = await here.run(args);
    expect(late.code, args.join(' ')).toBe(1);
    expect(late.stderr).toMatch(replicas === 1 ? /another state location \(of0another0state\)/ : /of0another0state\)[^]*spin adopt/);
  }
  expect(await living(ec2)).toMatchObject([machine, second].map((one) => ({ id: one?.id, tags: { [OWNED.deadline]: before } })));

  const refused = await here.run(['down', 'shop', '--yes']);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/shop belongs to another state location \(of0another0state, owner ada\)[^]*spin adopt shop/);
  await until(async () => (await swept()).some(({ result }) => result === 'forgotten'), 'the record is forgotten');
  expect(here.record('shop')).toBeUndefined();
  expect(await living(ec2)).toMatchObject([{ id: machine?.id }, { id: second?.id }]);
  await here.ok(['down', 'shop', '--yes'], other);
  expect(left(await ec2.snapshot())).toEqual([]);
});

test('a sweep finds the schedule of a colleague whose config names a role for it, and says whom it may not ask', LONG, async () => {
  const { here, ec2 } = await awsProject({}, { SPIN_PROVIDER: 'aws' });
  here.spec(spec());
  await here.ok(['up'], { env: { SPIN_AWS_SCHEDULER_ROLE: 'arn:aws:iam::123456789012:role/spin-scheduler' } });
  rmSync(here.state, { recursive: true, force: true });
  const sweep = ['gc', '--yes', '--force', '--grace', '0s'];

  await ec2.script({ action: 'ListSchedules', fault: 'denied' });
  const first = await here.json<GcOutcome>(sweep);
  expect(first.result.swept).toMatchObject([{ result: 'reclaimed' }]);
  expect(first.result.unasked).toContainEqual(expect.stringMatching(/^aws: keepers in us-east-1: .*scheduler:ListSchedules/));
  const { instances, schedules } = await ec2.snapshot();
  expect([instances, schedules.length]).toEqual([[], 2]);

  const second = await here.ok(sweep);
  expect(left(await ec2.snapshot())).toEqual([]);
  // The double has no load balancers.
  expect(second.stdout).toMatch(/reclaimed[^]*not asked: aws: routes in us-east-1: .*DescribeTargetGroups/);
});

test('what could not ask a cloud at all does not end as if it were done', async () => {
  const { here, ec2 } = await awsProject({}, { SPIN_PROVIDER: 'aws' });
  await ec2.script({ action: 'DescribeInstances', fault: 'denied', times: 'always' });
  const swept = await here.run(['gc', '--yes', '--quiet']);
  expect(swept).toMatchObject({ code: 3, stdout: '' });
  expect(swept.stderr).toMatch(/^error\[partly-done\]: not all could be asked what is there: aws: .*DescribeInstances/);
  expect(await here.json(['gc', '--dry-run'])).toMatchObject({ ok: false, error: { code: 'partly-done' }, result: { unlisted: ['aws'] } });

  const listed = await here.run(['ls', '--cloud']);
  expect(listed).toMatchObject({
    code: 3,
    stdout: expect.stringMatching(/^Nothing of a spin was seen\.\nnot asked: aws: .*DescribeInstances/),
  });
  expect(listed.stderr).toMatch(/^error\[partly-done\]: not all could be asked what is there: aws: .*DescribeInstances/);

  // The config speaks of it: that is a failure, and where only the environment does, it is not known.
  expect(await here.run(['down', 'gone', '--yes'])).toMatchObject({ code: 1 });
  const down = await here.run(['down', 'gone', '--yes', '--quiet'], { env: { SPIN_PROVIDER: 'local' } });
  expect(down).toMatchObject({ code: 3, stdout: '' });
  expect(down.stderr).toMatch(/^error\[partly-done\]: not all could be asked what is left of gone: aws: .*DescribeInstances/);
});

test('down is done where AWS denies to touch what is gone, as it does where a policy goes by tags', async () => {
  const { here, ec2 } = await awsProject();
  here.spec(spec());
  await here.ok(['up']);
  const { instances, groups } = await ec2.snapshot();
  await ask(ec2, async (client) => {
    await client.send(new TerminateInstancesCommand({ InstanceIds: instances.map(({ id }) => id) }));
    await until(async () => (await ec2.snapshot()).instances.length === 0, 'the instance has ended');
    await client.send(new DeleteSecurityGroupCommand({ GroupId: groups[0]?.id }));
  });
  for (const action of ['TerminateInstances', 'DeleteSecurityGroup']) await ec2.script({ action, fault: 'denied', times: 'always' });
  expect((await here.json(['down', '--yes'])).result).toMatchObject({ spins: [{ result: 'released', left: [] }] });
});

test('a sweep ends what is past its deadline, and leaves alone what another state location owns', LONG, async () => {
  const { here, ec2 } = await awsProject();
  here.spec(spec());
  await here.ok(['up', '--ttl', '2s']);
  const other = { env: { SPIN_STATE: `${here.home}/other` } };
  await here.ok(['up', '--id', 'theirs'], other);
  await until(async () => {
    await here.ok(['gc', '--yes', '--force', '--grace', '0s']);
    return (await living(ec2)).length === 1;
  }, 'the expired spin is gone');
  expect((await ec2.snapshot()).instances).toMatchObject([{ tags: { [OWNED.id]: 'theirs' } }]);
  expect((await here.json<LsOutcome>(['ls'])).result.spins).toEqual([]);
  await here.ok(['down', 'theirs', '--yes'], other);
  expect(left(await ec2.snapshot())).toEqual([]);
});

test('where a type has no capacity the next is taken at once; where none has, up says so and leaves nothing', LONG, async () => {
  const { here, ec2 } = await awsProject();
  here.spec(spec({ replicas: 2, more: '    instanceTypes: [m5.large, c5.large]\n' }));
  await ec2.limit({ type: 'm5.large', left: 0 });
  const up = await here.json<UpOutcome>(['up']);
  expect(up.result.state).toBe('up');
  expect((await living(ec2)).map(({ type }) => type)).toEqual(['c5.large', 'c5.large']);
  expect(here.journal('shop').filter(({ type }) => type === 'resource.alternative').length).toBeGreaterThan(0);
  await here.ok(['down', '--yes']);

  await ec2.limit({ type: 'c5.large', left: 0 });
  const failed = await here.run(['up']);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(/InsufficientInstanceCapacity|sufficient c5\.large capacity/);
  expect(left(await ec2.snapshot())).toEqual([]);
});

test(
  'a lost replica is replaced from the first type again, and where there is none, as often as up is run, the other stays',
  LONG,
  async () => {
    const { here, ec2 } = await awsProject();
    here.spec(spec({ replicas: 2, more: '    instanceTypes: [m5.large, c5.large]\n' }));
    const loseOne = async () => {
      const [lost] = await living(ec2);
      await ec2.outside({ do: 'terminate', id: lost?.id ?? '' });
    };
    await ec2.limit({ type: 'm5.large', left: 0 });
    await here.json<UpOutcome>(['up']);
    await ec2.clear('limits');
    await ec2.limit({ type: 'c5.large', left: 0 });
    await loseOne();
    expect((await here.json<UpOutcome>(['up'])).result).toMatchObject({ state: 'up' });
    expect((await living(ec2)).map(({ type }) => type).toSorted()).toEqual(['c5.large', 'm5.large']);

    await ec2.limit({ left: 0 });
    await loseOne();
    const [stays] = await living(ec2);
    for (const _ of [1, 2]) {
      const failed = await here.run(['up', '--on-failure', 'keep']);
      expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('InsufficientInstanceCapacity')]);
      expect((await living(ec2)).map(({ id }) => id)).toEqual([stays?.id]);
    }
    await ec2.clear('limits');
    expect((await here.json<UpOutcome>(['up'])).result).toMatchObject({ state: 'up' });
    expect((await living(ec2)).map(({ id }) => id)).toContain(stays?.id);
    await here.ok(['down', '--yes']);
    expect(left(await ec2.snapshot())).toEqual([]);
  },
);

test('a quota stops it at once, by its name', async () => {
  const { here, ec2 } = await awsProject();
  here.spec(spec({ replicas: 2 }));
  await ec2.limit({ left: 0, code: 'VcpuLimitExceeded' });
  const failed = await here.run(['up']);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(/VcpuLimitExceeded|vCPU/);
  expect((await ec2.snapshot()).made).toMatchObject({ instance: 0 });
  expect(left(await ec2.snapshot())).toEqual([]);
});

test('the first spec of the page comes up as it stands there', async () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/aws.md'), 'utf8');
  const text = /```yaml\n(# spin\.yaml\n[^]*?)```/.exec(page)?.[1] ?? expect.fail('the page has no spec');
  const host = addressOfThisTest(1);
  await listenAt(host, 8080);
  const { here, ec2 } = await awsProject({ publicCidr: `${host}/32` });
  here.spec(text);
  const up = await here.json<UpOutcome>(['up']);
  expect(up.result.endpoints).toContainEqual(expect.objectContaining({ service: 'web', host, port: 8080 }));
  await here.ok(['down', '--yes']);
  expect(left(await ec2.snapshot())).toEqual([]);
});

/** One of 127.0.0.0/8 that no other test listens on. */
function addressOfThisTest(which: number): string {
  return `127.${31 + which}.${process.pid % 250}.${Math.floor(process.pid / 250) % 250}`;
}

interface Living {
  readonly id: string;
  readonly type: string;
  readonly tags: Readonly<Record<string, string>>;
}

async function living(ec2: RemoteEc2): Promise<readonly Living[]> {
  return (await ec2.snapshot()).instances
    .filter(({ state }) => state !== 'shutting-down')
    .map(({ id, type, tags }) => ({ id, type, tags }));
}

async function retag(ec2: RemoteEc2, id: string, Key: string, Value: string): Promise<void> {
  await ask(ec2, (client) => client.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key, Value }] })));
}

/** Somebody who is not spin. */
async function ask(ec2: RemoteEc2, request: (client: EC2Client) => Promise<unknown>): Promise<void> {
  const client = new EC2Client({ endpoint: ec2.url, region: AWS_REGION, credentials: { accessKeyId: 'x', secretAccessKey: 'x' } });
  await request(client).finally(() => client.destroy());
}
