import { readFile } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { isoTime } from '../../../core/clock.ts';
import type { ServiceSpec } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import type { SpinRef } from '../../provider.ts';
import { deviceOf } from './devices.ts';
import { partitionOf } from '../names.ts';
import { portOf } from '../network/rules.ts';

/** What an instance is told at its first boot. */
export interface BootFacts {
  readonly spin: SpinRef;
  /** Resource key of the service: `service.web@1`. */
  readonly key: string;
  /** Addresses of other services are filled in. */
  readonly service: ServiceSpec;
  readonly baseDir: string;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Those of the machines of one launch, in order. */
  readonly ordinals: readonly number[];
  /** Name of the SSM parameter of each secret that the service uses. */
  readonly parameters: Readonly<Record<string, string>>;
  /** ID of the disk of each volume that it uses. */
  readonly disks: Readonly<Record<string, string>>;
}

/** The programs that run on an instance, from templates/aws. */
export interface BootPrograms {
  readonly agent: string;
  readonly deadline: string;
}

/** User data may have 16 KiB, before base64: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html */
export const MOST_BYTES = 16_384;

/** Folders of an instance: where the service works unless its `dir` is outside the folder of its spec. */
const WORK_DIR = '/var/lib/spin/work';
/** How long the instance waits for a disk to be attached, and for its role to be known, in seconds. */
const PATIENCE_S = 300;

/** Reads the programs. @param templatesDir folder of the installed package's templates; absolute */
export async function readPrograms(templatesDir: string): Promise<BootPrograms> {
  const [agent, deadline] = await Promise.all(['agent.py', 'deadline.sh'].map((name) => readFile(join(templatesDir, 'aws', name), 'utf8')));
  return { agent: agent ?? '', deadline: deadline ?? '' };
}

/**
 * The user data of a launch, in base64; compressed where it would be too large otherwise, which cloud-init undoes by itself.
 * @throws Fault `invalid` `user-data-too-large`
 */
export function userData(facts: BootFacts, programs: BootPrograms): string {
  const text = Buffer.from(cloudConfig(facts, programs));
  if (text.length <= MOST_BYTES) return text.toString('base64');
  const small = gzipSync(text, { level: 9 });
  if (small.length <= MOST_BYTES) return small.toString('base64');
  const commands = Buffer.byteLength(JSON.stringify(bootConfig(facts)));
  throw new Fault(
    'invalid',
    'user-data-too-large',
    `what ${facts.service.name} is told at boot has ${small.length} bytes when compressed (${text.length} before, ${commands} of them commands and variables), and AWS allows ${MOST_BYTES}: let a bootstrap step fetch what is large`,
  );
}

/** The cloud-config: files, and two units that are started. JSON is YAML, and nothing in it has to be quoted for a shell. */
export function cloudConfig(facts: BootFacts, { agent, deadline }: BootPrograms): string {
  const { id, trace } = facts.spin;
  const text = (path: string, content: string, permissions = '0644') => ({ path, content, permissions });
  const config = {
    write_files: [
      text('/opt/spin/agent', agent, '0755'),
      text('/opt/spin/deadline', deadline, '0755'),
      // In base64, because YAML takes some characters of JSON for something else.
      {
        path: '/etc/spin/spin.json',
        content: Buffer.from(JSON.stringify(bootConfig(facts))).toString('base64'),
        encoding: 'b64',
        permissions: '0600',
      },
      text('/etc/spin/id', `${id}\n`),
      text('/etc/spin/deadline', `${isoTime(facts.deadline)}\n`),
      ...Object.entries(units(facts.service)).map(([name, content]) => text(`/etc/systemd/system/${name}`, content)),
    ],
    runcmd: [
      ['systemctl', 'daemon-reload'],
      // The deadline first: it must hold whatever becomes of the rest.
      ['systemctl', 'enable', '--now', '--no-block', 'spin-deadline.timer'],
      ['systemctl', 'enable', '--now', '--no-block', 'spin-boot.service'],
    ],
  };
  return `#cloud-config\n# spin ${id}, trace ${trace}\n${JSON.stringify(config, undefined, 1)}\n`;
}

/** Name of the unit that a service runs as. */
export function unitOf(service: string): string {
  return `spin-${service}.service`;
}

