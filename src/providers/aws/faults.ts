/** What the error codes of AWS mean to the engine: the one place that reads them. No decision is made on a message. */
import { messageOf, systemCode, untrustedCertificate } from '../../core/errors.ts';
import { Fault, type FaultKind } from '../fault.ts';
import { OTHER_QUOTAS, type Quota, vcpuQuota } from './quotas.ts';

/** What was asked when it failed, for the message. */
export interface Asked {
  /** Such as `ec2:RunInstances`. */
  readonly action: string;
  readonly instanceType?: string;
  readonly spot?: boolean;
  /** The environment names the endpoint: it need not be AWS. */
  readonly elsewhere?: boolean;
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/**
 * Error codes as they stand on the wire. What is missing here is told by the HTTP status: below 500 `invalid`, from there on `transient`.
 * Sources: "Error codes for the Amazon EC2 API", "Common errors" of each service's API reference, and the SDK's models.
 */
const CODES: Readonly<Record<FaultKind, readonly string[]>> = {
  throttled: words(`
    RequestLimitExceeded EC2ThrottledException RequestThrottled RequestThrottledException Throttling ThrottlingException Throttled
    ThrottledException TooManyRequestsException TooManyRequests SlowDown BandwidthLimitExceeded PriorRequestNotComplete
    ProvisionedThroughputExceededException LimitExceededException SnapshotCreationPerVolumeRateExceeded
    ConcurrentSnapshotLimitExceeded TooManyUpdates`),
  capacity: words(`
    InsufficientInstanceCapacity InsufficientCapacity InsufficientHostCapacity InsufficientReservedInstanceCapacity
    InsufficientVolumeCapacity InsufficientCapacityOnHost InsufficientFreeAddressesInSubnet InsufficientAddressCapacity
    UnfulfillableCapacity Unsupported SpotMaxPriceTooLow InsufficientDBInstanceCapacity InsufficientStorageClusterCapacity`),
  quota: words(`
    VcpuLimitExceeded InstanceLimitExceeded MaxSpotInstanceCountExceeded VolumeLimitExceeded MaxIOPSLimitExceeded SnapshotLimitExceeded
    SecurityGroupLimitExceeded RulesPerSecurityGroupLimitExceeded SecurityGroupsPerInstanceLimitExceeded
    SecurityGroupsPerInterfaceLimitExceeded NetworkInterfaceLimitExceeded AddressLimitExceeded PrivateIpAddressLimitExceeded
    AttachmentLimitExceeded ResourceLimitExceeded ServiceQuotaExceeded LimitExceeded TooManyTargetGroups TooManyRules TooManyTargets
    TooManyRegistrationsForTargetId TooManyUniqueTargetGroupsPerLoadBalancer TargetGroupAssociationLimit InstanceQuotaExceeded
    StorageQuotaExceeded SnapshotQuotaExceeded ParameterLimitExceeded`),
  denied: words(`
    UnauthorizedOperation AccessDenied AuthFailure Blocked OptInRequired PendingVerification OperationNotPermitted InvalidClientTokenId
    UnrecognizedClient InvalidAccessKeyId ExpiredToken RequestExpired SignatureDoesNotMatch InvalidSignature IncompleteSignature
    MissingAuthenticationToken NotAuthorized InvalidIdentityToken ExpiredIdentityToken IDPRejectedClaim RegionDisabled
    RequestTimeTooSkewed RequestInTheFuture CredentialsProviderError TokenProviderError AllAccessDisabled AccountProblem`),
  'not-found': words(`
    NoSuchEntity ParameterNotFound ResourceNotFound NoSuchResource NotFound DBInstanceNotFound DBSnapshotNotFound
    DBSubnetGroupNotFoundFault TargetGroupNotFound LoadBalancerNotFound ListenerNotFound RuleNotFound InvocationDoesNotExist
    InvalidInstanceId NoSuchBucket NoSuchKey InvalidAMIID.Unavailable`),
  conflict: words(`
    DependencyViolation IncorrectState IncorrectInstanceState VolumeInUse IdempotentParameterMismatch IdempotentInstanceTerminated
    EntityAlreadyExists EntityTemporarilyUnmodifiable DeleteConflict ConcurrentModification ParameterAlreadyExists ResourceInUse Conflict
    DuplicateTargetGroupName PriorityInUse OperationAborted DBInstanceAlreadyExists DBSnapshotAlreadyExists InvalidDBInstanceState
    InvalidDBSnapshotState ResourceAlreadyExists PreconditionFailed ConditionalRequestConflict`),
  invalid: words('TagLimitExceeded PackedPolicyTooLarge MalformedPolicyDocument UserDataTooLong'),
  transient: words(`
    InternalError InternalFailure InternalServerError InternalServer ServerInternal ServiceUnavailable Unavailable ServiceException
    RequestTimeout RequestAbandoned TimeoutError TransactionInProgress IDPCommunicationError`),
};

const KINDS: ReadonlyMap<string, FaultKind> = new Map(
  (Object.keys(CODES) as FaultKind[]).flatMap((kind) => CODES[kind].map((code): [string, FaultKind] => [code, kind])),
);

/** Families of EC2 codes: `InvalidInstanceID.NotFound`, `InvalidGroup.Duplicate`, `InvalidSnapshot.InUse`. */
const ENDINGS: readonly (readonly [string, FaultKind])[] = [
  ['.NotFound', 'not-found'],
  ['.Duplicate', 'conflict'],
  ['.InUse', 'conflict'],
];

/** An endpoint that does not know the action at all: an emulator, or a service that the region does not have. */
const UNIMPLEMENTED: ReadonlySet<string> = new Set(['InvalidAction', 'UnknownOperation', 'UnknownOperationException', 'NotImplemented']);

/** Credentials that are missing, wrong or over; what to do about them is the same for all. */
const EXPIRED: ReadonlySet<string> = new Set(words('ExpiredToken ExpiredTokenException RequestExpired ExpiredIdentityToken'));
const NO_CREDENTIALS: ReadonlySet<string> = new Set(
  words(
    'CredentialsProviderError TokenProviderError InvalidClientTokenId UnrecognizedClientException InvalidAccessKeyId MissingAuthenticationToken',
  ),
);

/** What Node says of a connection that could not be made or did not last. */
const NETWORK: ReadonlySet<string> = new Set(
  words(`
    ECONNRESET ECONNREFUSED ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENETDOWN ENOTFOUND EAI_AGAIN EADDRNOTAVAIL
    HPE_INVALID_CONSTANT HPE_INVALID_CHUNK_SIZE ERR_STREAM_PREMATURE_CLOSE`),
);

/** The kind of an error code, or undefined where the code alone does not tell. */
export function kindOf(code: string): FaultKind | undefined {
  // The SDK names some errors with a suffix that the wire does not have, and some services the other way round.
  return KINDS.get(code) ?? KINDS.get(code.replace(/(Exception|Fault)$/, '')) ?? ENDINGS.find(([ending]) => code.endsWith(ending))?.[1];
}

/** What an SDK call threw, as a Fault whose class is the error code. A Fault is returned as it is. */
export function toFault(thrown: unknown, asked: Asked): Fault {
  if (thrown instanceof Fault) return thrown;
  const distrust = untrustedCertificate(thrown);
  if (distrust !== undefined)
    return new Fault('invalid', 'untrusted-certificate', `${asked.action}: ${distrust}; ${VOUCH}`, { cause: thrown });
  const network = systemCode(thrown);
  if (network !== undefined && (NETWORK.has(network) || network.startsWith('ERR_SSL') || network.startsWith('ERR_TLS'))) {
    return new Fault('transient', 'unreachable', `${asked.action}: ${messageOf(thrown)}`, { cause: thrown });
  }
  const code = codeOf(thrown);
  const message = `${asked.action}: ${shorten(messageOf(thrown))}`;
  if (UNIMPLEMENTED.has(code) || (asked.elsewhere === true && isNotHere(code, statusOf(thrown)))) {
    return new Fault('invalid', 'unimplemented', `the endpoint does not implement ${asked.action}`, { cause: thrown });
  }
  if (EXPIRED.has(code)) return new Fault('denied', 'credentials-expired', advised(message, RENEW), { cause: thrown });
  if (NO_CREDENTIALS.has(code)) return new Fault('denied', 'no-credentials', advised(message, SIGN_IN), { cause: thrown });
  const kind = kindOf(code) ?? kindByFlags(thrown) ?? kindByStatus(statusOf(thrown));
  const quota = kind === 'quota' ? quotaOf(code, asked) : undefined;
  return new Fault(kind, code, quota === undefined ? message : `${message} (quota ${quota.code}, ${quota.name})`, { cause: thrown });
}

/** An endpoint other than AWS that has no such service; a 404 with a code that means something is about a thing that is not there. */
function isNotHere(code: string, status: number | undefined): boolean {
  return status === 501 || (status === 404 && kindOf(code) === undefined);
}

const SIGN_IN = 'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws sso login`';
const VOUCH = 'where your network answers for AWS, name its certificates in AWS_CA_BUNDLE';
const RENEW = 'renew them, for example with `aws sso login`';

/** What others say mostly ends with a full stop. */
function advised(message: string, advice: string): string {
  return `${message.replace(/\.$/, '')}; ${advice}`;
}

/** The Fault of a chain of credential sources of which none had any. */
export function noCredentials(thrown: unknown): Fault {
  return new Fault('denied', 'no-credentials', advised(`no AWS credentials: ${messageOf(thrown)}`, SIGN_IN), { cause: thrown });
}

/** The error code as AWS writes it, or the name of what was thrown. */
function codeOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return 'Unknown';
  if ('Code' in thrown && typeof thrown.Code === 'string') return thrown.Code;
  return thrown instanceof Error ? thrown.name : 'Unknown';
}

