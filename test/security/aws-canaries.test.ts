import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetParametersByPathCommand, SSMClient } from '@aws-sdk/client-ssm';
import { expect, onTestFinished, test } from 'vitest';
import { AWS_REGION, left } from '../e2e/aws-project.ts';
import { errorAnswer } from '../fakes/moto/answers.ts';
import { describeWithMoto } from '../fakes/moto/suite.ts';
import { double, expectNowhereElse, LONG, scene, SECRETS, storedBy, withIam } from './aws-scene.ts';
import { heldIn } from './canary.ts';
import type { Look } from './traffic.ts';

const SPEC = `
name: vault
provider: aws
ttl: 1h
tags: { team: blue }
${SECRETS}services:
  web:
    run: 'echo "in the log: $GOT $(cat "$FILED_FILE") $SAID $MADE"; exec sleep 1000'
    instanceTypes: [m5.large]
    secrets: { made: { env: MADE }, typed: { env: GOT }, filed: { file: FILED_FILE }, said: { env: SAID } }
    health: { alive: 10ms }
  other:
    run: sleep 1000
    health: { alive: 10ms }
`;

/** In every form, also of what fails here: nothing runs on these instances. */
const LOOKS: readonly (readonly string[])[] = [
  ['plan'],
  ['status', 'vault'],
  ['ls', '--wide'],
  ['ls', '--cloud'],
  ['events', 'vault'],
  ['cost', '--by', 'service'],
  ['logs', 'vault', 'web'],
  ['config'],
  ['doctor'],
  ['gc', '--dry-run'],
  ['exec', 'vault', 'web', '--', 'env'],
  ['up'],
];

/** A spin that comes up, is looked at from everywhere, and goes. */
async function wholeLife(upstream: string, looks: typeof LOOKS, look?: Look): Promise<void> {
  const life = await scene(upstream, SPEC, look);
  const { here, say, values, exchanges, said } = life;
  const stored = () => exchanges.flatMap(({ call }) => storedBy(call) ?? []).toSorted((one, other) => (one.name < other.name ? -1 : 1));
  expect(await say('up', '--verbose', '--output', 'json'), said.at(-1)).toBe(0);
  expect(here.processes()).toEqual([]);
  for (const [command = '', ...rest] of looks) {
    await say(command, '--verbose', ...rest);
    await say(command, '--output', 'json', ...rest);
  }

  // Each once, as what it is; the generated one is known from there.
  expect(stored()).toEqual([
    { name: 'filed', value: values.get('FILED') },
    { name: 'made', value: expect.stringMatching(/^[\w-]{40}$/) as string },
    { name: 'said', value: values.get('TOLD') },
    { name: 'typed', value: values.get('TYPED') },
  ]);
  expect([...values.values()]).toContain(stored()[1]?.value);
  // That packed user data is looked into: it tells where a secret is, and not what it is.
  const launches = exchanges.filter(({ call }) => call.action === 'RunInstances' && call.params.get('DryRun') !== 'true');
  expect(launches.map(({ call }) => call.params.get('UserData')?.slice(0, 4))).toEqual(['H4sI', 'H4sI']);
  expect(launches.filter(({ call }) => heldIn(call.request.body, [['parameter', '/said/1']]).length > 0)).toHaveLength(1);

  // The program of a secret sees nothing in its parent's arguments, and in its environment the caller's own variables alone.
  for (const [name, value] of values) {
    expect(readFileSync(join(here.dir, 'seen-of-parent'), 'utf8')).not.toContain(value);
    if (name !== 'TYPED' && name !== 'KEY') expect(readFileSync(join(here.dir, 'seen-in-environment'), 'utf8')).not.toContain(value);
  }
  expectNowhereElse(life);

  expect(await say('down', 'vault', '--yes', '--verbose', '--output', 'json'), said.at(-1)).toBe(0);
  for (const args of [['cost'], ['events', 'vault'], ['ls', '--cloud']]) await say(...args, '--output', 'json', '--verbose');
  expectNowhereElse(life);
  expect(existsSync(join(here.state, 'ledger.ndjson'))).toBe(true);
}

test('on AWS a secret is in the one call that stores it and nowhere else, through a whole life and after it', LONG, async () => {
  const ec2 = await double();
  await wholeLife(ec2.url, LOOKS, withIam());
  expect(left(await ec2.snapshot())).toEqual([]);
});

/** How AWS, or whoever answers for it, may quote what it refuses. */
const QUOTING: Readonly<Record<string, (value: string) => string>> = {
  'as it is': (value) => `Value '${value}' at 'value' failed to satisfy constraint`,
  'as JSON': (value) => `cannot take ${JSON.stringify({ Value: value })}`,
  encoded: (value) => `cannot take Value=${encodeURIComponent(value)} nor ${Buffer.from(value).toString('base64')}`,
};

test.each(Object.entries(QUOTING))('an up whose secrets are refused, and quoted %s, tells them to nobody', LONG, async (_how, quote) => {
  const ec2 = await double();
  const throttled = new Set<string>();
  const failing = await scene(
    ec2.url,
    SPEC,
    withIam((call) => {
      const { name, value } = storedBy(call) ?? {};
      if (name === undefined || value === undefined) return undefined;
      // First as what is sent again by itself, which is told as an event.
      const [status, code] = throttled.has(name) ? [400, 'ValidationException'] : [400, 'ThrottlingException'];
      throttled.add(name);
      return errorAnswer(call, status, code, quote(value));
    }),
  );
  expect(await failing.say('up', '--verbose')).toBe(1);
  expect(failing.said.at(-1)).toMatch(/PutParameter/);
  expect(await failing.say('up', '--output', 'json', '--on-failure', 'keep')).toBe(1);
  for (const args of [
    ['status', 'vault'],
    ['events', 'vault'],
    ['ls', '--wide'],
    ['down', 'vault', '--yes'],
  ]) {
    await failing.say(...args, '--verbose', '--output', 'json');
  }
  expectNowhereElse(failing);
  expect(left(await ec2.snapshot())).toEqual([]);
});

test('an up that finds no capacity tells no secret of those that it has stored, and leaves none', LONG, async () => {
  const ec2 = await double();
  const failing = await scene(ec2.url, SPEC, withIam());
  await ec2.limit({ left: 0 });
  expect(await failing.say('up', '--verbose')).toBe(1);
  expect(failing.said.at(-1)).toMatch(/capacity/i);
  expect(await failing.say('up', '--output', 'json')).toBe(1);
  await failing.say('events', 'vault', '--output', 'json');
  expect(failing.exchanges.filter(({ call }) => storedBy(call) !== undefined).length).toBeGreaterThanOrEqual(4);
  expectNowhereElse(failing);
  expect(left(await ec2.snapshot())).toEqual([]);
});

describeWithMoto('canaries on AWS', (world) => {
  test('a secret is in the one call that stores it and nowhere else, where another one plays AWS', LONG, async () => {
    const { url } = world().proxy;
    await wholeLife(url, [['status', 'vault'], ['events', 'vault'], ['ls', '--cloud'], ['up']]);
    const client = new SSMClient({ endpoint: url, region: AWS_REGION, credentials: { accessKeyId: 'x', secretAccessKey: 'x' } });
    onTestFinished(() => client.destroy());
    expect((await client.send(new GetParametersByPathCommand({ Path: '/spin', Recursive: true }))).Parameters).toEqual([]);
  });
});
