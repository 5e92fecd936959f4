import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Plan } from '../../../src/plan/plan.ts';
import { startEc2 } from '../../fakes/ec2/start.ts';
import { anotherProcess, check, CLOUD, named, planOf, quotaOf, type QuotaWorld, run, withQuota } from './preflight-world.ts';
import { ACCOUNT, awsWorld } from './world.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const PLAN = planOf({ name: 'web', replicas: 2 });
const QUOTA = 'quota L-1216C47A';

interface Asked {
  readonly types: number;
  readonly offers: number;
  readonly quotas: number;
}

/** Another process checks: what it finds, and how often it asks for what may be kept. */
async function checkAnew(world: QuotaWorld, plan: Plan = PLAN) {
  const before = askedOf(world);
  // A dry run stands back while the bucket of launches is not full, which it is not right after the one before.
  const checks = (await check(anotherProcess(world), plan)).filter(({ name }) => name !== 'permission');
  const after = askedOf(world);
  const asked = { types: after.types - before.types, offers: after.offers - before.offers, quotas: after.quotas - before.quotas };
  return { checks, asked, failed: checks.filter(({ ok }) => !ok).map(({ name }) => name) };
}

function askedOf({ ec2, quotasAsked }: QuotaWorld): Asked {
  const { DescribeInstanceTypes: types = 0, DescribeInstanceTypeOfferings: offers = 0 } = ec2.counts();
  return { types, offers, quotas: quotasAsked() };
}

const NOTHING: Asked = { types: 0, offers: 0, quotas: 0 };
const ALL: Asked = { types: 1, offers: 1, quotas: 1 };

function fileOf({ options }: QuotaWorld): string {
  const folder = join(options.cacheDir, 'answers');
  const [file, ...more] = readdirSync(folder);
  expect(more).toEqual([]);
  return join(folder, file ?? '');
}

/** Puts another value, or another account, into the file. */
function rewrite(world: QuotaWorld, name: string, entry: { readonly value?: unknown; readonly account?: string }): void {
  const file = fileOf(world);
  const kept = JSON.parse(readFileSync(file, 'utf8'));
  expect(Object.keys(kept.entries)).toContain(name);
  kept.entries[name] = { ...kept.entries[name], ...entry };
  writeFileSync(file, JSON.stringify(kept));
}

test('what rarely changes is asked once, by whatever process', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  const first = await checkAnew(world);
  expect(first).toMatchObject({ asked: ALL, failed: [] });
  const second = await checkAnew(world);
  expect(second).toEqual({ ...first, asked: NOTHING });
  const file = fileOf(world);
  expect([statSync(file).mode & 0o777, statSync(join(file, '..')).mode & 0o777]).toEqual([0o600, 0o700]);
});

test('it is asked again when it is old: quotas after an hour, zones after a day, types after a month', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  await checkAnew(world);
  const turns: readonly (readonly [number, Asked])[] = [
    [HOUR - 60_000, NOTHING],
    [60_000, { ...NOTHING, quotas: 1 }],
    [DAY - HOUR, { ...NOTHING, offers: 1, quotas: 1 }],
    [29 * DAY, ALL],
  ];
  for (const [ms, asked] of turns) {
    await world.ec2.advance(ms);
    expect([ms, (await checkAnew(world)).asked]).toEqual([ms, asked]);
  }
});

test('a clock that was set back keeps nothing', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  await checkAnew(world);
  const kept = JSON.parse(readFileSync(fileOf(world), 'utf8'));
  for (const entry of Object.values<{ at: number }>(kept.entries)) entry.at += DAY;
  writeFileSync(fileOf(world), JSON.stringify(kept));
  expect((await checkAnew(world)).asked).toEqual(ALL);
});

test('what was not asked about is asked, and what is known of the rest is kept', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  await checkAnew(world);
  const two = planOf({ name: 'web' }, { name: 'more', cloud: { ...CLOUD, instanceTypes: ['m5.large'] } });
  expect((await checkAnew(world, two)).asked).toMatchObject({ offers: 1, quotas: 0 });
  expect((await checkAnew(world, two)).asked).toEqual(NOTHING);
  expect((await checkAnew(world)).asked).toEqual(NOTHING);
});

test('a quota that was too small is asked again before it refuses, and so is one that was raised found', async () => {
  let value = 2;
  const world = await withQuota(await awsWorld(), () => quotaOf(value));
  expect(await checkAnew(world)).toMatchObject({ asked: ALL, failed: [QUOTA] });
  const again = await checkAnew(world);
  expect(again).toMatchObject({ asked: { offers: 0, quotas: 1 }, failed: [QUOTA] });
  value = 32;
  const raised = await checkAnew(world);
  expect(raised).toMatchObject({ asked: { offers: 0, quotas: 1 }, failed: [] });
  expect(named(raised.checks, QUOTA).detail).toMatch(/^4 vCPUs are wanted, 0 of 32 are in use/);
  expect(await checkAnew(world)).toMatchObject({ asked: NOTHING, failed: [] });
});

