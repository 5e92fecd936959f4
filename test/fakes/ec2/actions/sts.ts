import { AssumeRole$, GetCallerIdentity$ } from '@aws-sdk/client-sts';
import type { AssumeRoleRequest, AssumeRoleResponse, GetCallerIdentityRequest, GetCallerIdentityResponse } from '@aws-sdk/client-sts';
import { refuse } from '../protocol/refusal.ts';
import { action } from './action.ts';
import type { Action, Context } from './action.ts';

export const STS_ACTIONS: readonly Action[] = [
  action<GetCallerIdentityRequest>(GetCallerIdentity$, [], getCallerIdentity),
  action<AssumeRoleRequest>(
    AssumeRole$,
    ['RoleArn', 'RoleSessionName', 'DurationSeconds', 'Policy', 'Tags', 'TransitiveTagKeys', 'ExternalId', 'SourceIdentity'],
    assumeRole,
  ),
];

function getCallerIdentity({ identity }: Context): GetCallerIdentityResponse {
  return { UserId: identity.userId, Account: identity.account, Arn: identity.arn };
}

/** The role need not exist and may do everything; what it gives out is known as its session until it expires. Policies are checked for form alone. */
function assumeRole({ region }: Context, input: AssumeRoleRequest): AssumeRoleResponse {
  const { RoleArn: arn = '', RoleSessionName: session = '', DurationSeconds: seconds = 3600, Policy: policy } = input;
  const [, account, role] = /^arn:aws[\w-]*:iam::(\d{12}):role\/(?:.*\/)?([\w+=,.@-]+)$/.exec(arn) ?? [];
  if (account === undefined || role === undefined) return refuse('ValidationError', `${arn} is invalid`);
  if (!/^[\w+=,.@-]{2,64}$/.test(session))
    refuse('ValidationError', `1 validation error detected: Value '${session}' at 'roleSessionName' failed to satisfy constraint`);
  if (seconds < 900 || seconds > 43_200)
    refuse('ValidationError', 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  if (policy !== undefined) checkPolicy(policy);
  const { world } = region;
  const serial = world.ids.serial();
  const accessKeyId = `ASIA${serial.toString(36).toUpperCase().padStart(16, '0')}`;
  const assumed = { AssumedRoleId: `AROASPIN:${session}`, Arn: `arn:aws:sts::${account}:assumed-role/${role}/${session}` };
  const expiresAt = world.now + seconds * 1000;
  world.identities.add(accessKeyId, { account, arn: assumed.Arn, userId: assumed.AssumedRoleId, expiresAt });
  return {
    Credentials: {
      AccessKeyId: accessKeyId,
      SecretAccessKey: `secret-of-${accessKeyId}`,
      SessionToken: `session-of-${accessKeyId}`,
      Expiration: new Date(expiresAt),
    },
    AssumedRoleUser: assumed,
    ...(input.SourceIdentity === undefined ? {} : { SourceIdentity: input.SourceIdentity }),
  };
}

function checkPolicy(policy: string): void {
  if (policy.length > 2048)
    refuse('ValidationError', "Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048");
  try {
    JSON.parse(policy);
  } catch {
    refuse('MalformedPolicyDocument', 'Syntax errors in policy.');
  }
}
