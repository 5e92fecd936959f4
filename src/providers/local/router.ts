import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../core/clock.ts';
import { InternalError, messageOf, systemCode } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { Fault } from '../fault.ts';
import { forwardRequest, forwardUpgrade } from './router-forward.ts';
import { type Backend, createPool, type Pool } from './router-pool.ts';

/** A route: where the router listens for a service. */
export interface Route {
  /** Resource key, such as `route.web@1`. */
  readonly key: string;
  readonly service: string;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/**
 * Balances requests over the healthy instances of services: smooth weighted round robin, WebSockets too.
 *
 * No request fails because an instance is replaced. What an instance refuses goes to the next one. While there is none,
 * because the last one went within 2 s or refuses, requests wait up to 2 s for the next; then, and where there
 * never was one, they are answered with 503 and Retry-After. Bodies stream; limits on headers are Node's.
 */
export interface Router {
  /** Opens the route's port; the same route again answers with what is open. @throws Fault `port-taken`, `port-denied`, `address-unavailable` */
  listen(route: Route): Promise<{ readonly host: string; readonly port: number }>;
  /** The instances that get new requests from now on. Requests under way elsewhere go on. Known before `listen`, too. */
  setBackends(key: string, backends: readonly Backend[]): void;
  /** Sends the instance nothing new and waits for what is under way, at most `timeoutMs`; then cuts off the rest and counts it. */
  drain(key: string, instance: string, timeoutMs: number): Promise<{ readonly inFlight: number }>;
  /** Closes the route's port and all of its connections, also those under way. */
  close(key: string): Promise<void>;
  closeAll(): Promise<void>;
}

/** Clients that ask again within this time find their connection open; above what load balancers and browsers keep one. */
const KEEP_ALIVE_MS = 75_000;

export function createRouter(options: { readonly clock: Clock; readonly emit: Emit }): Router {
  const { clock, emit } = options;
  const pools = new Map<string, Pool>();
  const servers = new Map<string, { readonly service: string; readonly server: Promise<Server> }>();

  const poolOf = (key: string): Pool => {
    const pool = pools.get(key) ?? createPool(clock);
    pools.set(key, pool);
    return pool;
  };
  const close = async (key: string): Promise<void> => {
    const opened = servers.get(key);
    servers.delete(key);
    const pool = pools.get(key);
    pools.delete(key);
    const server = await opened?.server.catch(() => undefined);
    const closed = server === undefined ? undefined : new Promise((resolve) => server.close(resolve));
    pool?.end();
    server?.closeAllConnections();
    await closed;
  };

  return {
    listen: async (route) => {
      const server = servers.get(route.key)?.server ?? open(route, poolOf(route.key));
      servers.set(route.key, { service: route.service, server });
      try {
        return { host: route.host, port: portOf(await server) };
      } catch (thrown) {
        servers.delete(route.key);
        throw thrown;
      }
    },
    setBackends: (key, backends) => {
      poolOf(key).set(backends);
    },
    drain: async (key, instance, timeoutMs) => {
      const pool = pools.get(key);
      // Without requests under way there is nothing to tell.
      if (pool === undefined || pool.underWay(instance) === 0) return (await pool?.drain(instance, timeoutMs)) ?? { inFlight: 0 };
      const started = clock.now();
      emit({ type: 'drain.started', resource: key, instance });
      const drained = await pool.drain(instance, timeoutMs);
      emit({ type: 'drain.finished', resource: key, instance, ms: clock.now() - started, data: drained });
      return drained;
    },
    close,
    closeAll: async () => {
      await Promise.all([...new Set([...servers.keys(), ...pools.keys()])].map(close));
    },
  };
}

function open(route: Route, pool: Pool): Promise<Server> {
  // requestTimeout: an upload takes as long as it takes; whether that is too long is the service's decision.
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, noDelay: true }, (req, res) => {
    carry(forwardRequest(pool, req, res), res);
  });
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (req.headers.upgrade?.toLowerCase() === 'websocket' && req.method === 'GET') carry(forwardUpgrade(pool, req, socket, head), socket);
    else ignoreUpgrade(pool, req, socket);
  });
  return new Promise((resolve, reject) => {
    server.once('error', (thrown) => {
      reject(listenFault(route, thrown));
    });
    server.listen({ host: route.host, port: route.port }, () => {
      resolve(server);
    });
  });
}

/** A server may ignore an upgrade that it does not know, such as h2c, and answer as ever; Node leaves that to us. */
function ignoreUpgrade(pool: Pool, req: IncomingMessage, socket: Duplex): void {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  socket.on('error', () => socket.destroy());
  res.assignSocket(socket as Socket);
  res.once('finish', () => {
    res.detachSocket(socket as Socket);
    socket.end();
  });
  carry(forwardRequest(pool, req, res), res);
}

/** A bug that one request meets ends that request, and not the keeper. */
function carry(carried: Promise<void>, client: { destroy(): unknown }): void {
  carried.catch(() => client.destroy());
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new InternalError('a route listens on no port');
  return address.port;
}

function listenFault(route: Route, thrown: Error): Fault {
  const where = `${route.host}:${route.port}`;
  switch (systemCode(thrown)) {
    case 'EADDRINUSE':
      return new Fault('conflict', 'port-taken', `the router of ${route.service} cannot listen on ${where}: another process does`, {
        cause: thrown,
      });
    case 'EACCES':
      return new Fault('denied', 'port-denied', `the router of ${route.service} may not listen on ${where}`, { cause: thrown });
    default:
      return new Fault('invalid', 'address-unavailable', `the router of ${route.service} cannot listen on ${where}: ${messageOf(thrown)}`, {
        cause: thrown,
      });
  }
}
