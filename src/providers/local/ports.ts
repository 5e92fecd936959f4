import { createServer, type ListenOptions, type Server } from 'node:net';
import { messageOf, systemCode } from '../../core/errors.ts';
import { Fault } from '../fault.ts';

/** A prime, so that keepers with neighbouring process IDs begin far from each other. */
const SPREAD = 7_919;

/** Hands out TCP ports that no other spin on this machine holds, and that nothing listens on. */
export interface Ports {
  /**
   * Reserves a port of the range, or exactly `preferred` (which may lie outside it).
   * @throws Fault `port-taken` (conflict), `port-denied` (denied), `ports-exhausted` (capacity)
   */
  reserve(preferred?: number): Promise<number>;
  /** Takes the reservation of a port that an adopted process listens on already; false where another keeper has it. */
  hold(port: number): Promise<boolean>;
  release(port: number): void;
  releaseAll(): void;
}

/**
 * Two locks make a port ours. The first is a listening abstract Unix socket named after the port: taking it is atomic
 * over the whole machine (its network namespace, as for the ports themselves), and the kernel frees it with the
 * process that held it, however that died. The second is a bind of the port itself, given back at once, which finds
 * what does not know of the first. So from `reserve` until the service listens, no other spin can take the port.
 */
export function createPorts(range: { readonly from: number; readonly to: number }): Ports {
  const locks = new Map<number, Server>();

  /** True when the port is ours now; false when somebody has it. */
  const lock = async (port: number): Promise<boolean> => {
    const server = await tryListen({ path: `\0spin-port-${port}` });
    if (server === undefined) return false;
    // The lock alone does not keep its process alive, and nobody has anything to say on it.
    server.on('connection', (socket) => socket.destroy()).unref();
    locks.set(port, server);
    return true;
  };
  const release = (port: number): void => {
    locks.get(port)?.close();
    locks.delete(port);
  };
  const take = async (port: number): Promise<boolean> => {
    if (locks.has(port) || !(await lock(port))) return false;
    const free = await isFree(port).catch((thrown: unknown) => {
      release(port);
      throw thrown;
    });
    if (!free) release(port);
    return free;
  };

  // Keepers that start together would all try the same ports in the same order if they began at the first; and what was released a moment
  // ago comes round last.
  let next = process.pid * SPREAD;

  return {
    reserve: async (preferred) => {
      if (preferred !== undefined) {
        if (await take(preferred)) return preferred;
        throw new Fault('conflict', 'port-taken', `port ${preferred} is taken by another process`);
      }
      const size = range.to - range.from + 1;
      for (let step = 0; step < size; step++) {
        const port = range.from + (next++ % size);
        if (await take(port)) return port;
      }
      throw new Fault('capacity', 'ports-exhausted', `no free port between ${range.from} and ${range.to}`);
    },
    hold: async (port) => locks.has(port) || (await lock(port)),
    release,
    releaseAll: () => {
      for (const port of locks.keys()) release(port);
    },
  };
}

/** True where a service could bind the port on both loopback addresses, hence on the unspecified address too. */
async function isFree(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '::1']) {
    const server = await tryListen({ host, port, exclusive: true, ...(host === '::1' ? { ipv6Only: true } : {}) });
    if (server === undefined) return false;
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
  }
  return true;
}

/** A listening server; undefined where the address is in use. */
function tryListen(where: ListenOptions): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (thrown) => {
      const code = systemCode(thrown);
      if (code === 'EADDRINUSE') resolve(undefined);
      // A machine without IPv6 has nothing that could listen there.
      else if (where.host === '::1' && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) resolve(server);
      else if (code === 'EACCES')
        reject(new Fault('denied', 'port-denied', `port ${where.port} may not be opened: ${messageOf(thrown)}`, { cause: thrown }));
      else reject(new Fault('transient', 'port-probe', `a port could not be tried: ${messageOf(thrown)}`, { cause: thrown }));
    });
    server.listen(where, () => {
      resolve(server);
    });
  });
}
