import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { SelfSigned } from './certificate.ts';

/** What speaks TLS in front of an endpoint that does not. */
export interface TlsFront {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Answers with the certificate, and hands what comes through to the HTTP endpoint at `url`. */
export async function startFront(url: string, { key, cert }: SelfSigned): Promise<TlsFront> {
  const sockets = new Set<Socket>();
  const behind = Number(new URL(url).port);
  const server = createServer({ key, cert }, (client) => {
    const endpoint = connect(behind, '127.0.0.1');
    client.pipe(endpoint).pipe(client);
    for (const socket of [client, endpoint]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => [client, endpoint].forEach((one) => one.destroy()));
    }
  });
  // Who does not believe the certificate ends the handshake.
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
