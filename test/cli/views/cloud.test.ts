import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { CredentialsOutcome } from '../../../src/app/credentials.ts';
import type { CloudSpin } from '../../../src/app/outcomes.ts';
import type { Page } from '../../../src/cli/page.ts';
import { PLAIN } from '../../../src/cli/text/style.ts';
import { viewAdopt } from '../../../src/cli/views/adopt.ts';
import { viewCloud } from '../../../src/cli/views/cloud.ts';
import { viewCredentials } from '../../../src/cli/views/credentials.ts';
import { viewUp } from '../../../src/cli/views/up.ts';
import { parseSpinId } from '../../../src/core/ids.ts';
import * as sample from './samples.ts';

const page: Page = { width: 100, style: PLAIN, now: sample.NOW, verbose: false, self: 'spin' };
const spin: CloudSpin = {
  id: 'pr-42',
  incarnation: '01kb0000000000000000000000',
  provider: 'aws',
  region: 'eu-central-1',
  owner: 'ana',
  createdAt: '2026-11-23T11:00:00.000Z',
  deadline: '2026-11-23T11:30:00.000Z',
  ours: true,
  recorded: false,
  orphanSince: '2026-11-23T11:50:00.000Z',
  things: [{ resource: 'service.web@1', kind: 'service', what: 'instance i-1' }],
};

describe('the view of what providers have', () => {
  it('tells whose it is, how old, and whether a record knows of it', () => {
    expect(
      viewCloud({ spins: [spin, { ...spin, id: 'shop', recorded: true }, { ...spin, id: 'theirs', ours: false }], unlisted: [] }, page),
    ).toMatchInlineSnapshot(`
      "ID       PROVIDER           OWNER   AGE   LEFT   THINGS   RECORD
      pr-42    aws eu-central-1   ana     1h    -30m        1   none, marked as an orphan
      shop     aws eu-central-1   ana     1h    -30m        1   here
      theirs   aws eu-central-1   ana     1h    -30m        1   another state location's"
    `);
  });

  it('never takes a provider that could not be asked for an empty one', () => {
    expect(viewCloud({ spins: [], unlisted: [{ provider: 'aws', problem: 'the token is expired' }] }, page)).toBe(
      'Nothing of a spin was seen.\nnot asked: aws: the token is expired',
    );
  });
});

it('the view of adopt says what to type next', () => {
  const outcome = {
    id: 'pr-42',
    incarnation: spin.incarnation,
    provider: 'aws',
    owner: 'ana',
    deadline: '2026-11-23T20:00:00.000Z',
    resources: ['service.web@1'],
    tookOver: true,
    withSpec: false,
    olderLives: 0,
  };
  const text = viewAdopt(outcome, page);
  expect(text).toContain('1 resource on aws');
  expect(text).toContain('is ours now');
  expect(text).toContain('spin down pr-42');
});

describe('the view of credentials', () => {
  const credentials: CredentialsOutcome = {
    id: parseSpinId('pr-42'),
    accessKeyId: 'ASIA1',
    secretAccessKey: "it's/a+secret",
    sessionToken: '$(touch x)`y`"z"',
    expiresAt: '2026-11-23T12:00:00.000Z',
    warnings: [],
    region: 'eu-central-1',
  };

  it('can be evaluated by a shell, whatever is in them', () => {
    const script = `${viewCredentials(credentials, 'env')}\nprintf '%s\\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN" "$AWS_REGION" "$AWS_CREDENTIAL_EXPIRATION"`;
    expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n')).toEqual([
      credentials.accessKeyId,
      credentials.secretAccessKey,
      credentials.sessionToken,
      credentials.region,
      credentials.expiresAt,
    ]);
  });

  it('has the form that an AWS profile reads', () => {
    expect(JSON.parse(viewCredentials(credentials, 'credential-process'))).toEqual({
      Version: 1,
      AccessKeyId: 'ASIA1',
      SecretAccessKey: credentials.secretAccessKey,
      SessionToken: credentials.sessionToken,
      Expiration: '2026-11-23T12:00:00.000Z',
    });
  });
});

it('the view of up tells of throttling, where there was any', () => {
  expect(viewUp(sample.up, page)).not.toContain('throttled');
  expect(viewUp({ ...sample.up, timings: { ...sample.timings, throttled: 3 } }, page)).toContain('throttled  3 requests, sent again');
});
