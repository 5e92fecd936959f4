import { messageOf, SpinError, systemCode, untrustedCertificate } from '../../core/errors.ts';

export type Doing = 'read' | 'write' | 'list' | 'delete';

/** What a failed request was about. */
export interface Request {
  readonly doing: Doing;
  readonly bucket: string;
  /** Key, or the prefix of a listing. */
  readonly key: string;
}

/** What each request needs. A conditional write or delete reads, too; without the right to list, S3 calls what is missing forbidden. */
const RIGHTS: Readonly<Record<Doing, readonly string[]>> = {
  read: ['s3:GetObject', 's3:ListBucket'],
  write: ['s3:PutObject', 's3:GetObject'],
  list: ['s3:ListBucket'],
  delete: ['s3:DeleteObject', 's3:GetObject'],
};

interface Told {
  readonly reason: string;
  readonly hint: (request: Request) => string;
}

const DENIED: Told = {
  reason: 'access denied',
  hint: ({ doing, bucket }) => `allow ${RIGHTS[doing].join(' and ')} on the bucket ${bucket}`,
};
const NO_CREDENTIALS: Told = {
  reason: 'there are no AWS credentials',
  hint: () => 'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in (aws sso login)',
};
const EXPIRED: Told = { reason: 'the AWS credentials have expired', hint: () => 'renew them (aws sso login)' };
const NOT_ACCEPTED: Told = { reason: 'the AWS credentials are not accepted', hint: () => 'aws sts get-caller-identity' };
const BUSY: Told = { reason: 'S3 is too busy', hint: () => 'run the command again in a moment' };
const NO_ANSWER: Told = { reason: 'no answer', hint: () => 'check the network and AWS_ENDPOINT_URL, then run the command again' };

const VOUCH = 'where your network answers for S3, name its certificates in AWS_CA_BUNDLE';
const CONDITIONAL = 'use S3, or a service that honours If-None-Match and If-Match on PutObject and DeleteObject';

/** By S3's code (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), the SDK's name of an error, or the system's code. */
const TOLD: Readonly<Record<string, Told>> = {
  AccessDenied: DENIED,
  AllAccessDisabled: DENIED,
  AccountProblem: DENIED,
  NoSuchBucket: {
    reason: 'there is no such bucket',
    hint: ({ bucket }) => `make the bucket ${bucket}, or correct the setting state`,
  },
  CredentialsProviderError: NO_CREDENTIALS,
  ExpiredToken: EXPIRED,
  ExpiredTokenException: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  RequestExpired: EXPIRED,
  TokenProviderError: EXPIRED,
  InvalidAccessKeyId: NOT_ACCEPTED,
  InvalidToken: NOT_ACCEPTED,
  SignatureDoesNotMatch: NOT_ACCEPTED,
  RequestTimeTooSkewed: { reason: "this machine's clock is wrong by more than 15 minutes", hint: () => 'set the clock' },
  NotImplemented: {
    reason: 'this service has no conditional writes',
    hint: () => CONDITIONAL,
  },
  InvalidObjectState: { reason: 'the object is archived', hint: ({ key }) => `restore ${key}, and keep lifecycle rules off the prefix` },
  OperationAborted: BUSY,
  ConditionalRequestConflict: BUSY,
  SlowDown: BUSY,
  ServiceUnavailable: BUSY,
  InternalError: BUSY,
  RequestTimeout: BUSY,
  TimeoutError: NO_ANSWER,
  ECONNREFUSED: NO_ANSWER,
  ECONNRESET: NO_ANSWER,
  EPIPE: NO_ANSWER,
  ETIMEDOUT: NO_ANSWER,
  ENOTFOUND: NO_ANSWER,
  EAI_AGAIN: NO_ANSWER,
  EHOSTUNREACH: NO_ANSWER,
  ENETUNREACH: NO_ANSWER,
};

const REDIRECTS: ReadonlySet<string> = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']);

/** S3's code of an error, or the SDK's name of it. */
export function codeOf(thrown: unknown): string {
  const code = systemCode(thrown);
  return code ?? (thrown instanceof Error ? thrown.name : 'unknown');
}

/** HTTP status of the answer; undefined where there was none. */
export function statusOf(thrown: unknown): number | undefined {
  const status = memberOf(memberOf(thrown, '$metadata'), 'httpStatusCode');
  return typeof status === 'number' ? status : undefined;
}

/** How often the SDK sent the request. */
export function attemptsOf(thrown: unknown): number {
  const attempts = memberOf(memberOf(thrown, '$metadata'), 'attempts');
  return typeof attempts === 'number' ? attempts : 1;
}

/** The region that a bucket is in, where S3 refused the request for it. */
export function otherRegionIn(thrown: unknown): string | undefined {
  if (!REDIRECTS.has(codeOf(thrown)) && statusOf(thrown) !== 301) return undefined;
  const header = memberOf(memberOf(memberOf(thrown, '$response'), 'headers'), 'x-amz-bucket-region');
  const region = typeof header === 'string' ? header : memberOf(thrown, 'Region');
  return typeof region === 'string' && region !== '' ? region : undefined;
}

/** Refusals that a policy, a key or a lifecycle rule may cause for one object while the others can be read. */
const OF_ONE_OBJECT: ReadonlySet<string> = new Set([
  'AccessDenied',
  'InvalidObjectState',
  'KMS.DisabledException',
  'KMS.NotFoundException',
]);

/** True where a problem that bucketProblem made is of one object, and others may well be read. */
export function isOfOneObject(problem: unknown): boolean {
  return OF_ONE_OBJECT.has(codeOf(memberOf(problem, 'cause')));
}

/** What to throw for a request that failed: SpinError `state-unwritable` that names bucket, key, reason, and what to do. */
export function bucketProblem(thrown: unknown, request: Request): SpinError {
  const code = codeOf(thrown);
  const status = statusOf(thrown);
  const { reason, hint } = toldOf(thrown, code, status);
  return new SpinError('state-unwritable', `cannot ${request.doing} s3://${request.bucket}/${request.key}: ${reason} (${code})`, {
    ...(hint === undefined ? {} : { hint: hint(request) }),
    data: { bucket: request.bucket, key: request.key, code, ...(status === undefined ? {} : { status }) },
    cause: thrown,
  });
}

/** For a service that took a write which it had to refuse. */
export function conditionIgnored(bucket: string, key: string, condition: string): SpinError {
  return new SpinError('state-unwritable', `cannot write s3://${bucket}/${key}: this service ignores ${condition}`, {
    hint: CONDITIONAL,
    data: { bucket, key, condition },
  });
}

function toldOf(thrown: unknown, code: string, status: number | undefined): { readonly reason: string; readonly hint?: Told['hint'] } {
  const region = otherRegionIn(thrown);
  if (region !== undefined) return { reason: `the bucket is in ${region}`, hint: () => `AWS_REGION=${region}` };
  if (REDIRECTS.has(code) || status === 301) {
    return { reason: 'the bucket is in another region', hint: ({ bucket }) => `set AWS_REGION (aws s3api head-bucket --bucket ${bucket})` };
  }
  const distrust = untrustedCertificate(thrown);
  if (distrust !== undefined) return { reason: distrust, hint: () => VOUCH };
  const told = TOLD[code] ?? (status === 403 ? DENIED : status !== undefined && status >= 500 ? BUSY : undefined);
  return told ?? { reason: messageOf(thrown) };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value ? value[name as keyof typeof value] : undefined;
}
