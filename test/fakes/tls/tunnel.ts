import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** A proxy that opens tunnels (CONNECT, RFC 9110) to this machine and nowhere else. */
export interface Tunnel {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** `HOST:PORT` of each tunnel that was asked for. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export async function startTunnel(): Promise<Tunnel> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer().on('connect', ({ url = '' }, client: Socket) => {
    asked.push(url);
    const there = connect(Number(url.split(':').at(-1)), '127.0.0.1', () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'));
    there.pipe(client).pipe(there);
    for (const socket of [client, there]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
