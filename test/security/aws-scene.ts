/** Spin on AWS with secrets that are known wherever they turn up, and everything that it says to anybody. */
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { AWS_REGION } from '../e2e/aws-project.ts';
import { commandLineOf } from '../e2e/processes.ts';
import { type Project, project, SPIN } from '../e2e/project.ts';
import { type RemoteEc2, spawnEc2 } from '../fakes/ec2/spawn.ts';
import { environmentOf } from '../fakes/ec2/start.ts';
import type { Call } from '../fakes/moto/call.ts';
import { MACHINES } from '../providers/aws/machine-world.ts';
import { canary, filesWith, heldIn } from './canary.ts';
import { everyProcess, shownBy } from './life.ts';
import { standInForIam } from './roles.ts';
import { captureTraffic, type Exchange, type Look } from './traffic.ts';

/** Many commands, on a machine that is busy with others. */
export const LONG = { timeout: 180_000 };
const DIST = join(import.meta.dirname, '../../dist');

/** The secrets of a spec, from where the user of a scene has them. */
export const SECRETS = `secrets:
  made: { generate: 40 }
  typed: { env: TYPED }
  filed: { file: filed.txt }
  said: { command: sh said.sh }
`;

/** The program that tells a secret, and what it was shown of the other ones by its parent and its own environment. */
const SAID = `tr '\\0' '\\n' < /proc/$PPID/cmdline > seen-of-parent
env > seen-in-environment
cat said.txt
`;

export interface Scene {
  readonly here: Project;
  /** By name, as they are known from the start; a generated one from when it is stored. */
  readonly values: ReadonlyMap<string, string>;
  /** Where AWS is, as spin is told. */
  readonly url: string;
  readonly exchanges: readonly Exchange[];
  /** What the commands said so far, each after its command line. */
  readonly said: readonly string[];
  /** What processes showed of the secrets while spin spoke to AWS, but the one that the user gave a secret to. */
  readonly shown: readonly string[];
  /** Runs a command of spin and keeps what it says. @returns its exit code */
  readonly say: (...args: readonly string[]) => Promise<number | null>;
}

/**
 * A user with four secrets and a key, whose commands speak to AWS through a proxy that hears all.
 * @param spec has SECRETS
 */
export async function scene(upstream: string, spec: string, look: Look = () => undefined): Promise<Scene> {
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
    // What runs on a machine of the spin has what that was given.
    if (all.includes(MACHINES)) return [];
    return [...values].flatMap(([name, value]) => {
      const inherits = name === 'KEY' || (name === 'TYPED' && mayInherit(command));
      return (inherits ? command : all).includes(value) ? [`${name} by ${command}`] : [];
    });
  };

  const here = project('canaries', { ...environmentOf(url, AWS_REGION), AWS_SECRET_ACCESS_KEY: values.get('KEY') ?? '' });
  here.write('filed.txt', `${values.get('FILED')}\n`);
  here.write('said.txt', `${values.get('TOLD')}\n`);
  here.write('said.sh', SAID);
  here.spec(spec);
  const cache = join(here.home, '.cache');
  const say = async (...args: readonly string[]): Promise<number | null> => {
    const { code, stdout, stderr } = await here.run(args, { env: { TYPED: values.get('TYPED'), XDG_CACHE_HOME: cache } });
    said.push(`spin ${args.join(' ')}\n${stdout}${stderr}`);
    return code;
  };
  return { here, values, url, exchanges, said, shown, say };
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
export function storedBy({ service, action, request }: Call): { readonly name: string; readonly value: string } | undefined {
  if (service !== 'ssm' || action !== 'PutParameter') return undefined;
  const { Name, Value } = JSON.parse(request.body.toString()) as { readonly Name: string; readonly Value: string };
  return { name: Name.split('/').at(-2) ?? '', value: Value };
}

/** Holds that no secret is anywhere but in the calls that store it. */
export function expectNowhereElse({ here, values, exchanges, said, shown }: Scene): void {
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

/** The double of EC2, for the length of a test. */
export async function double(): Promise<RemoteEc2> {
  const { ec2, stop } = await spawnEc2();
  onTestFinished(stop);
  return ec2;
}

/** The double has no IAM. */
export function withIam(look: Look = () => undefined): Look {
  const iam = standInForIam();
  return async (call) => (await look(call)) ?? (call.service === 'iam' ? iam(call) : undefined);
}
