import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** An operation of a service, such as `ec2:RunInstances`; its prefix is that of the service's IAM actions. */
export type Operation = string;

const SRC = join(import.meta.dirname, '../../src');

/** SDK clients, by the prefix of their service's IAM actions, which is also the name that requests are signed with. */
const PREFIXES: Readonly<Record<string, string>> = {
  '@aws-sdk/client-cost-explorer': 'ce',
  '@aws-sdk/client-ec2': 'ec2',
  '@aws-sdk/client-ec2-instance-connect': 'ec2-instance-connect',
  '@aws-sdk/client-elastic-load-balancing-v2': 'elasticloadbalancing',
  '@aws-sdk/client-iam': 'iam',
  '@aws-sdk/client-pricing': 'pricing',
  '@aws-sdk/client-rds': 'rds',
  '@aws-sdk/client-s3': 's3',
  '@aws-sdk/client-scheduler': 'scheduler',
  '@aws-sdk/client-service-quotas': 'servicequotas',
  '@aws-sdk/client-ssm': 'ssm',
  '@aws-sdk/client-sts': 'sts',
};

/** Operations whose action has another name. */
const RENAMED: Readonly<Record<Operation, readonly string[]>> = { 's3:ListObjectsV2': ['s3:ListBucket'] };

/**
 * Operations that need no action. Everybody may ask who they are, even where a policy denies it (GetCallerIdentity, API reference); to take
 * on a role by a token, which the SDK does, is for the role's trust policy to allow.
 */
const FREE: ReadonlySet<Operation> = new Set(['sts:GetCallerIdentity', 'sts:AssumeRoleWithWebIdentity']);

/**
 * What an operation needs beside the action of its own name, as spin uses it: the "dependent actions" of the service authorization
 * reference (https://docs.aws.amazon.com/service-authorization/latest/reference/). iam-data leaves that column out.
 */
const DEPENDENT: Readonly<Record<Operation, readonly string[]>> = {
  'ec2:RunInstances': ['ec2:CreateTags', 'iam:PassRole'],
  'ec2:CreateSecurityGroup': ['ec2:CreateTags'],
  'ec2:AuthorizeSecurityGroupIngress': ['ec2:CreateTags'],
  'ec2:CreateVolume': ['ec2:CreateTags'],
  'ec2:CreateSnapshot': ['ec2:CreateTags'],
  'elasticloadbalancing:CreateTargetGroup': ['elasticloadbalancing:AddTags'],
  'elasticloadbalancing:CreateRule': ['elasticloadbalancing:AddTags'],
  'iam:CreateRole': ['iam:TagRole'],
  'iam:CreateInstanceProfile': ['iam:TagInstanceProfile'],
  'iam:AddRoleToInstanceProfile': ['iam:PassRole'],
  'rds:RestoreDBInstanceFromDBSnapshot': ['rds:AddTagsToResource'],
  'rds:CreateDBInstanceReadReplica': ['rds:AddTagsToResource'],
  'rds:CreateDBSubnetGroup': ['rds:AddTagsToResource'],
  // The last snapshot.
  'rds:DeleteDBInstance': ['rds:CreateDBSnapshot'],
  'scheduler:CreateSchedule': ['iam:PassRole'],
  'scheduler:UpdateSchedule': ['iam:PassRole'],
  'ssm:PutParameter': ['ssm:AddTagsToResource'],
  'sts:AssumeRole': ['sts:TagSession'],
};

/** The IAM actions that some operations need, each once, in order. */
export function actionsFor(operations: Iterable<Operation>): readonly string[] {
  const actions = [...operations]
    .filter((operation) => !FREE.has(operation))
    .flatMap((operation) => [...(RENAMED[operation] ?? [operation]), ...(DEPENDENT[operation] ?? [])]);
  return [...new Set(actions)].toSorted();
}

/** Operations of the source that the tables above speak of. */
export const TABLED: readonly Operation[] = [...Object.keys(RENAMED), ...Object.keys(DEPENDENT)];

/** What of the SDK hides how many requests it makes, and of which operations, from a reader of the source. */
export interface Hidden {
  readonly file: string;
  readonly name: string;
}

/** Every operation that the source makes a command of; and whatever would make requests without one. */
export function operationsInSource(): { readonly operations: ReadonlySet<Operation>; readonly hidden: readonly Hidden[] } {
  const operations = new Set<Operation>();
  const hidden: Hidden[] = [];
  for (const [file, text] of sources()) {
    for (const [, name = ''] of text.matchAll(/\b((?:paginate|waitUntil|waitFor)[A-Z]\w+)\(/g)) hidden.push({ file, name });
    for (const [, name = ''] of text.matchAll(/\bnew ([A-Z]\w*)Command\(/g)) {
      const from = packageOf(`${name}Command`, text) ?? packageOf(`${name}Command`, folderOf(file));
      if (from === undefined) hidden.push({ file, name });
      else if (from.startsWith('@aws-sdk/')) operations.add(`${PREFIXES[from] ?? from}:${name}`);
    }
  }
  return { operations, hidden };
}

/** Every tag of spin's own that the source names, such as `spin:id`. */
export function tagsInSource(): ReadonlySet<string> {
  return new Set(sources().flatMap(([, text]) => [...text.matchAll(/'(spin:[a-z-]+)'/g)].map(([, tag = '']) => tag)));
}

function sources(): readonly (readonly [file: string, text: string])[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]);
}

/** The package that a text imports a name from, at once or when it is needed. */
function packageOf(name: string, text: string): string | undefined {
  const imports = text.matchAll(/\{([^{}]*)\}\s*(?:from|=\s*await import\()\s*'([^']+)'/g);
  for (const [, names = '', from] of imports) if (new RegExp(`\\b${name}\\b`).test(names)) return from;
  return undefined;
}

/** The files beside one: what a command is made of may be handed on from there. */
function folderOf(file: string): string {
  const folder = join(SRC, dirname(file));
  return readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
}
