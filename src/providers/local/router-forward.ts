import { Agent, type IncomingMessage, request, type RequestOptions, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemCode } from '../../core/errors.ts';
import type { Pool, Upstream } from './router-pool.ts';

/** Headers that concern one connection only (RFC 9110, 7.6.1), and Expect, which the router has answered itself. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'expect',
  'proxy-authenticate',
  'proxy-authorization',
]);
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * How a try to have a request answered ended.
 * - `done`: answered, or the client is gone.
 * - `refused`: no connection; the upstream has seen nothing of the request.
 * - `stale`: a connection kept from an earlier request was closed under it, as it may be at any time.
 * - `lost`: the connection broke before an answer, and the request may be repeated (RFC 9110, 9.2.2).
 * - `failed`: the same, and it may not.
 */
type Outcome = 'done' | 'refused' | 'stale' | 'lost' | 'failed';

/**
 * Sends a request to one upstream after the other until one answers. On node:http, because httpxy begins to send the
 * body before it is connected and cannot try again elsewhere.
 *
 * Requests that may be repeated use kept connections; all others get a connection of their own, since a kept one may
 * close just as they are sent, and nobody could tell whether they were carried out.
 */
export async function forwardRequest(pool: Pool, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const gone = new AbortController();
  res.once('close', () => {
    // Without a reason of our own, each abort makes an error object with a stack.
    gone.abort('the client is gone');
  });
  const tried = new Set<Upstream>();
  const body = hasBody(req);
  let keptAllowed = !body && IDEMPOTENT.has(req.method ?? '');
  const repeatable = keptAllowed;
  let losses = 0;
  for (;;) {
    const upstream = pool.pick(tried) ?? (await pool.pickSoon(tried, gone.signal));
    if (gone.signal.aborted) return;
    if (upstream === undefined) {
      refuse(res, tried.size === 0 ? 503 : 502);
      return;
    }
    const outcome = await send(pool, upstream, { req, res, body, repeatable, agent: keptAllowed ? upstream.agent : false });
    switch (outcome) {
      case 'done':
        return;
      case 'refused':
        tried.add(upstream);
        break;
      case 'stale':
        keptAllowed = false;
        break;
      case 'lost':
        tried.add(upstream);
        losses += 1;
        // A request that kills whoever gets it is not carried round the whole pool.
        if (losses < 2) break;
        refuse(res, 502);
        return;
      case 'failed':
        refuse(res, 502);
        return;
    }
  }
}

/**
 * Connects an upgrade request to the first upstream that takes a connection; httpxy does the rest on that connection.
 * WebSockets count as under way until they close.
 */
export async function forwardUpgrade(pool: Pool, req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const gone = new AbortController();
  socket.once('close', () => {
    gone.abort('the client is gone');
  });
  socket.on('error', () => socket.destroy());
  const { proxyUpgrade } = await import('httpxy');
  const tried = new Set<Upstream>();
  for (;;) {
    const upstream = await pool.pickSoon(tried, gone.signal);
    if (gone.signal.aborted) return;
    if (upstream === undefined) {
      socket.end(
        `HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: ${NOBODY.length}\r\n\r\n${NOBODY}`,
      );
      return;
    }
    const end = pool.begin(upstream, () => socket.destroy());
    const connection = await dial(upstream);
    if (connection === undefined) {
      end();
      tried.add(upstream);
      continue;
    }
    socket.once('close', () => {
      connection.destroy();
      end();
    });
    connection.once('close', () => {
      // What the upstream said last may still be on its way to the client.
      if (!socket.destroyed) socket.end(() => socket.destroy());
    });
    if (socket.destroyed) {
      connection.destroy();
      end();
      return;
    }
    const agent = new Agent();
    agent.createConnection = () => connection;
    const headers = Object.fromEntries(forwardedHeaders(req));
    // An answer other than 101 rejects, after it was passed on.
    await proxyUpgrade({ host: upstream.host, port: upstream.port }, req, socket, head, { agent, xfwd: false, headers }).catch(
      () => undefined,
    );
    return;
  }
}

interface Sending {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly body: boolean;
  readonly repeatable: boolean;
  readonly agent: Agent | false;
}

