import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { OWNED } from '../../core/tags.ts';
import { Fault } from '../fault.ts';
import type { Call, SpinCredentials, SpinRef } from '../provider.ts';
import { takenOn } from './client/assume-role.ts';
import { createClouds } from './client/clouds.ts';
import type { Cloud } from './cloud.ts';
import { isClass } from './fault-class.ts';
import { partitionOf, spinPath } from './names.ts';
import { guard } from './place.ts';

/** What AssumeRole allows, in seconds: 15 minutes to 12 hours, or an hour where one role takes on another. */
const LEAST_S = 900;
const MOST_S = 43_200;
const CHAINED_S = 3_600;

/**
 * Credentials of the role that the config names for it, narrowed by a session policy to what carries the tags of this spin.
 * @param durationMs not past the spin's deadline, which the caller sees to
 * @throws Fault `invalid` `no-role`, `duration-refused`; `denied`
 */
export async function credentials(cloud: Cloud, spin: SpinRef, durationMs: number, call: Call): Promise<SpinCredentials> {
  await guard(cloud, spin.place, call);
  const { settings } = cloud.options;
  const role = settings.credentialsRole ?? settings.role;
  if (role === undefined) {
    throw new Fault('invalid', 'no-role', 'no role is set that credentials could be narrowed from: set aws.credentialsRole or aws.role');
  }
  // The role that spin itself takes on is taken on anew with the caller's own credentials: few roles may take on themselves.
  const from = settings.credentialsRole === undefined ? withoutRole(cloud) : cloud;
  const seconds = secondsOf(durationMs, from.options.settings.role !== undefined);
  const externalId = settings.credentialsRole === undefined ? settings.externalId : undefined;
  const request = {
    RoleArn: role,
    RoleSessionName: `spin-${spin.id}`.slice(0, 64),
    DurationSeconds: seconds,
    Policy: sessionPolicy(spin, cloud.region),
    ...(externalId === undefined ? {} : { ExternalId: externalId }),
  };
  const tags = { [OWNED.id]: spin.id, [OWNED.incarnation]: spin.incarnation };
  const { identity } = await takenOn(role, tags, (Tags) =>
    from.send(STSClient, new AssumeRoleCommand({ ...request, ...(Tags === undefined ? {} : { Tags }) }), call),
  ).catch((thrown: unknown) => {
    throw isClass(thrown, 'ValidationError') && seconds > CHAINED_S ? tooLong(thrown.message, thrown) : thrown;
  });
  return {
    accessKeyId: identity.accessKeyId,
    secretAccessKey: identity.secretAccessKey,
    sessionToken: identity.sessionToken,
    expiresAt: identity.expiration.getTime(),
    region: cloud.region,
  };
}

function withoutRole(cloud: Cloud): Cloud {
  const { role: _role, ...settings } = cloud.options.settings;
  return createClouds({ ...cloud.options, settings }).in(cloud.region);
}

function secondsOf(durationMs: number, chained: boolean): number {
  // Never a second longer than asked.
  const seconds = Math.floor(durationMs / 1_000);
  if (seconds < LEAST_S) throw new Fault('invalid', 'duration-refused', 'AWS gives no credentials for less than 15 minutes');
  if (seconds > MOST_S)
    throw new Fault('invalid', 'duration-refused', 'AWS gives no credentials for more than 12 hours: ask for --duration 12h');
  if (chained && seconds > CHAINED_S) throw tooLong('aws.role takes on aws.credentialsRole');
  return seconds;
}

function tooLong(why: string, cause?: unknown): Fault {
  const message = `${why}; where a role takes on a role, credentials hold for an hour at most: ask for --duration 1h`;
  return new Fault('invalid', 'duration-refused', message, cause === undefined ? {} : { cause });
}

/**
 * What the credentials may do, as far as the role itself may: look at everything, and act on what carries both tags of the spin. Tags,
 * and so the deadline, are not theirs to change. At most 2,048 characters, the limit of a session policy, for the longest of IDs.
 */
export function sessionPolicy(spin: Pick<SpinRef, 'id' | 'incarnation'>, region: string): string {
  const arn = `arn:${partitionOf(region)}:ssm`;
  const ours = { StringEquals: { [`aws:ResourceTag/${OWNED.id}`]: spin.id, [`aws:ResourceTag/${OWNED.incarnation}`]: spin.incarnation } };
  const statement = (Action: readonly string[], Resource: string | readonly string[] = '*', Condition?: object) => ({
    Effect: 'Allow',
    Action,
    Resource,
    ...(Condition === undefined ? {} : { Condition }),
  });
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      statement([
        'ec2:Describe*',
        'elasticloadbalancing:Describe*',
        'rds:Describe*',
        'ssm:DescribeInstanceInformation',
        'ssm:GetCommandInvocation',
        'tag:GetResources',
      ]),
      statement(
        ['ec2:*', 'ec2-instance-connect:SendSSHPublicKey', 'elasticloadbalancing:*', 'rds:*', 'ssm:SendCommand', 'ssm:StartSession'],
        '*',
        ours,
      ),
      // A command needs the right to its document too, which is AWS's own and carries no tags; a session is its opener's.
      statement(['ssm:SendCommand', 'ssm:StartSession'], `${arn}:*::document/AWS-*`),
      statement(['ssm:ResumeSession', 'ssm:TerminateSession'], `${arn}:*:*:session/\${aws:userid}-*`),
      statement(['ssm:GetParameter*'], `${arn}:*:*:parameter${spinPath(spin.id, spin.incarnation)}*`),
      // All of them: to delete tags without naming any deletes ours.
      {
        Effect: 'Deny',
        Action: [
          'ec2:CreateTags',
          'ec2:DeleteTags',
          'elasticloadbalancing:AddTags',
          'elasticloadbalancing:RemoveTags',
          'rds:AddTagsToResource',
          'rds:RemoveTagsFromResource',
        ],
        Resource: '*',
      },
    ],
  });
}
