import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fixture, project, type Project } from './project.ts';

const SPEC = `
name: shop
ttl: 1h
volumes: { data: {} }
services:
  web:
    run: [node, ${JSON.stringify(fixture('e2e-server.cjs'))}]
    volumes: [data]
    health: { http: /healthz, interval: 100ms }
`;

test('every command prints exactly one document: when it works, and when it fails', async () => {
  const here = project('documents "quoted" & spaced');
  here.spec(SPEC);
  const ok: readonly (readonly string[])[] = [
    ['plan'],
    ['up'],
    ['ls', '--wide'],
    ['status', 'shop'],
    ['logs', 'shop'],
    ['exec', 'shop', 'web', '--', 'true'],
    ['extend', 'shop', '--by', '1h'],
    ['events', 'shop'],
    ['cost'],
    ['cost', 'shop', '--by', 'service'],
    ['snapshot', 'shop', 'data', 'data.tar.gz'],
    ['gc', '--dry-run'],
    ['gc', '--yes'],
    ['config'],
    ['doctor'],
    ['schema'],
    ['init'],
    ['init', 'web', 'elsewhere'],
    ['down', 'shop', '--yes'],
  ];
  for (const args of ok) {
    const { schema, ok, result } = await here.json(args);
    expect({ args, schema, ok }).toEqual({ args, schema: `spin.${args[0]}/1`, ok: true });
    expect(result, args.join(' ')).toBeInstanceOf(Object);
  }

  const failing: readonly (readonly [exit: number, code: string, ...args: string[]])[] = [
    [2, 'spec-not-found', 'plan', '-f', 'none.yaml'],
    [2, 'spec-not-found', 'up', '-f', 'none.yaml'],
    [2, 'usage', 'ls', '--only', 'asleep'],
    [1, 'spin-not-found', 'status', 'none'],
    [1, 'spin-not-found', 'logs', 'none'],
    [1, 'spin-not-found', 'exec', 'none', 'web', '--', 'true'],
    [1, 'spin-not-found', 'extend', 'none', '--by', '1h'],
    [2, 'usage', 'extend', 'none'],
    [1, 'spin-not-found', 'events', 'none'],
    [2, 'usage', 'cost', '--since', 'soon'],
    [1, 'spin-not-found', 'snapshot', 'none', 'data'],
    [2, 'usage', 'gc', '--grace', '3'],
    [2, 'usage', 'schema', '--nonsense'],
    [2, 'usage', 'inti'],
    [2, 'usage', 'init', 'wep'],
    [2, 'file-exists', 'init', 'web', 'elsewhere'],
    [2, 'id-invalid', 'down', '../../etc', '--yes'],
    [2, 'id-invalid', 'up', '--id', '../escape'],
    [5, 'confirmation-needed', 'down', 'shop'],
  ];
  for (const [exit, code, ...args] of failing) {
    const { ok, error } = await here.json(args);
    expect({ args, ok, code: error?.code }).toEqual({ args, ok: false, code });
    expect(await here.run(args), args.join(' ')).toMatchObject({ code: exit, stdout: '' });
  }
});

test('an invalid spec is told with all its problems at once, each with its place and a suggestion', async () => {
  const here = project();
  here.spec(
    'name: shop\nttl: 90\nservices:\n  web:\n    rum: node\n    replicas: many\n    health: { http: healthz }\n  api: { run: a, needs: [wep] }\n',
  );
  const plain = await here.run(['up']);
  expect(plain).toMatchObject({ code: 2, stdout: '' });
  for (const place of ['spin.yaml:2:6', 'spin.yaml:5:5', 'spin.yaml:6:15', 'spin.yaml:7:21']) expect(plain.stderr).toContain(place);
  expect(plain.stderr).toMatch(/did you mean.*run/i);
  const { error } = await here.json(['plan']);
  expect(error.code).toBe('spec-invalid');
  expect(error.data['problems']).toHaveLength(6);
  expect(here.leftovers()).toEqual([]);
});

test('no deadline can be had beyond the limit of the config, and none at all is not possible', async () => {
  const here = project();
  here.spec(SPEC.replace('ttl: 1h\n', ''));
  expect((await here.json(['up'])).error).toMatchObject({ code: 'spec-invalid', message: expect.stringContaining('ttl') });
  here.write('spin.config.yaml', 'ttl: 30m\nlimits: { maxTtl: 2h }\nprices: { local: { process: 0.36 } }\n');
  expect((await here.json<{ ttlMs: number }>(['plan'])).result.ttlMs).toBe(1_800_000);
  expect((await here.json(['up', '--ttl', '3h'])).error.code).toMatch(/^(limit-exceeded|spec-invalid)$/);
  expect((await here.json(['up'], { env: { SPIN_TTL: '3h' } })).error.code).toMatch(/^(limit-exceeded|spec-invalid)$/);
  const { values } = (
    await here.json<{ values: readonly { setting: string; origin: string; where: string }[] }>(['config'], { env: { SPIN_OWNER: 'eve' } })
  ).result;
  expect(values.find(({ setting }) => setting === 'ttl')).toMatchObject({
    origin: 'project',
    where: expect.stringContaining('spin.config.yaml:1:6'),
  });
  expect(values.find(({ setting }) => setting === 'owner')).toMatchObject({ origin: 'env' });
  expect(here.leftovers()).toEqual([]);
});

