import type { IncomingHttpHeaders } from 'node:http';

/** A request as it came in. */
export interface RawRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How a service writes its requests and errors (https://smithy.io/2.0/aws/protocols/). */
export type Protocol = 'ec2' | 'query' | 'json' | 'rest-json' | 'rest-xml';

/** What a request asks for. */
export interface Call {
  /** The name it is signed with: `ec2`, `sts`, `s3`, `elasticloadbalancing`. */
  readonly service: string;
  readonly action: string;
  readonly protocol: Protocol;
  readonly region: string;
  readonly accessKey: string;
  /** Of the query protocols; empty for the others. */
  readonly params: URLSearchParams;
  readonly request: RawRequest;
}

/** Reads a request's service, region and caller from its signature, and its action from wherever its protocol puts it. */
export function callOf(request: RawRequest): Call {
  const url = new URL(request.path, 'http://127.0.0.1');
  const { accessKey, region, service } = scopeOf(request, url);
  const named = (action: string, protocol: Protocol, params = new URLSearchParams()): Call => ({
    service,
    action,
    protocol,
    region,
    accessKey,
    params,
    request,
  });
  const target = headerOf(request, 'x-amz-target');
  if (target !== undefined) return named(target.slice(target.lastIndexOf('.') + 1), 'json');
  const rpc = /^\/service\/[^/]+\/operation\/([^/]+)$/.exec(url.pathname)?.[1];
  if (rpc !== undefined) return named(rpc, 'json');
  if (service === 's3') return named(s3Action(request, url), 'rest-xml');
  const params = isForm(request) ? new URLSearchParams(request.body.toString('utf8')) : url.searchParams;
  const action = params.get('Action');
  if (action !== null) return named(action, service === 'ec2' ? 'ec2' : 'query', params);
  return named(service === 'scheduler' ? schedulerAction(request.method, url.pathname) : `${request.method} ${url.pathname}`, 'rest-json');
}

/** The same call with other parameters, as a new body of the same request. */
export function withParams(call: Call, params: URLSearchParams): Call {
  const body = Buffer.from(params.toString());
  const headers = { ...call.request.headers, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const request = { method: 'POST', path: '/', headers, body };
  return { ...call, action: params.get('Action') ?? call.action, params, request };
}

/** Another EC2 call in the name of the same caller and region. */
export function asking(call: Call, action: string, params: Readonly<Record<string, string>>): Call {
  return withParams(call, new URLSearchParams({ Action: action, Version: '2016-11-15', ...params }));
}

/** `Name.1`, `Name.2`, ... in order. */
export function listParam(params: URLSearchParams, name: string): readonly string[] {
  const found: string[] = [];
  for (let index = 1; ; index++) {
    const value = params.get(`${name}.${index}`);
    if (value === null) return found;
    found.push(value);
  }
}

function headerOf({ headers }: RawRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function isForm(request: RawRequest): boolean {
  return request.body.length > 0 && headerOf(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') === true;
}

/** `Credential=KEY/DATE/REGION/SERVICE/aws4_request`, from the header or, presigned, from the query. */
function scopeOf(request: RawRequest, url: URL): { readonly accessKey: string; readonly region: string; readonly service: string } {
  const header = /Credential=([^,\s]+)/.exec(headerOf(request, 'authorization') ?? '')?.[1];
  const [accessKey = '', , region = 'us-east-1', service = ''] = (header ?? url.searchParams.get('X-Amz-Credential') ?? '').split('/');
  return { accessKey, region, service: service === '' ? unsignedService(request) : service };
}

/** Only a few calls may go unsigned. */
function unsignedService(request: RawRequest): string {
  return isForm(request) && /(?:^|&)Action=AssumeRoleWith/.test(request.body.toString('utf8')) ? 'sts' : 's3';
}

/** What a subresource in the query makes of a method on a bucket. */
const S3_SUBRESOURCES: Readonly<Record<string, string>> = {
  acl: 'Acl',
  encryption: 'BucketEncryption',
  lifecycle: 'BucketLifecycleConfiguration',
  location: 'BucketLocation',
  policy: 'BucketPolicy',
  publicAccessBlock: 'PublicAccessBlock',
  tagging: 'Tagging',
  versioning: 'BucketVersioning',
};

function s3Action(request: RawRequest, url: URL): string {
  const { method } = request;
  const [bucket = '', ...rest] = url.pathname.slice(1).split('/');
  const key = rest.join('/');
  const asked = url.searchParams;
  if (bucket === '') return 'ListBuckets';
  if (asked.has('uploads')) return method === 'POST' ? 'CreateMultipartUpload' : 'ListMultipartUploads';
  if (asked.has('uploadId')) {
    return { POST: 'CompleteMultipartUpload', DELETE: 'AbortMultipartUpload', GET: 'ListParts' }[method] ?? 'UploadPart';
  }
  const verb = { GET: 'Get', HEAD: 'Head', PUT: 'Put', DELETE: 'Delete', POST: 'Post' }[method] ?? method;
  const subresource = Object.keys(S3_SUBRESOURCES).find((name) => asked.has(name));
  if (subresource !== undefined) return `${verb}${S3_SUBRESOURCES[subresource] ?? ''}`;
  if (key !== '') return headerOf(request, 'x-amz-copy-source') === undefined ? `${verb}Object` : 'CopyObject';
  if (asked.has('delete')) return 'DeleteObjects';
  if (asked.has('versions')) return 'ListObjectVersions';
  if (method === 'GET') return asked.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
  return method === 'PUT' ? 'CreateBucket' : `${verb}Bucket`;
}

function schedulerAction(method: string, path: string): string {
  const [collection = '', name] = path.slice(1).split('/');
  if (collection === 'tags') return { GET: 'ListTagsForResource', POST: 'TagResource', DELETE: 'UntagResource' }[method] ?? method;
  const thing = collection === 'schedule-groups' ? 'ScheduleGroup' : 'Schedule';
  if (name === undefined) return `List${thing}s`;
  return `${{ GET: 'Get', POST: 'Create', PUT: 'Update', DELETE: 'Delete' }[method] ?? method}${thing}`;
}
