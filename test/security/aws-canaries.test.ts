import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetParametersByPathCommand, SSMClient } from '@aws-sdk/client-ssm';
import { expect, onTestFinished, test } from 'vitest';
import { AWS_REGION, left } from '../e2e/aws-project.ts';
import { commandLineOf } from '../e2e/processes.ts';
import { type Project, project, SPIN } from '../e2e/project.ts';
import { type RemoteEc2, spawnEc2 } from '../fakes/ec2/spawn.ts';
import { environmentOf } from '../fakes/ec2/start.ts';
import { errorAnswer } from '../fakes/moto/answers.ts';
import type { Call } from '../fakes/moto/call.ts';
import { describeWithMoto } from '../fakes/moto/suite.ts';
import { canary, filesWith, heldIn } from './canary.ts';
import { everyProcess, shownBy } from './life.ts';
import { standInForIam } from './roles.ts';
import { captureTraffic, type Exchange, type Look } from './traffic.ts';

/** Many commands, on a machine that is busy with others. */
const LONG = { timeout: 180_000 };
const DIST = join(import.meta.dirname, '../../dist');

const SPEC = `
name: vault
provider: aws
ttl: 1h
tags: { team: blue }
secrets:
  made: { generate: 40 }
  typed: { env: TYPED }
  filed: { file: filed.txt }
  said: { command: sh said.sh }
services:
  web:
    run: 'echo "in the log: $GOT $(cat "$FILED_FILE") $SAID $MADE"; exec sleep 1000'
    instanceTypes: [m5.large]
    secrets: { made: { env: MADE }, typed: { env: GOT }, filed: { file: FILED_FILE }, said: { env: SAID } }
    health: { alive: 10ms }
  other:
    run: sleep 1000
    health: { alive: 10ms }
`;

/** The program that tells a secret, and what it was shown of the other ones by its parent and its own environment. */
const SAID = `tr '\\0' '\\n' < /proc/$PPID/cmdline > seen-of-parent
env > seen-in-environment
cat said.txt
`;

interface Scene {
  readonly here: Project;
  /** By name, as they are known from the start; a generated one from when it is stored. */
  readonly values: ReadonlyMap<string, string>;
  readonly exchanges: readonly Exchange[];
  /** What the commands said so far, each after its command line. */
  readonly said: readonly string[];
  /** What processes showed of the secrets while spin spoke to AWS, but the one that the user gave a secret to. */
  readonly shown: readonly string[];
  /** Runs a command of spin and keeps what it says. @returns its exit code */
  readonly say: (...args: readonly string[]) => Promise<number | null>;
}

/** A user with four secrets and a key, whose commands speak to AWS through a proxy that hears all. */
async function scene(upstream: string, look: Look = () => undefined): Promise<Scene> {
  const values = new Map(['TYPED', 'FILED', 'TOLD', 'KEY'].map((name) => [name, canary(name.toLowerCase())]));
  const [said, shown]: [string[], string[]] = [[], []];
  const { url, exchanges } = await captureTraffic(upstream, (call) => {
    const stored = storedBy(call);
    if (stored?.name === 'made') values.set(`MADE ${values.size}`, stored.value);
    for (const pid of everyProcess()) shown.push(...showing(pid));
    return look(call);
  });
  const showing = (pid: number): readonly string[] => {
    const [command, all] = [commandLineOf(pid), shownBy(pid)];
    return [...values].flatMap(([name, value]) => {
      const inherits = name === 'KEY' || (name === 'TYPED' && mayInherit(command));
      return (inherits ? command : all).includes(value) ? [`${name} by ${command}`] : [];
    });
  };

  const here = project('canaries', { ...environmentOf(url, AWS_REGION), AWS_SECRET_ACCESS_KEY: values.get('KEY') ?? '' });
  here.write('filed.txt', `${values.get('FILED')}\n`);
  here.write('said.txt', `${values.get('TOLD')}\n`);
  here.write('said.sh', SAID);
  here.spec(SPEC);
  const cache = join(here.home, '.cache');
  const say = async (...args: readonly string[]): Promise<number | null> => {
    const { code, stdout, stderr } = await here.run(args, { env: { TYPED: values.get('TYPED'), XDG_CACHE_HOME: cache } });
    said.push(`spin ${args.join(' ')}\n${stdout}${stderr}`);
    return code;
  };
  return { here, values, exchanges, said, shown, say };
}

/** Spin, whom the user gave the variable, and the program of a secret, which runs as the user's shell would run it; see docs/security.md. */
function mayInherit(command: string): boolean {
  const words = command.split('\0');
  return (
    words.includes(SPIN) ||
    words.includes('sh said.sh') ||
    ['sh said.sh', 'cat said.txt', 'env'].includes(words.join(' ').trim()) ||
    words[0] === 'tr'
  );
}

/** The secret that a call stores, by its name in the spec. */
function storedBy({ service, action, request }: Call): { readonly name: string; readonly value: string } | undefined {
  if (service !== 'ssm' || action !== 'PutParameter') return undefined;
  const { Name, Value } = JSON.parse(request.body.toString()) as { readonly Name: string; readonly Value: string };
  return { name: Name.split('/').at(-2) ?? '', value: Value };
}

/** Holds that no secret is anywhere but in the calls that store it. */
function expectNowhereElse({ here, values, exchanges, said, shown }: Scene): void {
  expect(shown).toEqual([]);
  for (const { call, answer } of exchanges) {
    const { method, path, headers, body } = call.request;
    const what = `${call.service}:${call.action}`;
    expect(heldIn(`${method} ${path}\n${JSON.stringify(headers)}`, values), `above the body of ${what}`).toEqual([]);
    const stored = storedBy(call)?.value;
    const own = [...values].filter(([, value]) => value === stored).map(([name]) => name);
    expect(heldIn(body, values), what).toEqual(own);
    // An answer that a test makes up may quote what was asked; and to moto, a sealed value is the value behind a word.
    if (answer.code !== undefined || call.action === 'GetParameters') continue;
    expect(heldIn(`${JSON.stringify(answer.headers)}\n${answer.body.toString()}`, values), `the answer to ${what}`).toEqual([]);
  }
  for (const text of said) expect(heldIn(text, values), text).toEqual([]);
  const planted = ['filed.txt', 'said.txt', 'seen-in-environment'];
  for (const value of values.values()) {
    expect(filesWith(here.dir, value).filter((file) => !planted.includes(file))).toEqual([]);
    expect(filesWith(here.home, value)).toEqual([]);
    expect(filesWith(DIST, value)).toEqual([]);
  }
}

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
  const life = await scene(upstream, look);
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

async function double(): Promise<RemoteEc2> {
  const { ec2, stop } = await spawnEc2();
  onTestFinished(stop);
  return ec2;
}

/** The double has no IAM. */
function withIam(look: Look = () => undefined): Look {
  const iam = standInForIam();
  return (call) => look(call) ?? (call.service === 'iam' ? iam(call) : undefined);
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
  const failing = await scene(ec2.url, withIam());
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