test('a budget is kept: what would cost more is not begun', async () => {
  const here = project();
  here.write('spin.config.yaml', 'prices: { local: { process: 1 } }\n');
  here.spec(`budget: { perHour: 0.5 }\n${SPEC}`);
  expect(await here.run(['plan'])).toMatchObject({ code: 5 });
  expect((await here.json(['up'])).error).toMatchObject({ code: 'budget-exceeded' });
  expect(here.leftovers()).toEqual([]);
});

test('the completion scripts are read without complaint by the shells that are there', async () => {
  const here = project();
  here.spec(SPEC);
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await here.run(['completion', shell]);
    expect({ shell, code }).toEqual({ shell, code: 0 });
    const script = here.write(`completion.${shell}`, stdout);
    if (await has(here, shell)) expect(await outside(here, [shell, '-n', script])).toMatchObject({ code: 0, stderr: '' });
  }
  expect(await here.run(['completion', 'tcsh'])).toMatchObject({ code: 2 });
  const { stdout } = await here.run(['complete', '--', 'st']);
  expect(stdout).toMatch(/^status\b/m);
});

test('version and help need no project, no state folder and no config', async () => {
  const here = project();
  here.write('spin.config.yaml', 'ttl: [broken');
  expect((await here.run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  const help = await here.run(['--help']);
  for (const command of [
    'init',
    'plan',
    'up',
    'ls',
    'status',
    'logs',
    'exec',
    'extend',
    'down',
    'gc',
    'cost',
    'events',
    'doctor',
    'schema',
    'config',
    'completion',
  ])
    expect(help.stdout).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'));
  expect(await here.run(['ls'])).toMatchObject({ code: 2, stdout: '' });
  expect((await here.json(['ls'])).error).toMatchObject({ code: 'config-invalid', message: expect.stringContaining('spin.config.yaml:1') });
});

test('git facts and variables become the name; what does not resolve is an error with its place', async () => {
  const here = project();
  here.spec(
    'name: pr-${env.PR}\nttl: 1h\nservices: { web: { run: sleep 100, health: { alive: 10ms }, env: { BRANCH: "${git.branch:-none}" } } }\n',
  );
  expect((await here.json(['plan'])).error).toMatchObject({ code: 'spec-invalid', message: expect.stringContaining('spin.yaml:1:10') });
  expect((await here.json<{ id: string }>(['plan'], { env: { PR: '42' } })).result.id).toBe('pr-42');
  expect((await here.json(['plan'], { env: { PR: '../../x' } })).ok).toBe(false);
});

test.each(['web', 'per-pr', 'worker-queue', 'database-snapshot', 'job'])(
  'the template %s comes up where init wrote it, and goes',
  async (name) => {
    const here = project('from a template');
    const { next } = (await here.json<{ next: string }>(['init', name])).result;
    expect(next).toBe('spin up');
    const up = await here.json<{ id: string; state: string; endpoints: readonly { url?: string }[] }>(['up', '--timeout', '40s']);
    expect(up).toMatchObject({ ok: true, result: { state: 'up' } });
    for (const { url } of up.result.endpoints) if (url !== undefined) expect((await fetch(url)).status).toBe(200);
    expect((await here.json(['up'])).result).toMatchObject({ result: 'unchanged' });
    await here.ok(['down', '--yes']);
    expect(here.leftovers()).toEqual([]);
  },
);

test('a copy of the project elsewhere is the same spin by its name, found through its state folder', async () => {
  const here = project();
  here.spec(SPEC);
  await here.run(['up']);
  cpSync(join(here.dir, 'spin.yaml'), join(here.dir, 'elsewhere', 'spin.yaml'), { recursive: true });
  expect((await here.json(['status'], { cwd: 'elsewhere' })).result).toMatchObject({ id: 'shop', state: 'up' });
  await here.ok(['down', '--yes'], { cwd: 'elsewhere' });
  expect(here.leftovers()).toEqual([]);
});

async function has(here: Project, program: string): Promise<boolean> {
  return (await outside(here, ['sh', '-c', `command -v ${program}`])).code === 0;
}

/** Runs another program than spin: what would be spin's command line is only the words behind it. */
function outside(here: Project, [program, ...args]: readonly [string, ...string[]]) {
  return here.run([], { through: ['sh', '-c', [program, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' '), 'sh'] });
}