test('what runs is never kept', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(8));
  await checkAnew(world);
  await run(world, 3, {});
  const { checks } = await checkAnew(world);
  expect(named(checks, QUOTA)).toMatchObject({ ok: false, detail: expect.stringMatching(/^4 vCPUs are wanted, 6 of 8 are in use/) });
});

test.each<[string, string, unknown, Partial<Asked>]>([
  ['vCPUs', 'type t3.micro', { vcpus: 64, architectures: ['x86_64'] }, { types: 1 }],
  ['a processor', 'type t3.micro', { vcpus: 2, architectures: ['arm64'] }, { types: 1 }],
  ['zones', 'offers t3.micro', ['us-east-1f'], { offers: 1 }],
  ['a quota', 'quota L-1216C47A', 1, { quotas: 1 }],
])('%s that would refuse, and are not so any more, refuse nothing', async (_what, name, value, asked) => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  const before = await checkAnew(world);
  rewrite(world, name, { value });
  const after = await checkAnew(world);
  expect(after.checks).toEqual(before.checks);
  expect(after.asked).toMatchObject(asked);
  expect((await checkAnew(world)).asked).toEqual(NOTHING);
});

test('a kept number of vCPUs refuses nothing, be the quota asked anew', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  await checkAnew(world);
  rewrite(world, 'type t3.micro', { value: { vcpus: 64, architectures: ['x86_64'] } });
  await world.ec2.advance(2 * HOUR);
  expect(await checkAnew(world)).toMatchObject({ asked: { types: 1, offers: 0 }, failed: [] });
});

test('what AWS does not know is not kept', async () => {
  const none = { status: 200, body: '{"Quota":{}}', headers: { 'content-type': 'application/x-amz-json-1.1' } } as const;
  const world = await withQuota(await awsWorld(), none);
  const plan = planOf({ name: 'web', cloud: { ...CLOUD, instanceTypes: ['t9.micro'] } });
  for (const _round of [1, 2]) {
    const { asked, failed } = await checkAnew(world, plan);
    expect({ asked, failed }).toMatchObject({ asked: ALL, failed: expect.arrayContaining(['instance types of web']) });
  }
});

test('what another account was told, be it by a key that looks the same, counts for nothing', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  await checkAnew(world);
  for (const name of ['type t3.micro', 'offers t3.micro', 'quota L-1216C47A']) {
    rewrite(world, name, { account: '999999999999' });
  }
  expect((await checkAnew(world)).asked).toEqual(ALL);
  const { entries } = JSON.parse(readFileSync(fileOf(world), 'utf8'));
  expect(new Set(Object.values<{ account: string }>(entries).map(({ account }) => account))).toEqual(new Set([ACCOUNT]));
  const other = anotherProcess(world, { AWS_ACCESS_KEY_ID: 'AKIAQYLPMN5HAAAAAAAA' });
  expect((await checkAnew(other)).asked).toEqual(ALL);
  expect((await checkAnew(world)).asked).toEqual(NOTHING);
});

test('what one endpoint says is not what another says', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  await checkAnew(world);
  const ec2 = await startEc2({ clock: world.call.clock });
  onTestFinished(() => ec2.close());
  const other = { ...anotherProcess(world, { AWS_ENDPOINT_URL: ec2.url }), ec2 };
  expect((await checkAnew(other)).asked).toEqual(ALL);
  expect((await checkAnew(world)).asked).toEqual(NOTHING);
});

test.each([
  ['is cut off', '{"v":1,"entries":{"type t3.micro":{"at":'],
  ['is of another version', '{"v":2,"entries":{}}'],
  ['holds something else', '{"v":1,"entries":{"type t3.micro":7,"offers t3.micro":{"value":[1],"at":0},"quota L-1216C47A":{"at":1}}}'],
  ['is no object', 'null'],
])('a file that %s is as good as none', async (_how, text) => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  await checkAnew(world);
  writeFileSync(fileOf(world), text);
  expect(await checkAnew(world)).toMatchObject({ asked: ALL, failed: [] });
  expect((await checkAnew(world)).asked).toEqual(NOTHING);
});

test('values of another form are asked again', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  await checkAnew(world);
  rewrite(world, 'type t3.micro', { value: { vcpus: '2', architectures: ['x86_64'] } });
  rewrite(world, 'offers t3.micro', { value: [7] });
  rewrite(world, 'quota L-1216C47A', { value: '32' });
  expect(await checkAnew(world)).toMatchObject({ asked: ALL, failed: [] });
});

test('nothing is kept where AWS does not say who asks', async () => {
  const world = await withQuota(await awsWorld(), quotaOf(32));
  world.ec2.script({ action: 'GetCallerIdentity', times: 'always', fault: 'denied' });
  await checkAnew(world);
  world.ec2.clear('scripts');
  expect((await checkAnew(world)).asked).toEqual(ALL);
});
