import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { HttpHandlerOptions, HttpRequest, HttpResponse, RequestHandler } from '@smithy/types';
import { messageOf } from '../../../core/errors.ts';
import { Fault } from '../../fault.ts';
import { namedHosts } from './endpoints.ts';

/** How long a connection may take, and how long an answer, from the first byte sent to the last one received. Milliseconds. */
export interface Patience {
  readonly connectMs: number;
  readonly answerMs: number;
}

const PATIENCE: Patience = { connectMs: 3_000, answerMs: 30_000 };
const MAX_CONNECTIONS = 50;

/** Loaded when it is first needed: an endpoint within this machine does without TLS, which takes 3 ms to load. */
const https = () => process.getBuiltinModule('node:https');

export type Handler = RequestHandler<HttpRequest, HttpResponse, HttpHandlerOptions>;

/**
 * Sends the requests of all SDK clients over connections that stay open. Instead of the SDK's own handler, which loads 10 ms more of Node
 * than is needed, and whose deadline ends with the headers of an answer.
 */
export function createHandler(env: Readonly<Record<string, string | undefined>>, patience: Patience = PATIENCE): Handler {
  const pool = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
  const plain = new HttpAgent(pool);
  // Node versions that know no `proxyEnv` go without a proxy, as the SDK does.
  const proxied = { ...pool, proxyEnv: env };
  let secure: HttpsAgent | undefined;
  const elsewhere = namedHosts(env);
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    handle: async (request, { abortSignal } = {}) => {
      const signal = abortSignal instanceof AbortSignal ? abortSignal : undefined;
      signal?.throwIfAborted();
      const isSecure = request.protocol === 'https:';
      if (isSecure) secure ??= new (https().Agent)({ ...proxied, ...believed(env) });
      const sent = { ...optionsOf(request), agent: isSecure ? secure : plain };
      const where = sent.port === undefined ? `${sent.host}` : `${sent.host}:${sent.port}`;
      const open = isSecure ? https().request : httpRequest;
      const answer = await exchange(open, sent, request.body, patience, where, signal);
      return { response: responseOf(answer, where, elsewhere.has(where)) };
    },
    destroy() {
      plain.destroy();
      secure?.destroy();
    },
  };
}

/** The authorities of AWS_CA_BUNDLE instead of Node's own, as AWS's other tools have it. @throws Fault where it cannot be read */
function believed({ AWS_CA_BUNDLE: bundle }: Readonly<Record<string, string | undefined>>): { readonly ca?: Buffer } {
  if (bundle === undefined || bundle === '') return {};
  try {
    return { ca: readFileSync(bundle) };
  } catch (cause) {
    throw new Fault('invalid', 'untrusted-certificate', `AWS_CA_BUNDLE cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function optionsOf({ hostname, port, method, path, query, headers }: HttpRequest): RequestOptions {
  const search = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === null ? [escape(name)] : [value].flat().map((one) => `${escape(name)}=${escape(one)}`),
  );
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(port === undefined ? {} : { port }),
    method,
    path: search.length === 0 ? path : `${path}?${search.join('&')}`,
    headers,
  };
}

interface Answer {
  readonly message: IncomingMessage;
  readonly body: Buffer;
}

function exchange(
  open: typeof httpRequest,
  options: RequestOptions,
  body: unknown,
  patience: Patience,
  where: string,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = open(options);
    const give = (error: unknown) => request.destroy(error instanceof Error ? error : undefined);
    const giveUp = () => {
      reject(signal?.reason);
      give(signal?.reason);
    };
    const late = (what: string) => give(new Fault('transient', 'unreachable', `${where} ${what}`));
    const answerTimer = setTimeout(() => late(`did not answer within ${patience.answerMs / 1_000} s`), patience.answerMs);
    let connectTimer: NodeJS.Timeout | undefined;

    request.once('socket', (socket) => {
      if (!socket.connecting) return;
      connectTimer = setTimeout(() => late(`did not accept a connection within ${patience.connectMs / 1_000} s`), patience.connectMs);
      socket.once(open === httpRequest ? 'connect' : 'secureConnect', () => clearTimeout(connectTimer));
    });
    request.once('response', (message) => {
      readWhole(message).then((bytes) => resolve({ message, body: bytes }), reject);
    });
    request.once('error', reject);
    request.once('close', () => {
      clearTimeout(answerTimer);
      clearTimeout(connectTimer);
      signal?.removeEventListener('abort', giveUp);
    });
    signal?.addEventListener('abort', giveUp, { once: true });
    request.end(typeof body === 'string' || body instanceof Uint8Array ? body : undefined);
  });
}

async function readWhole(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Gateways that are overloaded answer with a page too; that passes. */
const GATEWAY: ReadonlySet<number> = new Set([502, 503, 504]);

const PAGE = /^\s*<(?:!doctype|html)/i;

/** What an endpoint other than AWS says for an action or a service that it does not have. */
const NOT_HERE: ReadonlySet<number> = new Set([404, 501]);

/**
 * No AWS service answers with a web page: whoever did is another endpoint that lacks the action, or stands in between, as the sign-in page of
 * a network does. The latter proves nothing about what there is.
 * @param elsewhere the environment names this endpoint
 * @throws Fault `invalid` for a web page: `unimplemented`, `unreachable`
 */
function responseOf({ message: { statusCode = 0, headers }, body }: Answer, where: string, elsewhere: boolean): HttpResponse {
  // Some emulators say so of JSON too: what it is shows in its first letters.
  const isPage = headers['content-type']?.startsWith('text/html') === true && PAGE.test(body.subarray(0, 200).toString('latin1'));
  if (isPage && !GATEWAY.has(statusCode)) {
    const what = `${where} answered with a web page (HTTP ${statusCode})`;
    if (elsewhere && NOT_HERE.has(statusCode)) throw new Fault('invalid', 'unimplemented', `${what}: it does not implement this action`);
    throw new Fault('invalid', 'unreachable', `${what}: something else than AWS answers there`);
  }
  const flat = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')] as const);
  return { statusCode, headers: Object.fromEntries(flat), body };
}

/** Percent-encoding as signatures want it (RFC 3986). */
function escape(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
