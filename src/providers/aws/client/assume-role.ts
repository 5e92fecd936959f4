import type { AssumeRoleCommandOutput } from '@aws-sdk/client-sts';
import { OWNED, type Tags } from '../../../core/tags.ts';
import { Fault } from '../../fault.ts';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import type { Session } from './sessions.ts';

/**
 * Every role allows an hour, and more is not allowed where the caller's own credentials are those of a role ("role chaining"). It is not cut
 * to a TTL: none is known yet, the session serves every spin of the process, and what is past its deadline is ended with it.
 */
const SECONDS = 3_600;

/** Credentials that end. */
export interface TemporaryIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/**
 * Takes on a role with the caller's own credentials. The session carries the state location as a session tag, so that policies can be
 * written against `aws:PrincipalTag/spin:state`.
 * @param cloud signs with the caller's own credentials
 * @throws Fault `denied`
 */
export async function assumeRole(cloud: Cloud, role: string, call: Call): Promise<Session> {
  const { AssumeRoleCommand, STSClient } = await import('@aws-sdk/client-sts');
  const { settings, stateTag } = cloud.options;
  const request = {
    RoleArn: role,
    RoleSessionName: sessionName(cloud),
    DurationSeconds: SECONDS,
    ...(settings.externalId === undefined ? {} : { ExternalId: settings.externalId }),
  };
  return takenOn(role, { [OWNED.state]: stateTag }, (Tags) =>
    cloud.send(STSClient, new AssumeRoleCommand({ ...request, ...(Tags === undefined ? {} : { Tags }) }), call),
  );
}

/** A role that was taken on: with session tags, and without them where its trust policy does not allow `sts:TagSession`. @throws Fault */
export async function takenOn(
  role: string,
  tags: Tags,
  ask: (tags: { Key: string; Value: string }[] | undefined) => Promise<AssumeRoleCommandOutput>,
): Promise<{ readonly identity: TemporaryIdentity; readonly account?: string }> {
  const answer = await ask(Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))).catch((thrown: unknown) => {
    if (thrown instanceof Fault && thrown.class === 'AccessDenied') return ask(undefined);
    throw thrown;
  });
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = answer.Credentials ?? {};
  if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined || Expiration === undefined) {
    throw new Fault('transient', 'no-credentials', `sts:AssumeRole: the answer for ${role} holds no credentials`);
  }
  const identity = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken, expiration: Expiration };
  const account = accountOfArn(answer.AssumedRoleUser?.Arn);
  return { identity, ...(account === undefined ? {} : { account }) };
}

/** Who is at work, as CloudTrail shows it: `spin-alice`. */
function sessionName({ options: { env, stateTag } }: Cloud): string {
  const user = env['USER'] ?? env['LOGNAME'] ?? env['USERNAME'];
  const who = user === undefined || user === '' ? stateTag : user;
  return `spin-${who}`.replace(/[^\w+=,.@-]/g, '-').slice(0, 64);
}

/** `arn:aws:sts::123456789012:assumed-role/spin/spin-alice` is of account 123456789012. */
function accountOfArn(arn: string | undefined): string | undefined {
  return /^arn:[a-z-]+:sts::(\d{12}):/.exec(arn ?? '')?.[1];
}
