import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import type { PlanOutcome } from '../../src/app/outcomes.ts';
import { OWNED } from '../../src/core/tags.ts';
import { environmentOf } from '../fakes/ec2/start.ts';
import { describeWithMoto } from '../fakes/moto/suite.ts';
import { startFakeS3 } from '../fakes/s3.ts';
import { awsProject, left } from './aws-project.ts';
import { type Project, project, type Run, SPIN } from './project.ts';

/** The pipelines of docs/ci-and-cron.md, run as they stand there: what the CI system itself would do is done here in its place. */

const PAGE = readFileSync(resolve(import.meta.dirname, '../../docs/ci-and-cron.md'), 'utf8');
const LONG = { timeout: 120_000 };
const BUCKET = 'my-team-spin';

/** Of a pull request, as `spin init per-pr` has it, on AWS. */
const SPEC = `
name: pr-\${env.PR}
provider: aws
ttl: 8h
services:
  web:
    run: sleep infinity
    health: { alive: 10ms }
`;

interface Job {
  readonly if?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly steps: readonly { readonly run?: string; readonly uses?: string; readonly with?: Readonly<Record<string, string>> }[];
}

interface Workflow {
  readonly env?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

interface GitlabJob {
  readonly variables?: Readonly<Record<string, string>>;
  readonly before_script?: readonly string[];
  readonly script: string;
}

test('the spec of the page for AWS passes spin plan', LONG, async () => {
  const { here } = await awsProject({}, { PR: '42' });
  here.spec(textOf('spin.yaml'));
  const { result } = await here.json<PlanOutcome>(['plan']);
  expect(result).toMatchObject({ id: 'pr-42', provider: 'aws', warnings: [] });
  expect(result?.checks.filter(({ ok }) => !ok)).toEqual([]);
});

describe('the workflows for GitHub', () => {
  test('bring one environment per pull request up, again on the next push, and down when it is closed', LONG, async () => {
    const { here, ec2 } = await awsProject({}, await bucket());
    here.spec(SPEC);
    const workflow = fileOf('.github/workflows/preview.yaml') as Workflow;

    await runJobs(here, workflow, 'opened');
    const first = (await ec2.snapshot()).instances;
    expect(first).toMatchObject([{ tags: { [OWNED.id]: 'pr-42' } }]);
    expect(readFileSync(join(here.dir, 'up.json'), 'utf8')).toMatch(/"result": "created"/);
    expect(readFileSync(join(here.dir, 'summary.md'), 'utf8')).toMatch(/^pr-42 is up, on aws/m);

    await runJobs(here, workflow, 'synchronize');
    expect((await ec2.snapshot()).instances.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
    expect(readFileSync(join(here.dir, 'up.json'), 'utf8')).toMatch(/"result": "unchanged"/);

    await runJobs(here, workflow, 'closed');
    expect(left(await ec2.snapshot())).toEqual([]);
  });

  test('sweep what nobody took down', LONG, async () => {
    const { here, ec2 } = await awsProject({}, await bucket());
    here.spec(SPEC.replace('8h', '1s'));
    await runJobs(here, fileOf('.github/workflows/preview.yaml') as Workflow, 'opened');
    expect((await ec2.snapshot()).instances).toHaveLength(1);
    const sweep = fileOf('.github/workflows/sweep.yaml') as Workflow;
    await expect.poll(async () => (await runJobs(here, sweep, 'schedule'), left(await ec2.snapshot())), { timeout: 60_000 }).toEqual([]);
  });
});

describeWithMoto('the pipeline for GitLab', (world) => {
  test('takes on its role by the token of the job, brings an environment up, and takes it down', LONG, async () => {
    const { AWS_ACCESS_KEY_ID: _id, AWS_SECRET_ACCESS_KEY: _key, ...env } = environmentOf(world().proxy.url);
    const client = new S3Client({ endpoint: world().proxy.url, region: 'us-east-1', forcePathStyle: true, credentials: KEYS });
    onTestFinished(() => client.destroy());
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    const here = project('project', env);
    here.spec(SPEC);
    const file = fileOf('.gitlab-ci.yml') as Readonly<Record<string, GitlabJob>>;

    await runGitlab(here, file, 'preview');
    expect(world().proxy.counts()).toMatchObject({
      'sts:AssumeRoleWithWebIdentity': expect.any(Number),
      'ec2:RunInstances': expect.any(Number),
    });
    await runGitlab(here, file, 'stop-preview');
    expect((await here.run(['ls', '--quiet'], { env: { SPIN_STATE: `s3://${BUCKET}/state`, ...identity(here) } })).stdout).toBe('');
    expect(world().proxy.counts()).toMatchObject({ 'ec2:TerminateInstances': 1 });
  });
});

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'any-secret-will-do' };

/** A bucket for the state. @returns the environment that leads to it */
async function bucket(): Promise<Readonly<Record<string, string>>> {
  const s3 = await startFakeS3({ buckets: [BUCKET] });
  onTestFinished(() => s3.close());
  return { AWS_ENDPOINT_URL_S3: s3.endpoint };
}

function fileOf(name: string): unknown {
  return parse(textOf(name));
}

/** The file of a name among the examples of the page. */
function textOf(name: string): string {
  const blocks = [...PAGE.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => text);
  return blocks.find((block) => block.startsWith(`# ${name}\n`)) ?? expect.fail(`the page has no ${name}`);
}

/** Runs the jobs of a workflow that an event starts, step by step as GitHub does: `bash -e`, the variables of workflow and job. */
async function runJobs(here: Project, { env = {}, jobs }: Workflow, action: string): Promise<void> {
  const started = Object.values(jobs).filter((job) => holds(job.if, action));
  expect(started).toHaveLength(1);
  for (const job of started) {
    const variables = Object.entries({ ...env, ...job.env }).map(([name, value]) => [name, value.replace(NUMBER, '42')] as const);
    expect(job.steps.flatMap(({ uses = [] }) => uses)).toEqual(GIVEN);
    for (const { run } of job.steps.filter((step) => step.run !== undefined && !isInstall(step.run))) {
      const more = { ...Object.fromEntries(variables), GITHUB_STEP_SUMMARY: join(here.dir, 'summary.md') };
      await shell(here, run ?? '', more);
    }
  }
}

/** What the steps of others give: the sources, Node, and the keys of a role, which the project has. */
const GIVEN = ['actions/checkout@v4', 'actions/setup-node@v4', 'aws-actions/configure-aws-credentials@v4'];
const NUMBER = '${{ github.event.number }}';

function holds(condition: string | undefined, action: string): boolean {
  if (condition === undefined) return true;
  const [, operator, value] = /^github\.event\.action (==|!=) '(\w+)'$/.exec(condition) ?? expect.fail(`unknown condition: ${condition}`);
  return (operator === '==') === (action === value);
}

/** Runs a job of GitLab's: the variables and first steps of what it extends, then its own. */
async function runGitlab(here: Project, file: Readonly<Record<string, GitlabJob>>, name: string): Promise<void> {
  const [base, job] = [file['.spin'], file[name]];
  const merge = (text: string) => text.replaceAll('$CI_MERGE_REQUEST_IID', '42');
  const variables = Object.fromEntries(
    Object.entries({ ...base?.variables, ...job?.variables }).map(([key, value]) => [key, merge(value)]),
  );
  const steps = [...(base?.before_script ?? []), job?.script ?? ''].filter((step) => !isInstall(step));
  const more = { ...variables, ...identity(here), AWS_TOKEN: 'header.claims.signature' };
  expect(variables).toMatchObject({ AWS_ROLE_ARN: expect.any(String), AWS_WEB_IDENTITY_TOKEN_FILE: expect.any(String) });
  await shell(here, steps.map(merge).join('\n'), { ...more, CI_MERGE_REQUEST_IID: '42' });
}

/** The page's file for the token is one of the whole machine. */
function identity(here: Project): Readonly<Record<string, string>> {
  return {
    AWS_WEB_IDENTITY_TOKEN_FILE: join(here.dir, 'web-identity-token'),
    AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/spin-ci',
    AWS_REGION: 'eu-central-1',
  };
}

/** There is no package here to install from; `spin` is on PATH instead. */
function isInstall(step: string): boolean {
  return step === 'npm install -g ./spin-*.tgz';
}

async function shell(here: Project, script: string, env: Readonly<Record<string, string>>): Promise<Run> {
  const bin = join(here.home, 'bin');
  mkdirSync(bin, { recursive: true });
  try {
    symlinkSync(SPIN, join(bin, 'spin'));
  } catch {
    // It is there from the step before.
  }
  const PATH = `${bin}${delimiter}${here.env['PATH'] ?? ''}`;
  const { SPIN_STATE: _local, ...own } = here.env;
  const run = await new Promise<Run>((done) => {
    const child = execFile(
      'bash',
      ['-e', '-c', script],
      { cwd: here.dir, env: { ...own, CI: 'true', ...env, PATH } },
      (_failure, stdout, stderr) => done({ code: child.exitCode, signal: child.signalCode, stdout, stderr }),
    );
  });
  expect(run.code, `${script}\n${run.stderr}`).toBe(0);
  return run;
}
