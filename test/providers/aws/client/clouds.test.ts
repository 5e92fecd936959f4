import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clouds } from '../../../../src/providers/aws/cloud.ts';
import { createClouds } from '../../../../src/providers/aws/client/clouds.ts';
import { accountOfKey } from '../../../../src/providers/aws/client/scope.ts';
import { Sessions } from '../../../../src/providers/aws/client/sessions.ts';
import { guard, locate } from '../../../../src/providers/aws/place.ts';
import type { Call } from '../../../../src/providers/provider.ts';
import type { AwsSettings } from '../../../../src/spec/config.ts';
import {
  type Answer,
  type Asked,
  type AwsEndpoint,
  awsOptions,
  callNow,
  ec2Answer,
  ec2Error,
  KEYS,
  queryAnswer,
  queryError,
  specIn,
  startEndpoint,
} from './endpoint.ts';

let folder: string;
const open: AwsEndpoint[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spin-clouds-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((endpoint) => endpoint.close()));
  await rm(folder, { recursive: true, force: true });
});

async function start(answer: (asked: Asked) => Answer): Promise<AwsEndpoint> {
  const endpoint = await startEndpoint(answer);
  open.push(endpoint);
  return endpoint;
}

function clouds(env: Readonly<Record<string, string | undefined>>, settings: Partial<AwsSettings> = {}): Clouds {
  return createClouds(awsOptions(folder, env, settings));
}

const describeOnce = (of: Clouds, call: Call = callNow(), region = 'eu-central-1') =>
  of.in(region).send(EC2Client, new DescribeInstancesCommand({}), call);

/** Answers STS and EC2; credentials of STS carry their number in their key. */
function aws({ action, nth }: Asked): Answer {
  if (action === 'GetCallerIdentity') return queryAnswer(action, '<Account>123456789012</Account>');
  if (action.startsWith('AssumeRole')) return queryAnswer(action, sessionXml(`ROLE${nth}`, new Date(Date.now() + 3_600_000)));
  return action === 'GetParameter' ? { status: 200, body: '{}' } : ec2Answer(action, '<reservationSet/>');
}

function sessionXml(key: string, expires: Date): string {
  const credentials = `<AccessKeyId>${key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${expires.toISOString()}</Expiration>`;
  const user =
    '<AssumedRoleUser><Arn>arn:aws:sts::210987654321:assumed-role/spin/spin-x</Arn><AssumedRoleId>a</AssumedRoleId></AssumedRoleUser>';
  return `<Credentials>${credentials}</Credentials>${user}`;
}

const keyOf = (asked: Asked | undefined) => /Credential=([^/]+)/.exec(asked?.headers.authorization ?? '')?.[1];

