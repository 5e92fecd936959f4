import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { left } from '../e2e/aws-project.ts';
import { until } from '../e2e/project.ts';
import type { RemoteEc2 } from '../fakes/ec2/spawn.ts';
import type { Answer } from '../fakes/moto/answers.ts';
import type { Call } from '../fakes/moto/call.ts';
import { hasPython, KEYS, machineOf, type MachineWorld } from '../providers/aws/machine-world.ts';
import { double, expectNowhereElse, LONG, type Scene, scene, SECRETS, withIam } from './aws-scene.ts';
import { filesWith, heldIn } from './canary.ts';
import type { Look } from './traffic.ts';

const ROLE = 'arn:aws:iam::123456789012:role/spin-credentials';

/** Its web service prints whatever it was given. */
const SPEC = (bootstrap: readonly string[]) => `
name: vault
provider: aws
ttl: 1h
${SECRETS}volumes: { data: { size: 1 } }
services:
  web:
    run: 'echo "in the log: $GOT $(cat "$FILED_FILE") $SAID $MADE"'
    instanceTypes: [m5.large]
    bootstrap: ${JSON.stringify(bootstrap)}
    secrets: { made: { env: MADE }, typed: { env: GOT }, filed: { file: FILED_FILE }, said: { env: SAID } }
    health: { alive: 10ms }
  store:
    run: sleep 1000
    volumes: { data: DATA_DIR }
    health: { alive: 10ms }
`;

/** The machine of the web service, which boots as its user data says as soon as it is launched. */
interface Booting {
  /** Resolves when it has booted, or has ended itself. */
  readonly booted: Promise<MachineWorld>;
  /** Answers Systems Manager, which runs what it is told on the machine. */
  readonly look: Look;
}

/** @param at where SSM is, asked when the machine boots */
function bootWeb(ec2: RemoteEc2, at: () => string): Booting {
  let machine: MachineWorld | undefined;
  let id = '';
  const launched = async (): Promise<string> => {
    let text: string | undefined;
    await until(
      async () => {
        const texts = (await ec2.snapshot()).instances.map((instance) => [instance.id, unpacked(instance.userData ?? '')] as const);
        [id, text] = texts.find(([, each]) => each.includes('Description=spin: web\n') || each.includes('spin: web\\n')) ?? ['', undefined];
        return text !== undefined;
      },
      'the machine is launched',
      60_000,
    );
    return text ?? '';
  };
  const boot = async (): Promise<MachineWorld> => {
    const made = await machineOf(await launched(), { ssm: at() });
    made.metadata['meta-data/iam/security-credentials/'] = 'spin-web';
    made.metadata['meta-data/iam/security-credentials/spin-web'] = JSON.stringify(KEYS);
    await made.agent('boot');
    await ec2.outside({ do: 'print', id, text: made.file('console') });
    if (made.systemctl().includes('poweroff')) await ec2.outside({ do: 'shutDown', id });
    else await made.agent('run');
    return (machine = made);
  };

  const runs = new Map<string, ReturnType<MachineWorld['agent']>>();
  const manage = async (action: string, body: Asked): Promise<unknown> => {
    switch (action) {
      case 'DescribeInstanceInformation':
        return { InstanceInformationList: machine === undefined ? [] : [{ InstanceId: id, PingStatus: 'Online' }] };
      case 'SendCommand': {
        const [verb = '', ...args] = (body.Parameters?.commands[0] ?? '').split(' ').slice(1);
        if (machine === undefined) throw new TypeError('no machine is managed yet');
        runs.set(`c${runs.size}`, machine.agent(verb, args));
        return { Command: { CommandId: `c${runs.size - 1}` } };
      }
      default: {
        const ended = await runs.get(body.CommandId ?? '');
        const told = { StandardOutputContent: ended?.stdout, StandardErrorContent: ended?.stderr };
        return { Status: ended?.code === 0 ? 'Success' : 'Failed', ResponseCode: ended?.code, ...told };
      }
    }
  };
  const look: Look = async (call) => {
    if (call.service !== 'ssm' || !MANAGED.has(call.action)) return undefined;
    return answerOf(call, await manage(call.action, JSON.parse(call.request.body.toString()) as Asked));
  };
  return { booted: boot(), look };
}

const MANAGED = new Set(['DescribeInstanceInformation', 'SendCommand', 'GetCommandInvocation']);

interface Asked {
  readonly Parameters?: { readonly commands: readonly string[] };
  readonly CommandId?: string;
}

function answerOf(call: Call, value: unknown): Answer {
  return { status: 200, headers: { 'content-type': call.request.headers['content-type'] }, body: Buffer.from(JSON.stringify(value)) };
}

