import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { forward } from '../fakes/moto/upstream.ts';
import { makeBucket } from './s3-bucket.ts';

/**
 * Moto as a service for one test, with the bucket; it gets one request at a time. Its PutObject is no single step: of writes at the same time,
 * one in five is answered with the ETag of another, and two may find one condition to hold.
 */
export async function motoS3(moto: string): Promise<string> {
  let last: Promise<unknown> = Promise.resolve();
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(Buffer.from(chunk));
    const { method = 'GET', url: path = '/', headers } = incoming;
    const turn = last.then(() => forward(moto, { method, path, headers, body: Buffer.concat(chunks) }));
    last = turn.catch(() => {});
    const answer = await turn;
    outgoing.writeHead(answer.status, { ...answer.headers, date: new Date().toUTCString() }).end(answer.body);
  };
  const server = createServer((incoming, outgoing) => void pass(incoming, outgoing).catch(() => incoming.socket.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await makeBucket(endpoint);
  return endpoint;
}