describe('credentials', () => {
  test('are those of the variables, with their session token', async () => {
    const { url, asked } = await start(aws);
    await describeOnce(clouds({ ...KEYS, AWS_SESSION_TOKEN: 'session', AWS_ENDPOINT_URL: url }));
    expect([keyOf(asked[0]), asked[0]?.headers['x-amz-security-token']]).toEqual(['test', 'session']);
  });

  test('are those of a profile that is named, before the variables', async () => {
    const { url, asked } = await start(aws);
    await writeFile(join(folder, 'shared'), '[work]\naws_access_key_id = PROFILE\naws_secret_access_key = s\n');
    await describeOnce(
      clouds({
        ...KEYS,
        AWS_PROFILE: 'work',
        AWS_SHARED_CREDENTIALS_FILE: join(folder, 'shared'),
        AWS_CONFIG_FILE: join(folder, 'none'),
        AWS_ENDPOINT_URL: url,
      }),
    );
    expect(keyOf(asked[0])).toBe('PROFILE');
  });

  test('are those of a web identity, as CI systems give it', async () => {
    const { url, asked } = await start(aws);
    await writeFile(join(folder, 'token'), 'the-token');
    const env = { AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token'), AWS_ROLE_ARN: 'arn:aws:iam::210987654321:role/ci' };
    await describeOnce(clouds({ ...env, ...NO_FILES(), AWS_ENDPOINT_URL: url }));
    expect([asked[0]?.action, asked[0]?.params.get('WebIdentityToken'), keyOf(asked[1])]).toEqual([
      'AssumeRoleWithWebIdentity',
      'the-token',
      'ROLE0',
    ]);
  });

  test('are those of a container', async () => {
    const { url, asked } = await start((one) =>
      one.action === '/creds'
        ? {
            status: 200,
            body: JSON.stringify({ AccessKeyId: 'CONTAINER', SecretAccessKey: 's', Token: 't', Expiration: '2100-01-01T00:00:00Z' }),
          }
        : aws(one),
    );
    await describeOnce(clouds({ ...NO_FILES(), AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/creds`, AWS_ENDPOINT_URL: url }));
    expect(keyOf(asked.at(-1))).toBe('CONTAINER');
  });

  test('that are nowhere are told with what to do', async () => {
    const { url } = await start(aws);
    await expect(describeOnce(clouds({ ...NO_FILES(), AWS_ENDPOINT_URL: url }))).rejects.toMatchObject({
      kind: 'denied',
      class: 'no-credentials',
      message: expect.stringMatching(/AWS_PROFILE.*aws sso login/),
    });
  });

  test('of a profile that is not there are not replaced by others', async () => {
    const { url } = await start(aws);
    await expect(describeOnce(clouds({ ...KEYS, ...NO_FILES(), AWS_PROFILE: 'nobody', AWS_ENDPOINT_URL: url }))).rejects.toMatchObject({
      class: 'no-credentials',
      message: expect.stringContaining('nobody'),
    });
  });

  test('that are over are told as such', async () => {
    const { url } = await start(() => ec2Error(400, 'ExpiredToken', 'The provided token has expired.'));
    await expect(describeOnce(clouds({ ...KEYS, AWS_ENDPOINT_URL: url }))).rejects.toMatchObject({
      kind: 'denied',
      class: 'credentials-expired',
    });
  });
});

describe('a role', () => {
  const role = 'arn:aws:iam::210987654321:role/spin';

  test('is taken on once, with external ID, session name and the state as a session tag, and proves its account', async () => {
    const { url, asked } = await start(aws);
    const of = clouds({ ...KEYS, USER: 'al ice', AWS_ENDPOINT_URL: url }, { role, externalId: 'ext' });
    await Promise.all([describeOnce(of), describeOnce(of, callNow(), 'us-east-1')]);
    expect(await of.in('eu-central-1').account(callNow())).toBe('210987654321');
    const [first, ...rest] = asked;
    expect(rest.map((one) => [one.action, keyOf(one)])).toEqual([
      ['DescribeInstances', 'ROLE0'],
      ['DescribeInstances', 'ROLE0'],
    ]);
    expect(Object.fromEntries(first?.params ?? [])).toMatchObject({
      RoleArn: role,
      ExternalId: 'ext',
      RoleSessionName: 'spin-al-ice',
      'Tags.member.1.Key': 'spin:state',
      'Tags.member.1.Value': 'teamstate',
      DurationSeconds: '3600',
    });
    expect(keyOf(first)).toBe('test');
  });

  test('that may not be tagged is taken on without tags', async () => {
    const { url, asked } = await start((one) =>
      one.action === 'AssumeRole' && one.params.has('Tags.member.1.Key')
        ? queryError(403, 'AccessDenied', 'not authorized to perform: sts:TagSession')
        : aws(one),
    );
    await describeOnce(clouds({ ...KEYS, AWS_ENDPOINT_URL: url }, { role }));
    expect(asked.map(({ action }) => action)).toEqual(['AssumeRole', 'AssumeRole', 'DescribeInstances']);
  });

  test('that may not be taken on is denied', async () => {
    const { url } = await start(() => queryError(403, 'AccessDenied', 'User is not authorized to perform: sts:AssumeRole'));
    await expect(describeOnce(clouds({ ...KEYS, AWS_ENDPOINT_URL: url }, { role }))).rejects.toMatchObject({
      kind: 'denied',
      message: expect.stringMatching(/^sts:AssumeRole: /),
    });
  });

  test('is taken on again before its session ends, and when AWS says that it is over', async () => {
    let ended = false;
    const { url, asked } = await start((one) => {
      if (one.action === 'AssumeRole')
        return queryAnswer('AssumeRole', sessionXml(`ROLE${one.nth}`, new Date(Date.now() + (one.nth === 0 ? 60_000 : 3_600_000))));
      if (!ended) return aws(one);
      ended = false;
      return ec2Error(400, 'ExpiredToken', 'over');
    });
    const of = clouds({ ...KEYS, AWS_ENDPOINT_URL: url }, { role });
    await describeOnce(of);
    await describeOnce(of);
    ended = true;
    await describeOnce(of);
    expect(asked.map((one) => `${one.action} ${keyOf(one)}`)).toEqual([
      'AssumeRole test',
      'DescribeInstances ROLE0',
      'AssumeRole test',
      'DescribeInstances ROLE1',
      'DescribeInstances ROLE1',
      'AssumeRole test',
      'DescribeInstances ROLE2',
    ]);
  });

  test('whose session is over is taken on again once for all whose requests were under way', async () => {
    const { url, asked } = await start((one) => {
      if (one.action === 'AssumeRole') return queryAnswer('AssumeRole', sessionXml(`ROLE${one.nth}`, new Date(Date.now() + 3_600_000)));
      return keyOf(one) === 'ROLE0' ? ec2Error(400, 'ExpiredToken', 'over') : aws(one);
    });
    const of = clouds({ ...KEYS, AWS_ENDPOINT_URL: url }, { role });
    await Promise.all([describeOnce(of), describeOnce(of), describeOnce(of)]);
    expect(asked.filter(({ action }) => action === 'AssumeRole')).toHaveLength(2);
  });

  test('that is told late to be over leaves alone what was got since, and is signed with until then', async () => {
    let nth = 0;
    const expiration = new Date(Date.now() + 3_600_000);
    const sessions = new Sessions(async () => ({ identity: { accessKeyId: `ROLE${nth++}`, secretAccessKey: 's', expiration } }));
    const first = await sessions.get(callNow());
    expect(sessions.forget(first.identity)).toBe(true);
    expect(sessions.current()).toBe(first.identity);
    const second = await sessions.get(callNow());
    expect(sessions.forget(first.identity)).toBe(true);
    expect(await sessions.get(callNow())).toBe(second);
    expect(nth).toBe(2);
  });
});

describe('endpoints and regions', () => {
  test('of one service come before the one of all', async () => {
    const [all, ec2] = [await start(aws), await start(aws)];
    const of = clouds({ ...KEYS, AWS_ENDPOINT_URL: all.url, AWS_ENDPOINT_URL_EC2: ec2.url });
    await describeOnce(of);
    await of.in('eu-central-1').send(SSMClient, new GetParameterCommand({ Name: 'x' }), callNow());
    expect([ec2.asked.map(({ action }) => action), all.asked.map(({ action }) => action)]).toEqual([
      ['DescribeInstances'],
      ['GetParameter'],
    ]);
  });

  test('a region is what is named, then the config, the variables and the profile', async () => {
    await writeFile(
      join(folder, 'config'),
      '# mine\n[default]\nregion = eu-west-1\n[profile work]\n  s3 =\n    region = no-no-1\nregion=eu-west-2 # here\n',
    );
    const file = { AWS_CONFIG_FILE: join(folder, 'config') };
    const none = { AWS_REGION: undefined };
    expect(await clouds(KEYS, { region: 'us-west-1' }).region('us-west-2')).toBe('us-west-2');
    expect(await clouds(KEYS, { region: 'us-west-1' }).region(undefined)).toBe('us-west-1');
    expect(await clouds(KEYS).region(undefined)).toBe('eu-central-1');
    expect(await clouds({ ...none, AWS_DEFAULT_REGION: 'us-east-2' }).region(undefined)).toBe('us-east-2');
    expect(await clouds({ ...none, ...file }).region(undefined)).toBe('eu-west-1');
    expect(await clouds({ ...none, ...file, AWS_PROFILE: 'work' }).region(undefined)).toBe('eu-west-2');
    await expect(clouds({ ...none, AWS_CONFIG_FILE: '/nowhere' }).region(undefined)).rejects.toMatchObject({
      kind: 'invalid',
      class: 'no-region',
    });
  });

  test('inventories look into the regions of the config, or into the one that is worked in', async () => {
    expect(await clouds(KEYS, { regions: ['us-east-1', 'eu-west-1'] }).swept()).toEqual(['us-east-1', 'eu-west-1']);
    expect(await clouds(KEYS).swept()).toEqual(['eu-central-1']);
  });

  test('a spin that names its region needs no other, for a role neither', async () => {
    const { url } = await start(aws);
    const of = clouds(
      { ...KEYS, ...NO_FILES(), AWS_REGION: undefined, AWS_ENDPOINT_URL: url },
      { role: 'arn:aws:iam::210987654321:role/spin' },
    );
    await expect(of.swept()).rejects.toMatchObject({ class: 'no-region' });
    await describeOnce(of, callNow(), 'eu-north-1');
    expect(await of.swept()).toEqual(['eu-north-1']);
  });

  test('an access key tells its account apart from others without a question', () => {
    expect(accountOfKey('ASIAQNZGKIQY56JQ7WML')).toBe('029608264753');
    expect(accountOfKey('test')).toBeUndefined();
  });
});

describe('a place', () => {
  test('is the region and the account, which is asked for once', async () => {
    const { url, asked } = await start(aws);
    const of = clouds({ ...KEYS, AWS_ENDPOINT_URL: url });
    expect(await locate(of, specIn('eu-west-3'), callNow())).toEqual({ account: '123456789012', region: 'eu-west-3' });
    await guard(of.in('eu-west-3'), { account: '123456789012', region: 'eu-west-3' }, callNow());
    expect(asked).toHaveLength(1);
  });

  test('is refused in an account that the config does not list', async () => {
    const { url } = await start(aws);
    const of = clouds({ ...KEYS, AWS_ENDPOINT_URL: url }, { accounts: ['111111111111', '222222222222'] });
    await expect(locate(of, specIn(undefined), callNow())).rejects.toMatchObject({
      kind: 'denied',
      class: 'account-refused',
      message: expect.stringMatching(/123456789012.*111111111111, 222222222222/),
    });
  });

  test('of another account or region proves nothing, and an answer that names its owner spares the question', async () => {
    const { url, asked } = await start(aws);
    const cloud = clouds({ ...KEYS, AWS_ENDPOINT_URL: url }).in('eu-central-1');
    await guard(cloud, { account: '999999999999' }, callNow(), '999999999999');
    expect(asked).toHaveLength(0);
    await expect(guard(cloud, { account: '999999999999' }, callNow())).rejects.toMatchObject({ kind: 'denied', class: 'other-account' });
    await expect(guard(cloud, { region: 'us-east-1' }, callNow())).rejects.toMatchObject({ class: 'other-region' });
  });
});

function NO_FILES() {
  return { AWS_SHARED_CREDENTIALS_FILE: join(folder, 'no-credentials'), AWS_CONFIG_FILE: join(folder, 'no-config') };
}