function send(pool: Pool, upstream: Upstream, { req, res, body, repeatable, agent }: Sending): Promise<Outcome> {
  return new Promise((resolve) => {
    let outgoing;
    try {
      outgoing = request(outgoingOptions(upstream, req, agent));
    } catch {
      // A target or header that Node takes in but does not send out.
      refuse(res, 400);
      resolve('done');
      return;
    }
    const up = outgoing;
    let answered = false;
    let outcome: Outcome = 'done';
    const giveUp = (): void => {
      if (!res.writableFinished) up.destroy();
    };
    const end = pool.begin(upstream, () => up.destroy());
    res.once('close', giveUp);
    up.once('error', (thrown) => {
      // What an upstream does to a body that it has answered already does not matter any more.
      if (answered) return;
      if (systemCode(thrown) === 'ECONNREFUSED') outcome = 'refused';
      else if (!repeatable) outcome = 'failed';
      else outcome = up.reusedSocket ? 'stale' : 'lost';
    });
    up.once('close', () => {
      end();
      res.off('close', giveUp);
      if (answered || res.destroyed) resolve('done');
      else resolve(outcome === 'done' ? (repeatable ? 'lost' : 'failed') : outcome);
    });
    up.once('response', (answer) => {
      answered = true;
      passOn(answer, res);
    });
    if (body) whenConnected(up, () => req.pipe(up));
    else up.end();
  });
}

/** A body is read from the client only when there is somebody to take it: until then the request can go elsewhere. */
function whenConnected(up: ReturnType<typeof request>, start: () => void): void {
  up.once('socket', (socket) => {
    if (socket.connecting) socket.once('connect', start);
    else start();
  });
}

function passOn(answer: IncomingMessage, res: ServerResponse): void {
  try {
    res.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', endToEnd(answer.rawHeaders));
  } catch {
    answer.destroy();
    refuse(res, 502);
    return;
  }
  // An answer cut short must not look like a whole one.
  answer.once('close', () => {
    if (!answer.complete) res.destroy();
  });
  answer.once('end', () => {
    if (answer.rawTrailers.length > 0) res.addTrailers(pairs(answer.rawTrailers));
  });
  answer.on('error', () => res.destroy());
  answer.pipe(res);
}

function outgoingOptions(upstream: Upstream, req: IncomingMessage, agent: Agent | false): RequestOptions {
  const headers = endToEnd(req.rawHeaders, (name) => name.startsWith('x-forwarded-'));
  for (const [name, value] of forwardedHeaders(req)) headers.push(name, value);
  if (req.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked');
  return { host: upstream.host, port: upstream.port, method: req.method, path: req.url, headers, agent, setHost: false };
}

/** Who asked, and for what: appended to what an outer proxy said. */
function forwardedHeaders(req: IncomingMessage): readonly (readonly [string, string])[] {
  const before = (name: string): string => {
    const value = req.headers[name];
    return value === undefined ? '' : `${String(value)}, `;
  };
  const host = req.headers.host ?? '';
  const rows: readonly (readonly [string, string])[] = [
    ['X-Forwarded-For', before('x-forwarded-for') + (req.socket.remoteAddress ?? '')],
    ['X-Forwarded-Host', String(req.headers['x-forwarded-host'] ?? host)],
    ['X-Forwarded-Port', String(req.headers['x-forwarded-port'] ?? req.socket.localPort ?? '')],
    ['X-Forwarded-Proto', String(req.headers['x-forwarded-proto'] ?? 'http')],
  ];
  return rows.filter(([, value]) => value !== '');
}

/** The flat list of raw headers without those of one connection; order, case and repetition stay as they were. */
function endToEnd(raw: readonly string[], drop: (lowerName: string) => boolean = () => false): string[] {
  const kept: string[] = [];
  let named: readonly string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.length === 10 && raw[i]?.toLowerCase() === 'connection')
      named = [...named, ...(raw[i + 1] ?? '').toLowerCase().split(/\s*,\s*/)];
  }
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !named.includes(lower) && !drop(lower)) kept.push(name, raw[i + 1] ?? '');
  }
  return kept;
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : []));
}

function hasBody(req: IncomingMessage): boolean {
  return req.headers['transfer-encoding'] !== undefined || (req.headers['content-length'] ?? '0') !== '0';
}

const NOBODY = 'no healthy instance\n';

function refuse(res: ServerResponse, status: 400 | 502 | 503): void {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const text = { 400: 'the request cannot be passed on\n', 502: 'the instance did not answer\n', 503: NOBODY }[status];
  res.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': text.length,
    ...(status === 503 ? { 'Retry-After': '1' } : {}),
  });
  res.end(text);
}

/** A connection to the upstream, or undefined where it takes none. */
function dial({ host, port }: Upstream): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const connection = connect({ host, port, noDelay: true });
    connection.once('connect', () => {
      connection.removeAllListeners('error');
      connection.on('error', () => connection.destroy());
      resolve(connection);
    });
    connection.once('error', () => {
      resolve(undefined);
    });
  });
}
