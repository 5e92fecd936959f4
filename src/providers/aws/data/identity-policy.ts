/** Where the parameters of one spin are. */
export interface SecretPlace {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  /** Folder of the parameters, with slashes at both ends. */
  readonly folder: string;
}

/** Who may take the role on: EC2, for the instances that it is given to. */
export function trustPolicy(partition: string): string {
  const service = partition === 'aws-cn' ? 'ec2.amazonaws.com.cn' : 'ec2.amazonaws.com';
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
  });
}

/**
 * What an instance may do: read the secrets of its own spin, and be reached through Systems Manager.
 * The managed policy AmazonSSMManagedInstanceCore is not used: it allows ssm:GetParameter on every parameter of the account, other
 * spins' secrets included. What stands here is what the agent needs for Run Command and sessions, without that.
 */
export function instancePolicy({ partition, region, account, folder }: SecretPlace): string {
  const parameters = `arn:${partition}:ssm:${region}:${account}:parameter${folder}*`;
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'OwnSecrets',
        Effect: 'Allow',
        Action: ['ssm:GetParameter', 'ssm:GetParameters', 'ssm:GetParametersByPath'],
        Resource: [parameters, parameters.slice(0, -2)],
      },
      {
        Sid: 'DecryptOwnSecrets',
        Effect: 'Allow',
        Action: 'kms:Decrypt',
        Resource: `arn:${partition}:kms:${region}:${account}:key/*`,
        Condition: {
          StringEquals: { 'kms:ViaService': `ssm.${region}.${partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com'}` },
          // Systems Manager encrypts each value with the ARN of its parameter as context.
          StringLike: { 'kms:EncryptionContext:PARAMETER_ARN': parameters },
        },
      },
      {
        Sid: 'AgentOfSystemsManager',
        Effect: 'Allow',
        Action: [
          'ssm:UpdateInstanceInformation',
          'ssmmessages:CreateControlChannel',
          'ssmmessages:CreateDataChannel',
          'ssmmessages:OpenControlChannel',
          'ssmmessages:OpenDataChannel',
          'ec2messages:AcknowledgeMessage',
          'ec2messages:DeleteMessage',
          'ec2messages:FailMessage',
          'ec2messages:GetEndpoint',
          'ec2messages:GetMessages',
          'ec2messages:SendReply',
        ],
        Resource: '*',
      },
    ],
  });
}
