/** A service that speaks enough of S3's wire for the SDK and the AWS CLI; s3.md says how it behaves. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import { noteCall } from '../aws/noted.ts';

export type S3Action = 'PutObject' | 'GetObject' | 'HeadObject' | 'DeleteObject' | 'ListObjectsV2';

/** One request, as the double understands it. */
export interface S3Request {
  readonly action: S3Action;
  readonly bucket: string;
  /** Key, or the prefix of a listing. */
  readonly key: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** From 1, over all requests. */
  readonly number: number;
}

/** What goes wrong with a request. `lost-request` is never carried out, `lost-answer` is; both end in a cut connection. */
export type S3Fault =
  | 'lost-request'
  | 'lost-answer'
  | { readonly status: number; readonly code: string; readonly headers?: Readonly<Record<string, string>>; readonly xml?: string };

export interface FakeS3 {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  /** Requests so far, oldest first. */
  readonly requests: readonly S3Request[];
  /** Decides for every request what goes wrong with it, before anything else. */
  fault: ((request: S3Request) => S3Fault | undefined) | undefined;
  /** Runs before a request is carried out; the place to hold it, or to let another be faster. */
  before: ((request: S3Request) => Promise<void>) | undefined;
  /** Objects of a bucket by key, as they are. */
  objects(bucket: string): Map<string, FakeObject>;
  close(): Promise<void>;
}

export interface FakeObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly writtenAt: number;
  readonly type: string;
}

export interface FakeS3Options {
  readonly buckets: readonly string[];
  /** S3's clock: for Date and Last-Modified. */
  readonly now?: () => number;
  /** Keys in a page of a listing; 1,000 as S3 has it. */
  readonly pageSize?: number;
  /** Region of all buckets; a request signed for another is refused. Any, by default. */
  readonly region?: string;
  /** A header that is ignored, as by services that are less than S3. */
  readonly ignores?: { readonly action: S3Action; readonly header: 'if-match' | 'if-none-match' };
}

export const BUSY: S3Fault = { status: 503, code: 'SlowDown' };
export const MET: S3Fault = { status: 409, code: 'ConditionalRequestConflict' };
export const DENIED: S3Fault = { status: 403, code: 'AccessDenied' };

