import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConfigInput, loadConfig, specInputs } from '../../src/spec/config.ts';
import { SETTING_PATHS, SETTINGS } from '../../src/spec/settings.ts';

let home: string;
let project: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'spin config é '));
  project = join(home, 'work', 'project');
  await mkdir(project, { recursive: true });
});
afterEach(() => rm(home, { recursive: true }));

async function write(file: string, text: string): Promise<string> {
  const path = join(home, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

function config(input: Partial<ConfigInput> = {}) {
  return loadConfig({ cwd: project, home, env: {}, ...input });
}

describe('the config', () => {
  it('has built-in values where no file is', async () => {
    const { settings, values, files, warnings } = await config({ env: { USER: 'ada' } });
    expect({ files, warnings }).toEqual({ files: [], warnings: [] });
    expect(settings).toEqual({
      provider: 'local',
      owner: 'ada',
      tags: {},
      state: join(home, '.local/state/spin'),
      limits: {},
      prices: { local: { process: 0, cpu: 0, memory: 0 } },
      aws: {
        regions: [],
        accounts: [],
        subnets: [],
        image: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64',
        instanceTypes: ['t3.micro'],
        exposeTo: ['0.0.0.0/0'],
        checkFrom: [],
        prices: {},
      },
      gc: { graceMs: 600_000, maxSpins: 20, maxPercent: 50 },
      history: { retainMs: 2_592_000_000 },
      ports: { from: 20_000, to: 29_999 },
      logs: { maxBytes: 10_485_760, files: 3 },
    });
    expect(values['gc.grace']).toEqual({ value: '10m', origin: 'default', where: 'built in' });
    expect(values['ttl']).toBeUndefined();
  });

  it('takes the strongest of flag, variable, project and user, and says where each value is from', async () => {
    const user = await write(
      '.config/spin/config.yaml',
      'ttl: 1h\nowner: user\nprovider: user\ngc: { grace: 1m }\ntags: { a: user, b: user }\n',
    );
    const own = await write('work/spin.config.yaml', 'ttl: 2h\nowner: project\nprovider: project\ntags:\n  a: project\n  version: 1.10\n');
    const { settings, values, files } = await config({
      env: { SPIN_TTL: '3h', SPIN_OWNER: 'env', SPIN_TAGS: 'c=env, d=x=y' },
      flags: { ttl: '4h', tags: { a: 'flag' } },
    });
    expect(files).toEqual([own, user]);
    expect(settings).toMatchObject({
      ttlMs: 14_400_000,
      owner: 'env',
      provider: 'project',
      gc: { graceMs: 60_000 },
      tags: { a: 'flag', b: 'user', c: 'env', d: 'x=y', version: '1.10' },
    });
    expect(values).toMatchObject({
      ttl: { value: '4h', origin: 'flag', where: '--ttl' },
      owner: { value: 'env', origin: 'env', where: 'SPIN_OWNER' },
      provider: { value: 'project', origin: 'project', where: `${own}:3:11` },
      'gc.grace': { value: '1m', origin: 'user', where: `${user}:4:14` },
      'tags.a': { value: 'flag', origin: 'flag', where: '--tag' },
      'tags.version': { origin: 'project', where: `${own}:6:12` },
      'gc.maxSpins': { value: 20, origin: 'default', where: 'built in' },
    });
  });

  it('gives a spec what is weaker as defaults and what is stronger as overrides', async () => {
    await write('work/project/spin.config.yaml', 'ttl: 2h\nlimits: { maxTtl: 1d }\ntags: { a: project }\n');
    expect(specInputs(await config({ env: { USER: 'ada', SPIN_TAGS: 'b=env', SPIN_PROVIDER: 'aws' } }))).toEqual({
      defaults: {
        provider: 'aws',
        owner: 'ada',
        tags: { a: 'project' },
        ttlMs: { value: 7_200_000, where: `${join(project, 'spin.config.yaml')}:1:6` },
        maxTtlMs: { value: 86_400_000, where: `${join(project, 'spin.config.yaml')}:2:19` },
      },
      overrides: { tags: { b: 'env' }, provider: 'aws' },
    });
  });

  it.each(['spin.config.yaml', 'spin.config.yml', '.config/spin.config.yaml', '.config/spin.config.yml'])(
    'is found as %s in a folder above',
    async (place) => {
      const file = await write(join('work', place), 'owner: found\nstate: here\n');
      const { settings, files } = await config();
      expect(files).toEqual([file]);
      expect(settings).toMatchObject({ owner: 'found', state: join(dirname(file), 'here') });
    },
  );

  it('is read from XDG folders where they are set', async () => {
    await write('xdg/spin/config.yaml', 'owner: xdg\n');
    const { settings } = await config({ env: { XDG_CONFIG_HOME: join(home, 'xdg'), XDG_STATE_HOME: join(home, 'state') } });
    expect(settings).toMatchObject({ owner: 'xdg', state: join(home, 'state/spin') });
  });

  it('stops at the nearest file, also an empty one, and reads none when told so', async () => {
    await write('spin.config.yaml', 'owner: far\n');
    await write('work/spin.config.yaml', '');
    expect((await config({ env: { USER: 'ada' } })).settings.owner).toBe('ada');
    await write('work/project/spin.config.yaml', 'owner: near\n');
    expect((await config({ noConfig: true, env: { USER: 'ada' } })).settings.owner).toBe('ada');
  });

  it('says so where a file cannot be read, and passes none over', async () => {
    await mkdir(join(project, 'spin.config.yaml'));
    await expect(config()).rejects.toThrow(/project\/spin\.config\.yaml: cannot be read/);
  });

  it('never runs what a project holds', async () => {
    const trace = join(home, 'ran');
    const code = `require('node:fs').writeFileSync(${JSON.stringify(trace)}, '');\nmodule.exports = { owner: 'code' };\n`;
    for (const place of [
      'spin.config.js',
      'spin.config.cjs',
      '.spinrc.js',
      '.config/config.js',
      '.config/config.cjs',
      '.config/spin.config.js',
    ])
      await write(join('work/project', place), code);
    await write('work/project/spin.config.yaml', 'owner: yaml\n$import: ./spin.config.js\n');
    const script = `import { loadConfig } from ${JSON.stringify(new URL('../../src/spec/config.ts', import.meta.url).href)};
      await loadConfig({ cwd: process.cwd(), home: ${JSON.stringify(home)}, env: {} }).then(() => console.log('loaded'), (error) => console.log(error.message));`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: project, encoding: 'utf8' });
    expect(said).toMatch(/\$import: is not a setting/);
    await expect(readFile(trace)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('names every problem of files, variables and flags at once', async () => {
    const file = await write(
      'work/spin.config.yaml',
      'tll: 8h\ngc:\n  grace: 10\n  maxSpin: 3\nlimits: 5\nstate: gs://bucket/x\nports: { from: 25000, to: 24000 }\n',
    );
    const error = await config({ env: { SPIN_TTL: 'soon', SPIN_TAGS: 'oops' }, flags: { provider: 'No' } }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'config-invalid', exit: 2 });
    const lines = String(error)
      .split('\n')
      .map((line) => line.trim());
    expect(lines).toEqual(
      expect.arrayContaining([
        `${file}:1:1: tll: is not a setting; did you mean "ttl"?`,
        `${file}:3:10: gc.grace: 10 has no unit; write 10s, 10m or 10h`,
        `${file}:4:3: gc.maxSpin: is not a setting; did you mean "maxSpins"?`,
        `${file}:5:9: limits: must be a map, not 5`,
        `${file}:6:8: state: "gs://bucket/x" is neither a folder nor s3://BUCKET/PREFIX; write the path of a folder, or s3://my-bucket/spin`,
        'SPIN_TTL: ttl: must be a duration such as 90s, 5m or 1h30m, not "soon"',
        'SPIN_TAGS: tags: "oops" is not NAME=VALUE; write a=b,c=d',
        '--provider: provider: must be the name of a provider, such as local, not "No"',
      ]),
    );
    expect(lines.some((line) => line.includes('from 25000 is above to 24000'))).toBe(true);
  });

  it('warns of a variable that is nearly one of its own', async () => {
    const { warnings } = await config({ env: { SPIN_TLL: '8h', SPIN_MARK: 'x', SPINNER: 'y', SPIN_ELSEWHERE: 'z' } });
    expect(warnings).toEqual(['SPIN_TLL is not read; did you mean SPIN_TTL?']);
  });

  it('keeps an unknown price unknown', async () => {
    expect((await config({ env: { SPIN_PRICE_CPU: 'unknown', SPIN_PRICE_PROCESS: '0.001' } })).settings.prices.local).toEqual({
      process: 1_000_000,
      cpu: 'unknown',
      memory: 0,
    });
  });

  it('loads no parser where there is no file to parse', () => {
    const script = `import { registerHooks } from 'node:module';
      const seen = [];
      registerHooks({ resolve(specifier, context, next) { seen.push(specifier); return next(specifier, context); } });
      const { loadConfig } = await import(${JSON.stringify(new URL('../../src/spec/config.ts', import.meta.url).href)});
      await loadConfig({ cwd: ${JSON.stringify(project)}, home: ${JSON.stringify(home)}, env: {} });
      console.log(JSON.stringify(seen));`;
    const seen: unknown = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }));
    expect((seen as string[]).filter((specifier) => /^(?:yaml|zod|cosmiconfig)/.test(specifier))).toEqual([]);
  });
});

describe('the example config', () => {
  it('is valid and shows every setting and its variable', async () => {
    const example = await readFile(fileURLToPath(new URL('../../spin.config.example.yaml', import.meta.url)), 'utf8');
    const file = await write('work/spin.config.yaml', example);
    const { values, files } = await config();
    expect(files).toEqual([file]);
    for (const path of SETTING_PATHS) {
      expect({ path, ...values[path] }).toMatchObject({ path, origin: 'project' });
      expect(example).toContain(SETTINGS[path].variable);
    }
  });
});
