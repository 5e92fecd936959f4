import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../../src/core/clock.ts';
import type { EventBody } from '../../../../src/core/events.ts';
import type { AwsOptions } from '../../../../src/providers/aws/options.ts';
import type { Call } from '../../../../src/providers/provider.ts';
import type { AwsSettings } from '../../../../src/spec/config.ts';
import type { Spec } from '../../../../src/spec/spec.ts';
import { noteCall } from '../../../aws/noted.ts';

/** A request as it came over the wire. `action` is that of the query protocol, or the last part of `x-amz-target`. */
export interface Asked {
  readonly action: string;
  readonly params: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** How many requests there were for this action before. */
  readonly nth: number;
}

/** `lost`: the connection ends without an answer. `silent`: it stays open without one. `stalled`: an answer begins and does not end. */
export type Answer =
  | { readonly status: number; readonly body: string; readonly headers?: Readonly<Record<string, string>> }
  | 'lost'
  | 'silent'
  | 'stalled';

export interface AwsEndpoint {
  readonly url: string;
  readonly asked: Asked[];
  /** How many connections were opened. */
  connections(): number;
  close(): Promise<void>;
}

/** An endpoint on loopback that answers as a test says. */
export async function startEndpoint(answer: (asked: Asked) => Answer): Promise<AwsEndpoint> {
  const asked: Asked[] = [];
  let connections = 0;
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const bytes = Buffer.concat(chunks);
      noteCall({ method: request.method ?? 'POST', path: request.url ?? '/', headers: request.headers, body: bytes });
      const body = bytes.toString();
      const params = new URLSearchParams(body);
      const action =
        params.get('Action') ??
        String(request.headers['x-amz-target'] ?? request.url)
          .split('.')
          .at(-1) ??
        '';
      const one = { action, params, headers: request.headers, body, nth: asked.filter((before) => before.action === action).length };
      asked.push(one);
      const given = answer(one);
      if (given === 'lost') request.socket.destroy();
      else if (given === 'stalled') response.writeHead(200, { 'content-length': '9' }).write('begin');
      else if (given !== 'silent') response.writeHead(given.status, given.headers).end(given.body);
    });
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An error of EC2 as it stands on the wire. */
export function ec2Error(status: number, code: string, message: string): Answer {
  const error = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return {
    status,
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors>${error}</Errors><RequestID>a750db31-e38c-4925-bd00-b6867a1079ec</RequestID></Response>`,
  };
}

/** An answer of EC2; `inner` are its elements. */
export function ec2Answer(action: string, inner: string): Answer {
  const name = `${action}Response`;
  return { status: 200, body: `<${name} xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>${inner}</${name}>` };
}

/** An answer of a service that speaks the query protocol, such as STS. */
export function queryAnswer(action: string, inner: string): Answer {
  const result = `<${action}Result>${inner}</${action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>`;
  return { status: 200, body: `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</${action}Response>` };
}

export function queryError(status: number, code: string, message: string): Answer {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, body: `<ErrorResponse>${error}<RequestId>r</RequestId></ErrorResponse>` };
}

export const RUN_ONE = ec2Answer(
  'RunInstances',
  '<reservationId>r-1</reservationId><ownerId>123456789012</ownerId><instancesSet><item><instanceId>i-1</instanceId></item></instancesSet>',
);

const SETTINGS: AwsSettings = {
  regions: [],
  accounts: [],
  subnets: [],
  image: 'ami-1',
  instanceTypes: ['t3.micro'],
  exposeTo: [],
  checkFrom: [],
  prices: {},
};

export const KEYS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

export function awsOptions(cacheDir: string, env: AwsOptions['env'], settings: Partial<AwsSettings> = {}): AwsOptions {
  return {
    settings: { ...SETTINGS, ...settings },
    stateTag: 'teamstate',
    env: { AWS_REGION: 'eu-central-1', AWS_EC2_METADATA_DISABLED: 'true', HOME: cacheDir, ...env },
    cacheDir,
    version: '9.9.9',
  };
}

/** A spec of nothing but its region. */
export function specIn(region: string | undefined): Spec {
  return {
    name: 'shop',
    provider: 'aws',
    ...(region === undefined ? {} : { region }),
    ttlMs: 3_600_000,
    owner: 'alice',
    tags: {},
    budget: {},
    secrets: {},
    volumes: {},
    databases: {},
    services: {},
    baseDir: '/',
  };
}

/** A call on the machine's own clock that keeps what it emits. */
export function callNow(): Call & { readonly events: EventBody[]; stop(reason: Error): void } {
  const controller = new AbortController();
  const events: EventBody[] = [];
  return {
    clock: systemClock,
    signal: controller.signal,
    emit: (body) => events.push(body),
    events,
    stop: (reason) => controller.abort(reason),
  };
}
