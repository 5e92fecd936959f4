import { readFile } from 'node:fs/promises';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import type { Clock } from '../../core/clock.ts';
import { otherRegionIn } from './problem.ts';
import type { ServerTime } from './server-time.ts';

export interface ClientOptions {
  /** Region of the bucket. Without it, AWS_REGION, then the profile's; whatever it is, S3 tells the right one. */
  readonly region?: string;
  /** URL of a service that speaks S3; without it, AWS_ENDPOINT_URL_S3, then AWS_ENDPOINT_URL, then the profile's. */
  readonly endpoint?: string;
  /** Without them, the SDK's default chain. */
  readonly credentials?: NonNullable<S3ClientConfig['credentials']>;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The part of the SDK that is used; loaded with the first request, since it takes longer than all of spin. */
export type Sdk = Awaited<ReturnType<typeof loadSdk>>;

/** Makes requests through a client of the region that the bucket is in. */
export interface Sender {
  /** True where the endpoint is not S3's own, whoever named it: what answers there need not do all that S3 does. */
  foreign(): Promise<boolean>;
  send<Answer>(request: (client: S3Client, sdk: Sdk) => Promise<Answer>): Promise<Answer>;
}

const MAX_ATTEMPTS = 4;
const CONNECT_MS = 3_000;
/** A record is a few kilobytes; a listing of a thousand keys takes S3 well under a second. */
const ANSWER_MS = 10_000;
const SOCKETS = 50;

/** Region to ask where none is set: S3 answers there for every bucket, and names the right one. */
const FIRST_REGION = 'us-east-1';

export function openSender(options: ClientOptions, time: ServerTime): Sender {
  const endpoint = options.endpoint ?? options.env['AWS_ENDPOINT_URL_S3'] ?? options.env['AWS_ENDPOINT_URL'];
  const wanted = options.region ?? options.env['AWS_REGION'] ?? options.env['AWS_DEFAULT_REGION'];
  let opened: Promise<{ readonly client: S3Client; readonly sdk: Sdk }> | undefined;

  const open = async (region: string | undefined) => {
    const [sdk, ca] = await Promise.all([loadSdk(), believed(options.env)]);
    const client = await clientIn(sdk, {
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
      maxAttempts: MAX_ATTEMPTS,
      // So that CloudTrail tells these requests from those of others.
      userAgentAppId: 'spin',
      requestHandler: {
        connectionTimeout: CONNECT_MS,
        requestTimeout: ANSWER_MS,
        throwOnRequestTimeout: true,
        httpAgent: { maxSockets: SOCKETS, keepAlive: true },
        httpsAgent: { maxSockets: SOCKETS, keepAlive: true, proxyEnv: options.env, ...ca },
      },
    });
    observeDates(client, options.clock, time);
    return { client, sdk };
  };

  return {
    async foreign() {
      if (endpoint !== undefined) return true;
      const { client } = await (opened ??= open(wanted));
      // The SDK alone knows the profile's: it stands in the config file, for S3 or for all services.
      return (await client.config.serviceConfiguredEndpoint?.()) !== undefined;
    },
    async send(request) {
      const current = (opened ??= open(wanted));
      const { client, sdk } = await current;
      try {
        return await request(client, sdk);
      } catch (thrown) {
        const region = endpoint === undefined ? otherRegionIn(thrown) : undefined;
        if (region === undefined || region === (await client.config.region())) throw thrown;
        // Of many requests that were refused together, the first opens the new client.
        if (opened === current) opened = open(region);
        const moved = await opened;
        return request(moved.client, moved.sdk);
      }
    },
  };
}

/** The authorities of AWS_CA_BUNDLE instead of Node's own, as AWS's other tools have it. @throws system errors */
async function believed({ AWS_CA_BUNDLE: bundle }: ClientOptions['env']): Promise<{ readonly ca?: Buffer }> {
  return bundle === undefined || bundle === '' ? {} : { ca: await readFile(bundle) };
}

async function loadSdk() {
  const { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
  return { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client };
}

async function clientIn(sdk: Sdk, config: S3ClientConfig): Promise<S3Client> {
  const client = new sdk.S3Client(config);
  try {
    await client.config.region();
    return client;
  } catch {
    return new sdk.S3Client({ ...config, region: FIRST_REGION });
  }
}

function observeDates(client: S3Client, clock: Clock, time: ServerTime): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const sentAt = clock.now();
      const result = await next(args);
      time.observe(dateOf(result.response), sentAt);
      return result;
    },
    // Innermost: before the SDK turns a refusal, which tells the time as well, into an error.
    { step: 'deserialize', priority: 'low', name: 'observeDates' },
  );
}

function dateOf(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const { headers } = response;
  return typeof headers === 'object' && headers !== null && 'date' in headers && typeof headers.date === 'string'
    ? headers.date
    : undefined;
}