/** Starts the double on a free port of this machine. */
export async function startFakeS3(options: FakeS3Options): Promise<FakeS3> {
  const buckets = new Map(options.buckets.map((name) => [name, new Map<string, FakeObject>()]));
  const requests: S3Request[] = [];
  const now = options.now ?? Date.now;
  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing));
  const fake: FakeS3 = {
    get endpoint() {
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    requests,
    fault: undefined,
    before: undefined,
    objects: (bucket) => buckets.get(bucket) ?? new Map(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const url = new URL(incoming.url ?? '/', 'http://s3');
    const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const body = await read(incoming);
    noteCall({ method: incoming.method ?? 'GET', path: incoming.url ?? '/', headers: incoming.headers, body });
    const action = actionOf(incoming.method, rest.join('/'));
    outgoing.sendDate = false;
    outgoing.setHeader('date', new Date(now()).toUTCString());
    outgoing.setHeader('server', 'AmazonS3');
    outgoing.setHeader('x-amz-request-id', randomBytes(8).toString('hex').toUpperCase());
    if (action === undefined) return refuse(outgoing, { status: 501, code: 'NotImplemented' });
    const key = action === 'ListObjectsV2' ? (url.searchParams.get('prefix') ?? '') : rest.join('/');
    const request = { action, bucket, key, headers: incoming.headers, body: body.toString(), number: requests.length + 1 };
    requests.push(request);

    const fault = fake.fault?.(request);
    if (fault === 'lost-request') return void incoming.socket.destroy();
    if (typeof fault === 'object') return refuse(outgoing, fault);
    await fake.before?.(request);
    if (options.ignores?.action === action) delete incoming.headers[options.ignores.header];
    const wrongRegion = regionFault(incoming, options.region);
    const objects = buckets.get(bucket);
    const answer =
      wrongRegion ?? (objects === undefined ? { status: 404, code: 'NoSuchBucket' } : carryOut(action, objects, key, body, incoming, url));
    if (fault === 'lost-answer') return void incoming.socket.destroy();
    if ('code' in answer) return refuse(outgoing, answer);
    for (const [name, value] of Object.entries(answer.headers)) outgoing.setHeader(name, value);
    outgoing.writeHead(answer.status).end(action === 'HeadObject' ? undefined : answer.body);
  };

  const carryOut = (
    action: S3Action,
    objects: Map<string, FakeObject>,
    key: string,
    body: Buffer,
    incoming: IncomingMessage,
    url: URL,
  ): Answer => {
    const found = objects.get(key);
    switch (action) {
      case 'PutObject': {
        const problem = unmetOnWrite(incoming, found) ?? wrongChecksum(incoming, body);
        if (problem !== undefined) return problem;
        const etag = `"${createHash('md5').update(body).digest('hex')}"`;
        // Headers tell whole seconds.
        const writtenAt = Math.floor(now() / 1000) * 1000;
        objects.set(key, { body, etag, writtenAt, type: incoming.headers['content-type'] ?? 'binary/octet-stream' });
        return { status: 200, headers: { etag }, body: '' };
      }
      case 'DeleteObject': {
        const problem = unmetOnWrite(incoming, found);
        if (problem !== undefined) return problem;
        objects.delete(key);
        return { status: 204, headers: {}, body: '' };
      }
      case 'HeadObject':
      case 'GetObject':
        return found === undefined ? { status: 404, code: 'NoSuchKey' } : readOut(found, incoming.headers.range);
      case 'ListObjectsV2':
        return listing(objects, url, options.pageSize ?? 1_000);
    }
  };

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return fake;
}

type Refusal = Extract<S3Fault, object>;
type Answer = Refusal | { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string | Buffer };

function actionOf(method: string | undefined, key: string): S3Action | undefined {
  if (key === '') return method === 'GET' ? 'ListObjectsV2' : undefined;
  const byMethod: Readonly<Record<string, S3Action>> = { PUT: 'PutObject', GET: 'GetObject', HEAD: 'HeadObject', DELETE: 'DeleteObject' };
  return byMethod[method ?? ''];
}

function unmetOnWrite({ headers }: IncomingMessage, found: FakeObject | undefined): Refusal | undefined {
  const [match, none] = [headers['if-match'], headers['if-none-match']];
  if (none !== undefined && none !== '*') return { status: 501, code: 'NotImplemented' };
  if (none === '*' && found !== undefined) return { status: 412, code: 'PreconditionFailed' };
  if (match === undefined) return undefined;
  if (found === undefined) return { status: 404, code: 'NoSuchKey' };
  return match === '*' || bare(match) === bare(found.etag) ? undefined : { status: 412, code: 'PreconditionFailed' };
}

/** The SDK sends a CRC-32 of the body: four bytes, the highest first, in base 64. */
function wrongChecksum({ headers }: IncomingMessage, body: Buffer): Refusal | undefined {
  const told = headers['x-amz-checksum-crc32'];
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return told === undefined || told === bytes.toString('base64') ? undefined : { status: 400, code: 'BadDigest' };
}

function readOut({ body, etag, writtenAt, type }: FakeObject, range: string | undefined): Answer {
  const headers = { etag, 'last-modified': new Date(writtenAt).toUTCString(), 'content-type': type, 'accept-ranges': 'bytes' };
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  if (range === undefined) return { status: 200, headers: { ...headers, 'content-length': String(body.length) }, body };
  if (from >= body.length) return { status: 416, code: 'InvalidRange' };
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` },
    body: body.subarray(from),
  };
}

function listing(objects: ReadonlyMap<string, FakeObject>, { searchParams }: URL, pageSize: number): Answer {
  const prefix = searchParams.get('prefix') ?? '';
  const size = Math.min(pageSize, Number(searchParams.get('max-keys') ?? pageSize));
  const after =
    Buffer.from(searchParams.get('continuation-token') ?? '', 'base64url').toString() || (searchParams.get('start-after') ?? '');
  // S3 lists in the order of the keys' UTF-8 bytes.
  const keys = [...objects.keys()]
    .filter((key) => key.startsWith(prefix) && key > after)
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const page = keys.slice(0, size);
  const truncated = keys.length > page.length;
  const next = truncated ? `<NextContinuationToken>${Buffer.from(page.at(-1) ?? '').toString('base64url')}</NextContinuationToken>` : '';
  const contents = page.map((key) => {
    const { etag, body, writtenAt } = objects.get(key) ?? { etag: '', body: '', writtenAt: 0 };
    return `<Contents><Key>${escaped(key)}</Key><LastModified>${new Date(writtenAt).toISOString()}</LastModified><ETag>${escaped(etag)}</ETag><Size>${body.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  });
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Prefix>${escaped(prefix)}</Prefix><KeyCount>${page.length}</KeyCount><MaxKeys>${size}</MaxKeys><IsTruncated>${truncated}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
  };
}

/** What S3 says where the scope of a signature names another region than the bucket's. */
function regionFault({ headers }: IncomingMessage, region: string | undefined): Refusal | undefined {
  const signedFor = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(headers.authorization ?? '')?.[1];
  if (region === undefined || signedFor === region) return undefined;
  return { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': region } };
}

function refuse(outgoing: ServerResponse, { status, code, headers, xml }: Refusal): void {
  for (const [name, value] of Object.entries(headers ?? {})) outgoing.setHeader(name, value);
  outgoing.writeHead(status, { 'content-type': 'application/xml' });
  outgoing.end(
    xml ?? `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code} by the double</Message></Error>`,
  );
}

async function read(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function bare(etag: string): string {
  return etag.replaceAll('"', '');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
