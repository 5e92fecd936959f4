import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';
import { type BootFacts, cloudConfig, MOST_BYTES, readPrograms, userData } from '../../../src/providers/aws/instances/user-data.ts';
import { REPOSITORY, serviceSpec } from './world.ts';

const programs = await readPrograms(join(REPOSITORY, 'templates'));
/** Programs of the system, where it has them. */
const CLOUD_INIT = process.env['SPIN_CLOUD_INIT'] ?? 'cloud-init';
const SYSTEMD_ANALYZE = process.env['SPIN_SYSTEMD_ANALYZE'] ?? 'systemd-analyze';
const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

describe('user data', () => {
  test('is a cloud-config of files and units that are started, whatever stands in it', () => {
    const nasty = 'a\'b"c`d$(e)\\f\n${g}%h \u0085\u2028 é 🦀 \u007f';
    const config = read(facts({ run: nasty, env: { NASTY: nasty }, bootstrap: [{ name: nasty, run: ['echo', nasty], timeoutMs: 1_000 }] }));
    expect(config.write_files.map(({ path }) => path)).toEqual([
      '/opt/spin/agent',
      '/opt/spin/deadline',
      '/etc/spin/spin.json',
      '/etc/spin/id',
      '/etc/spin/deadline',
      '/etc/systemd/system/spin-boot.service',
      '/etc/systemd/system/spin-web.service',
      '/etc/systemd/system/spin-given-up.service',
      '/etc/systemd/system/spin-health.service',
      '/etc/systemd/system/spin-deadline.service',
      '/etc/systemd/system/spin-deadline.timer',
    ]);
    const boot = JSON.parse(Buffer.from(fileOf(config, '/etc/spin/spin.json'), 'base64').toString('utf8')) as Record<string, unknown>;
    expect(boot).toMatchObject({
      spin: 'web',
      run: nasty,
      env: { NASTY: nasty },
      ordinals: [1, 2],
      bootstrap: [{ name: nasty, run: ['echo', nasty] }],
    });
    expect(fileOf(config, '/opt/spin/agent')).toBe(programs.agent);
  });

  test('maps restart, drain and folders of the spec to what systemd and the machine have', () => {
    const service = {
      dir: '/srv/project/api',
      restart: { policy: 'on-failure', max: 3, windowMs: 90_000 },
      drain: { signal: 'SIGQUIT', timeoutMs: 4_500, hook: { run: 'true', timeoutMs: 2_000 } },
    } as const;
    const config = read(facts(service));
    const unit = fileOf(config, '/etc/systemd/system/spin-web.service');
    for (const line of ['Restart=on-failure', 'StartLimitBurst=3', 'StartLimitIntervalSec=90', 'KillSignal=SIGQUIT', 'TimeoutStopSec=7']) {
      expect(unit.split('\n')).toContain(line);
    }
    const boot = JSON.parse(Buffer.from(fileOf(config, '/etc/spin/spin.json'), 'base64').toString('utf8')) as Record<string, unknown>;
    expect(boot['dir']).toBe('/var/lib/spin/work/api');
  });

  test('names secrets and disks, and holds none of their content', () => {
    const service = {
      secrets: [{ secret: 'db', as: 'env', variable: 'DB' }],
      volumes: [{ volume: 'data', variable: 'DATA_DIR' }],
    } as const;
    const config = read({ ...facts(service), parameters: { db: '/spin/web/x/db/1' }, disks: { data: 'vol-0123' } });
    const boot = JSON.parse(Buffer.from(fileOf(config, '/etc/spin/spin.json'), 'base64').toString('utf8')) as Record<string, unknown>;
    expect(boot['secrets']).toEqual([{ parameter: '/spin/web/x/db/1', as: 'env', variable: 'DB' }]);
    expect(boot['volumes']).toEqual([{ volume: 'data', id: 'vol-0123', device: '/dev/sdp', variable: 'DATA_DIR' }]);
  });

  test('is compressed where it would not fit, and refused with its sizes where that does not help', () => {
    const data = Buffer.from(userData(facts({ env: { LONG: 'x'.repeat(20_000) } }), programs), 'base64');
    expect(data.length).toBeLessThanOrEqual(MOST_BYTES);
    expect(gunzipSync(data).toString()).toMatch(/^#cloud-config\n/);
    const noise = facts({ env: { NOISE: randomBytes(20_000).toString('base64') } });
    expect(() => userData(noise, programs)).toThrow(
      /\d+ bytes when compressed \(\d+ before, \d+ of them commands and variables\), and AWS allows 16384/,
    );
  });

  test('is the same each time, as a request that is sent again must be', () => {
    const some = facts({ env: { A: '1' } });
    expect(userData(some, programs)).toBe(userData(some, programs));
  });

  test.skipIf(!has(SYSTEMD_ANALYZE))('has only units that systemd can read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'spin-units-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const units = read(facts({})).write_files.filter(({ path }) => path.startsWith('/etc/systemd/system/'));
    const files = units.map(({ path, content }) => {
      const file = join(folder, path.replace('/etc/systemd/system/', ''));
      // What is verified here is the form: the programs are not on this machine.
      writeFileSync(file, content.replaceAll(/Exec(\w+)=\/opt\/spin\/\w+/g, 'Exec$1=/bin/true'));
      return file;
    });
    const { stderr } = spawnSync(SYSTEMD_ANALYZE, ['verify', '--man=no', '--recursive-errors=no', ...files], { encoding: 'utf8' });
    expect(stderr.split('\n').filter((line) => line.includes(folder))).toEqual([]);
  });

  test.skipIf(!has(CLOUD_INIT))('is valid by cloud-init schema', () => {
    const folder = mkdtempSync(join(tmpdir(), 'spin-schema-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'user-data');
    writeFileSync(file, cloudConfig(facts({ run: 'echo "é"' }), programs));
    expect(execFileSync(CLOUD_INIT, ['schema', '--config-file', file], { encoding: 'utf8' })).toMatch(/Valid/i);
  });

  test('has only what cloud-init documents of write_files and runcmd', () => {
    const config = read(facts({}));
    expect(Object.keys(config).toSorted()).toEqual(['runcmd', 'write_files']);
    for (const file of config.write_files) {
      expect(['path', 'content', 'permissions', 'encoding']).toEqual(expect.arrayContaining(Object.keys(file)));
      expect(file.path).toMatch(/^\/\S+$/);
      expect(['string', 'undefined']).toContain(typeof file.content);
      expect(file.permissions).toMatch(/^0[0-7]{3}$/);
      expect(['text/plain', 'b64', 'base64', 'gz', 'gzip', 'gz+b64', 'gz+base64', 'gzip+b64', 'gzip+base64']).toContain(
        file.encoding ?? 'text/plain',
      );
    }
    expect(config.runcmd.every((command) => command.every((word) => typeof word === 'string'))).toBe(true);
  });
});

interface CloudConfig {
  readonly write_files: readonly {
    readonly path: string;
    readonly content: string;
    readonly permissions: string;
    readonly encoding?: string;
  }[];
  readonly runcmd: readonly (readonly string[])[];
}

function read(some: BootFacts): CloudConfig {
  return parse(cloudConfig(some, programs)) as CloudConfig;
}

function fileOf(config: CloudConfig, path: string): string {
  return config.write_files.find((file) => file.path === path)?.content ?? '';
}

function facts(service: Partial<BootFacts['service']>): BootFacts {
  return {
    spin: { id: parseSpinId('web'), incarnation: makeIncarnation(0), trace: '0'.repeat(32) },
    key: 'service.web@1',
    service: serviceSpec({ name: 'web', ...service }),
    baseDir: '/srv/project',
    region: 'eu-central-1',
    deadline: Date.UTC(2030, 0, 1),
    ordinals: [1, 2],
    parameters: {},
    disks: {},
  };
}