function unpacked(userData: string): string {
  const bytes = Buffer.from(userData, 'base64');
  return (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString();
}

interface Up {
  readonly life: Scene;
  readonly ec2: RemoteEc2;
  readonly machine: MachineWorld;
  readonly code: number | null;
}

/** An up whose web service really boots, with a last step that ends as told. */
async function upWith(end: string): Promise<Up> {
  const ec2 = await double();
  let url = '';
  const { booted, look } = bootWeb(ec2, () => url);
  const steps = ['echo "a step knows $SAID"', `echo "and $MADE $GOT"; cat "$FILED_FILE"; ${end}`];
  const life = await scene(ec2.url, SPEC(steps), withIam(look));
  ({ url } = life);
  const [code, machine] = await Promise.all([life.say('up', '--verbose'), booted]);
  return { life, ec2, machine, code };
}

/** What the machine was given it printed where only it can be read. */
function expectPrinted({ values }: Scene, ...places: readonly string[]): void {
  for (const text of places) expect(heldIn(text, values)).toEqual(expect.arrayContaining(['TYPED', 'FILED', 'TOLD']));
}

describe.skipIf(!hasPython)('a machine with secrets', () => {
  test('tells none of them in its steps, its journal, or what a command on it prints', LONG, async () => {
    const { life, ec2, machine, code } = await upWith('true');
    const { say, said } = life;
    expect(code, said.at(-1)).toBe(0);
    expectPrinted(life, machine.file('journal'));
    for (const args of [
      ['logs', 'vault', 'web'],
      ['exec', '--output', 'json', 'vault', 'web', '--', 'sh', '-c', 'echo "still $SAID $GOT $MADE"; cat "$FILED_FILE" >&2; env; exit 7'],
      ['exec', 'vault', 'web', '--', 'sh', '-c', 'echo "and $SAID"; env'],
      ['status', 'vault'],
      ['events', 'vault'],
      ['snapshot', 'vault', 'data'],
      ['snapshot', 'vault', 'data', 'again.json', '--output', 'json'],
    ]) {
      await say(...args);
    }
    expect(said.find((text) => text.startsWith('spin logs'))).toContain('in the log: *** *** *** ***');
    const [inDocument, onScreen] = said.filter((text) => text.startsWith('spin exec'));
    expect(JSON.parse(inDocument?.split('\n').slice(1).join('\n') ?? '')).toMatchObject({ result: { exitCode: 7 } });
    expect(inDocument).toContain('still *** *** ***');
    expect(onScreen).toContain('and ***');
    expect(said.at(-1)).toContain('"ok": true');
    expectNowhereElse(life);

    expect(await say('down', 'vault', '--yes', '--output', 'json'), said.at(-1)).toBe(0);
    expectNowhereElse(life);
    expect(left(await ec2.snapshot())).toEqual([]);
  });

  test('tells none of them where a step fails, though its last lines are shown', LONG, async () => {
    const { life, ec2, machine, code } = await upWith('exit 3');
    const { say, said } = life;
    expect(code).toBe(1);
    expect(machine.console().at(-1)).toMatchObject({ class: 'exit-nonzero', lastLines: ['and *** ***', '***'] });
    expect(said.at(-1)).toMatch(/exit code 3/);
    expect(said.at(-1)).toContain('and *** ***');
    for (const args of [
      ['status', 'vault'],
      ['events', 'vault'],
      ['logs', 'vault', 'web'],
      ['ls', '--wide'],
      ['down', 'vault', '--yes'],
    ]) {
      await say(...args, '--verbose');
      await say(...args, '--output', 'json');
    }
    expectNowhereElse(life);
    expect(left(await ec2.snapshot())).toEqual([]);
  });
});

test('credentials for one spin are told to who asks for them, and kept nowhere', LONG, async () => {
  const ec2 = await double();
  const life = await scene(ec2.url, SPEC([]), withIam());
  const { here, say, said, exchanges, values } = life;
  here.write('spin.config.yaml', `aws: { credentialsRole: '${ROLE}' }\n`);
  expect(await say('up'), said.at(-1)).toBe(0);
  const before = exchanges.length;
  const env = { TYPED: values.get('TYPED') };
  const forms = [
    ['--format', 'env'],
    ['--format', 'json'],
    ['--format', 'credential-process'],
    ['--output', 'json'],
    ['--duration', '9h'],
  ];
  const given = new Map<string, string>();
  for (const form of forms) {
    const { code, stdout, stderr } = await here.run(['creds', 'vault', '--verbose', ...form], { env });
    const [, key = ''] = /(ASIA[0-9A-Z]+)/.exec(stdout) ?? [];
    expect([code, stdout, stderr], form.join(' ')).toEqual([
      0,
      expect.stringContaining(`secret-of-${key}`),
      expect.not.stringContaining(key),
    ]);
    expect(stdout).toContain(`session-of-${key}`);
    expect(stderr.includes('warning: they hold for'), stderr).toBe(form.includes('--duration'));
    for (const name of ['secret', 'session']) given.set(`${name} ${form.join(' ')}`, `${name}-of-${key}`);
  }
  expect(new Set(given.values()).size).toBe(forms.length * 2);
  for (const args of [['status', 'vault'], ['events', 'vault'], ['ls', '--wide'], ['config'], ['down', 'vault', '--yes']]) {
    await say(...args, '--verbose', '--output', 'json');
  }

  const after = exchanges.slice(before);
  expect(after.filter(({ call }) => call.action === 'AssumeRole')).toHaveLength(forms.length);
  for (const { call, answer } of after) {
    const { path, headers, body } = call.request;
    expect(heldIn(`${path}\n${JSON.stringify(headers)}\n${body.toString()}`, given), `${call.action} asks`).toEqual([]);
    if (call.action !== 'AssumeRole') expect(heldIn(answer.body, given), `${call.action} answers`).toEqual([]);
  }
  for (const text of said) expect(heldIn(text, given), text).toEqual([]);
  for (const value of given.values()) for (const folder of [here.dir, here.home]) expect(filesWith(folder, value)).toEqual([]);
  expectNowhereElse(life);
});
