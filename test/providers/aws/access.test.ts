import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Cloud } from '../../../src/providers/aws/cloud.ts';
import { execOn } from '../../../src/providers/aws/access/exec.ts';
import { readLogs } from '../../../src/providers/aws/access/logs.ts';
import type { Region } from '../../../src/providers/aws/region.ts';
import { Fault } from '../../../src/providers/fault.ts';
import type { LogLine } from '../../../src/providers/provider.ts';
import { awsWorld, type AwsWorld, launch } from './world.ts';

/** Answers of services that the double does not have, by command; what is not here goes to the double. */
type Answers = Readonly<Record<string, (input: Readonly<Record<string, unknown>>) => unknown>>;

describe('a command on an instance', () => {
  test('runs through Systems Manager, is read by no shell, and its output and exit code come back', async () => {
    const { world, region } = await withService({
      ...managed,
      GetCommandInvocationCommand: () => ({
        Status: 'Failed',
        ResponseCode: 3,
        StandardOutputContent: 'out\n',
        StandardErrorContent: 'err\n',
      }),
    });
    const request = { instance: 'web@1.1', command: ['sh', '-c', `echo "it's"`], stdio: 'pipe' } as const;
    expect(await execOn(region, world.spin, request, world.call)).toEqual({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
    const [line] = sent;
    expect(line).toMatch(/^\/opt\/spin\/agent exec [A-Za-z0-9+/=]+ masked$/);
    expect(JSON.parse(Buffer.from(line?.split(' ')[2] ?? '', 'base64').toString())).toEqual(request.command);
  });

  test('that was never delivered is told as such, not as an exit code', async () => {
    const { world, region } = await withService({
      ...managed,
      GetCommandInvocationCommand: () => ({ Status: 'Failed', ResponseCode: -1, StatusDetails: 'Undeliverable' }),
    });
    await expect(execOn(region, world.spin, { instance: 'web@1.1', command: 'true', stdio: 'pipe' }, world.call)).rejects.toMatchObject({
      class: 'not-delivered',
      message: expect.stringContaining('Undeliverable'),
    });
  });

  test('goes by ssh where Systems Manager does not reach the instance, with a key for once, and closes the door after it', async () => {
    const told: Readonly<Record<string, unknown>>[] = [];
    const { world, region } = await withService(
      { DescribeInstanceInformationCommand: () => ({}), SendSSHPublicKeyCommand: (input) => void told.push(input) },
      { checkFrom: ['192.0.2.7/32'] },
    );
    const rulesBefore = world.ec2.snapshot().groups[0]?.rules;
    const folder = join(world.options.cacheDir, 'bin');
    mkdirSync(folder);
    for (const [name, script] of Object.entries({
      'ssh-keygen': 'for last; do :; done; echo private >"$last"; echo "ssh-ed25519 AAAA spin" >"$last.pub"',
      ssh: `printf '%s\\n' "$@" >'${folder}/args'; echo hello; exit 5`,
    })) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(folder, name), 0o755);
    }
    const seen = await execOn(withEnv(region, folder), world.spin, { instance: 'web@1.1', command: ['true'], stdio: 'pipe' }, world.call);
    expect(seen).toEqual({ exitCode: 5, stdout: 'hello\n', stderr: '' });
    expect(told).toMatchObject([{ InstanceOSUser: 'ec2-user', SSHPublicKey: 'ssh-ed25519 AAAA spin\n', AvailabilityZone: 'us-east-1a' }]);
    const args = readFileSync(join(folder, 'args'), 'utf8').split('\n');
    expect(args).toEqual(expect.arrayContaining([`ec2-user@${world.ec2.snapshot().instances[0]?.publicAddress}`]));
    expect(args.find((arg) => arg.startsWith('sudo '))).toMatch(/^sudo \/opt\/spin\/agent exec \S+ masked$/);
    expect(existsSync(args[args.indexOf('-i') + 1] ?? '')).toBe(false);
    expect(world.ec2.counts()).toMatchObject({ AuthorizeSecurityGroupIngress: 1, RevokeSecurityGroupIngress: 1 });
    expect(world.ec2.snapshot().groups[0]?.rules).toBe(rulesBefore);
  });

  test('says exactly what is missing where neither is there', async () => {
    const { world, region } = await withService({ DescribeInstanceInformationCommand: unimplemented }, { checkFrom: [] });
    const thrown = execOn(region, world.spin, { instance: 'web@1.1', command: 'true', stdio: 'pipe' }, world.call);
    await expect(thrown).rejects.toMatchObject({
      class: 'exec-unavailable',
      message: expect.stringMatching(/the rights of that agent.*aws\.checkFrom/),
    });
  });

  test('finds no instance that is not there', async () => {
    const { world, region } = await withService(managed);
    const request = { instance: 'web@1.9', command: 'true', stdio: 'pipe' } as const;
    await expect(execOn(region, world.spin, request, world.call)).rejects.toMatchObject({ kind: 'not-found', class: 'instance-missing' });
  });
});