/** What templates/aws/agent.py reads; no secret is in it, only where secrets are found. */
function bootConfig(facts: BootFacts): object {
  const { service, spin } = facts;
  const { probe, ...timing } = service.health;
  return {
    v: 1,
    spin: spin.id,
    trace: spin.trace,
    key: facts.key.replace(/^service\./, ''),
    service: service.name,
    ordinals: facts.ordinals,
    region: facts.region,
    ssm: `https://ssm.${facts.region}.amazonaws.com${partitionOf(facts.region) === 'aws-cn' ? '.cn' : ''}/`,
    patience: PATIENCE_S,
    unit: unitOf(service.name),
    dir: workDir(service.dir, facts.baseDir),
    run: service.run,
    job: service.job,
    env: service.env,
    ...(portOf(service.port) === undefined ? {} : { port: portOf(service.port) }),
    bootstrap: service.bootstrap,
    secrets: service.secrets.map(({ secret, as, variable }) => ({ parameter: facts.parameters[secret], as, variable })),
    volumes: service.volumes.map(({ volume, variable }, index) => ({ volume, id: facts.disks[volume], device: deviceOf(index), variable })),
    restart: service.restart.policy,
    drain: service.drain,
    ...(probe.type === 'command' ? { health: { run: probe.run, ...timing } } : {}),
  };
}

/** A folder beside the spec is one of the machine that runs spin: the same path, in the folder that the instance works in. */
function workDir(dir: string, baseDir: string): string {
  const inside = relative(baseDir, dir);
  if (inside === '') return WORK_DIR;
  return isAbsolute(inside) || inside.startsWith('..') ? dir : join(WORK_DIR, inside);
}

function units(service: ServiceSpec): Readonly<Record<string, string>> {
  const { restart, drain, job } = service;
  const seconds = (ms: number) => Math.max(1, Math.ceil(ms / 1_000));
  const hookMs = drain.hook?.timeoutMs ?? 0;
  return {
    'spin-boot.service': unit({
      Unit: ['Description=spin: bring the service up', 'Wants=network-online.target', 'After=network-online.target'],
      Service: ['Type=oneshot', 'RemainAfterExit=yes', 'TimeoutStartSec=infinity', 'ExecStart=/opt/spin/agent boot'],
      Install: ['WantedBy=multi-user.target'],
    }),
    [unitOf(service.name)]: unit({
      Unit: [
        `Description=spin: ${service.name}`,
        'After=network-online.target',
        `StartLimitIntervalSec=${seconds(restart.windowMs)}`,
        `StartLimitBurst=${restart.max}`,
        'OnFailure=spin-given-up.service',
      ],
      Service: [
        `Type=${job ? 'simple' : 'exec'}`,
        'ExecStart=/opt/spin/agent run',
        'ExecStop=/opt/spin/agent hook',
        'ExecStopPost=/opt/spin/agent ended',
        `Restart=${restart.policy === 'never' ? 'no' : restart.policy}`,
        'RestartSec=1',
        'KillMode=mixed',
        `KillSignal=${drain.signal}`,
        `TimeoutStopSec=${seconds(drain.timeoutMs + hookMs)}`,
      ],
    }),
    'spin-given-up.service': unit({
      Unit: ['Description=spin: say that the service is not started again'],
      Service: ['Type=oneshot', 'ExecStart=/opt/spin/agent given-up'],
    }),
    'spin-health.service': unit({
      Unit: ['Description=spin: health command'],
      Service: ['ExecStart=/opt/spin/agent health', 'Restart=always', 'RestartSec=5'],
    }),
    'spin-deadline.service': unit({
      Unit: ['Description=spin: end the machine at its deadline'],
      Service: ['Type=oneshot', 'ExecStart=/opt/spin/deadline'],
    }),
    'spin-deadline.timer': unit({
      Unit: ['Description=spin: look at the deadline once a minute'],
      Timer: ['OnActiveSec=5', 'OnUnitActiveSec=60', 'AccuracySec=1'],
      Install: ['WantedBy=timers.target'],
    }),
  };
}

function unit(sections: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(sections)
    .map(([name, lines]) => `[${name}]\n${lines.join('\n')}\n`)
    .join('\n');
}
