import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import type { UpOutcome } from '../../src/app/outcomes.ts';
import { filesWith } from '../security/canary.ts';
import { commandLineOf } from './processes.ts';
import { fixture, project, until } from './project.ts';

const VALUES = {
  TYPED: 'tYp3d-by-the-caller-7743',
  FILED: 'f1l3d-in-the-project-9921',
  SAID: 's41d-by-a-command-5512',
};

test('secrets reach the service, and are found nowhere else: not in arguments, records, journals, logs or documents', async () => {
  const here = project('sécrets');
  here.write('filed.txt', `${VALUES.FILED}\n`);
  here.write('said.sh', `echo ${VALUES.SAID}\n`);
  here.spec(`
name: vault
ttl: 1h
secrets:
  made: { generate: 40 }
  typed: { env: TYPED }
  filed: { file: filed.txt }
  said: { command: sh said.sh }
services:
  web:
    run: 'echo "in the log: $TYPED $(cat "$FILED_FILE") $SAID $MADE"; exec node ${fixture('e2e-server.cjs')}'
    expose: auto
    bootstrap: ['echo "in a step: $TYPED"']
    secrets: { made: { env: MADE }, typed: { env: TYPED }, filed: { file: FILED_FILE }, said: { env: SAID } }
    health: { http: /healthz, interval: 50ms }
`);
  const env = { TYPED: VALUES.TYPED };
  const up = here.start(['up', '--verbose', '--output', 'json'], { env });
  const { stdout, stderr, code } = await up.ended;
  expect(code, stdout + stderr).toBe(0);
  const { result } = JSON.parse(stdout) as { result: UpOutcome };

  const [folder = ''] = here.folders('vault');
  const secrets = join(folder, 'secrets');
  const made = readFileSync(join(secrets, 'made'), 'utf8');
  expect(made).toHaveLength(40);
  const values = [...Object.values(VALUES), made];
  const reached = await here.run([
    'exec',
    'vault',
    'web',
    '--',
    'sh',
    '-c',
    'printf "%s\\n" "$TYPED" "$(cat "$FILED_FILE")" "$SAID" "$MADE" > got.txt; stat -c %a "$FILED_FILE"',
  ]);
  expect(reached.stdout).toBe('600\n');
  expect(readFileSync(join(here.dir, 'got.txt'), 'utf8').trim().split('\n')).toEqual(values);
  expect(statSync(secrets).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(secrets)) expect([name, statSync(join(secrets, name)).mode & 0o777]).toEqual([name, 0o600]);

  await until(async () => (await here.run(['logs', 'vault', 'web'])).stdout.includes('listening'), 'the log is there');
  const logs = await here.run(['logs', 'vault']);
  expect(logs.stdout).toMatch(/in the log: \*+ \*+ \*+ \*+/);
  const said = [stdout, stderr, logs.stdout];
  for (const args of [['status', 'vault'], ['events', 'vault'], ['plan'], ['ls', '--wide'], ['cost'], ['config'], ['gc', '--dry-run']]) {
    const shown = await here.run([...args, '--output', 'json', '--verbose'], { env });
    said.push(shown.stdout, shown.stderr);
  }
  for (const value of values) {
    for (const text of said) expect(text).not.toContain(value);
    for (const { pid } of here.processes()) expect(commandLineOf(pid)).not.toContain(value);
    expect(filesWith(here.state, value).filter((file) => !file.startsWith(relative(here.state, secrets)))).toEqual([]);
  }
  // Issuing is timed, destroying is confirmed.
  expect(here.journal('vault').filter(({ type }) => type === 'secret.issued')).toHaveLength(4);
  for (const event of here.journal('vault').filter(({ type }) => type === 'secret.issued')) expect(event.ms).toBeGreaterThanOrEqual(0);
  expect(result.state).toBe('up');

  const down = await here.json(['down', '--yes']);
  expect(down.result).toMatchObject({ spins: [{ secretsDestroyed: 4, left: [] }] });
  expect(here.journal('vault').filter(({ type }) => type === 'secret.destroyed')).toHaveLength(4);
  for (const value of values) expect(filesWith(here.state, value)).toEqual([]);
  expect(here.leftovers()).toEqual([]);
});

test('a secret that cannot be had fails the up by its name, before any service starts', async () => {
  const here = project();
  const spec = (source: string) =>
    `name: vault\nttl: 1h\nsecrets: { key: ${source} }\nservices: { web: { run: sleep 100, secrets: [key], health: { alive: 20ms } } }\n`;
  for (const source of [
    '{ env: NOT_SET_ANYWHERE }',
    '{ file: none.txt }',
    '{ command: "printf half-%s-secret a; exit 3" }',
    '{ command: sleep 30, timeout: 200ms }',
  ]) {
    here.spec(spec(source));
    const { ok, error } = await here.json(['up']);
    expect(ok, source).toBe(false);
    expect(JSON.stringify(error), source).toContain('key');
    expect(JSON.stringify(error)).not.toContain('half-a-secret');
    expect(here.leftovers()).toEqual([]);
  }
});

test('a service whose secret is printed in its last words fails with stars in their place', async () => {
  const here = project();
  here.spec(
    `name: vault\nttl: 1h\nsecrets: { key: { env: KEY } }\nservices: { job: { run: 'echo "cannot log in with $KEY"; exit 1', job: true, secrets: [key] } }\n`,
  );
  const failed = await here.run(['up'], { env: { KEY: VALUES.TYPED } });
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(/cannot log in with \*+/);
  expect(failed.stdout + failed.stderr).not.toContain(VALUES.TYPED);
  expect(filesWith(here.state, VALUES.TYPED)).toEqual([]);
});