describe('what services print', () => {
  test('is read from the journal in parts, from where the last one ended', async () => {
    const parts = [
      {
        lines: [
          [1_000, 'first'],
          [2_000, 'second'],
        ],
        cursor: 'c2',
        more: true,
      },
      { lines: [[3_000, 'third']], cursor: 'c3', more: false },
    ];
    let part = 0;
    const { world, region } = await withService({
      ...managed,
      GetCommandInvocationCommand: () => ({ Status: 'Success', ResponseCode: 0, StandardOutputContent: packed(parts[part++]) }),
    });
    const lines = await all(readLogs(region, world.spin, { follow: false, tail: 10, since: 500 }, world.call));
    expect(lines).toEqual([
      { service: 'web', instance: 'web@1.1', time: 1_000, text: 'first' },
      { service: 'web', instance: 'web@1.1', time: 2_000, text: 'second' },
      { service: 'web', instance: 'web@1.1', time: 3_000, text: 'third' },
    ]);
    const asked = sent.map((line) => JSON.parse(Buffer.from(line.split(' ')[2] ?? '', 'base64').toString()) as unknown);
    expect(asked).toEqual([
      { since: 500, tail: 10 },
      { cursor: 'c2', since: 500, tail: 10 },
    ]);
  });

  test('is the console where Systems Manager does not reach the instance, and says so', async () => {
    const { world, region } = await withService({ DescribeInstanceInformationCommand: unimplemented });
    world.ec2.outside.print(world.living()[0]?.id ?? '', 'kernel: hello\r\nlast words\r\n');
    const lines = await all(readLogs(region, world.spin, { follow: false, service: 'web', tail: 1 }, world.call));
    expect(lines.map(({ text }) => text)).toEqual([expect.stringContaining('this is its console'), 'last words']);
    expect(await all(readLogs(region, world.spin, { follow: false, service: 'other' }, world.call))).toEqual([]);
  });

  test('goes on as long as it is followed', async () => {
    const { world, region } = await withService({ DescribeInstanceInformationCommand: unimplemented });
    const id = world.living()[0]?.id ?? '';
    world.ec2.outside.print(id, 'one\n');
    const lines: string[] = [];
    for await (const { text } of readLogs(region, world.spin, { follow: true }, world.call)) {
      lines.push(text);
      if (text === 'one') world.ec2.outside.print(id, 'one\ntwo\n');
      if (text === 'two') break;
    }
    expect(lines.slice(1)).toEqual(['one', 'two']);
  });
});

/** Shell lines that Systems Manager was given, of the test that runs. */
let sent: string[] = [];

const managed: Answers = {
  DescribeInstanceInformationCommand: (input) => {
    const [filter] = input['Filters'] as readonly { readonly Values: readonly string[] }[];
    return { InstanceInformationList: filter?.Values.map((InstanceId) => ({ InstanceId, PingStatus: 'Online' })) };
  },
  SendCommandCommand: (input) => {
    sent.push(...(input['Parameters'] as { readonly commands: readonly string[] }).commands);
    return { Command: { CommandId: 'c' } };
  },
};

function unimplemented(): never {
  throw new Fault('invalid', 'unimplemented', 'the endpoint does not implement it');
}

async function withService(
  answers: Answers,
  settings: { readonly checkFrom?: readonly string[] } = {},
): Promise<{ readonly world: AwsWorld; readonly region: Region }> {
  sent = [];
  const world = await awsWorld({ settings });
  const web = await launch(world, world.service({ name: 'web' }));
  await world.until(web, ({ state }) => state === 'running');
  const cloud: Cloud = {
    ...world.cloud,
    send: ((service: unknown, command: { readonly input: Readonly<Record<string, unknown>> }, ...rest: readonly unknown[]) => {
      const answer = answers[command.constructor.name];
      if (answer !== undefined) return Promise.resolve().then(() => answer(command.input));
      return (world.cloud.send as (...args: readonly unknown[]) => unknown)(service, command, ...rest);
    }) as Cloud['send'],
  };
  return { world, region: { ...world.region, cloud } };
}

function withEnv(region: Region, folder: string): Region {
  const { options } = region.cloud;
  return { ...region, cloud: { ...region.cloud, options: { ...options, env: { PATH: `${folder}:${process.env['PATH']}` } } } };
}

function packed(value: unknown): string {
  return gzipSync(JSON.stringify(value)).toString('base64');
}

async function all(lines: AsyncIterable<LogLine>): Promise<readonly LogLine[]> {
  const seen: LogLine[] = [];
  for await (const line of lines) seen.push(line);
  return seen;
}