/** HTTP status of the answer that an SDK error came from, or undefined where there was none. */
export function statusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('$metadata' in thrown)) return undefined;
  const metadata = thrown.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** What the SDK's model says of an error that it knows: may it be tried again, and is it a throttling. */
function kindByFlags(thrown: unknown): FaultKind | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('$retryable' in thrown)) return undefined;
  const flags = thrown.$retryable;
  if (typeof flags !== 'object' || flags === null) return undefined;
  return 'throttling' in flags && flags.throttling === true ? 'throttled' : 'transient';
}

function kindByStatus(status: number | undefined): FaultKind {
  if (status === undefined) return 'invalid';
  if (status === 429) return 'throttled';
  // An answer of 200 that cannot be read was cut off on its way.
  return status >= 500 || status < 300 ? 'transient' : 'invalid';
}

function quotaOf(code: string, asked: Asked): Quota | undefined {
  const other = OTHER_QUOTAS[code];
  if (other !== undefined || asked.instanceType === undefined) return other;
  return vcpuQuota(asked.instanceType, asked.spot === true || code === 'MaxSpotInstanceCountExceeded');
}

/** An encoded authorization message is some thousand characters that nobody can read; its head is enough to find it again. */
function shorten(message: string): string {
  return message.replace(/(Encoded authorization failure message: \S{12})\S+/, '$1…');
}
