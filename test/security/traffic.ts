/** All that goes between spin and what stands for AWS, byte for byte. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { onTestFinished } from 'vitest';
import type { Answer } from '../fakes/moto/answers.ts';
import { type Call, callOf } from '../fakes/moto/call.ts';
import { forward } from '../fakes/moto/upstream.ts';

export interface Exchange {
  readonly call: Call;
  readonly answer: Answer;
}

export interface Traffic {
  readonly url: string;
  readonly exchanges: readonly Exchange[];
}

/** Looks at a call before it goes on, and may answer it instead. */
export type Look = (call: Call) => Answer | undefined | Promise<Answer | undefined>;

/** A proxy in front of `upstream` for the length of a test. */
export async function captureTraffic(upstream: string, look: Look): Promise<Traffic> {
  const exchanges: Exchange[] = [];
  const server = createServer((incoming, response) => {
    const pass = async (): Promise<void> => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const { method = 'GET', url: path = '/', headers } = incoming;
      const call = callOf({ method, path, headers, body: Buffer.concat(chunks) });
      const answer = (await look(call)) ?? (await forward(upstream, call.request));
      exchanges.push({ call, answer });
      response.writeHead(answer.status, { 'content-length': answer.body.length, ...answer.headers }).end(answer.body);
    };
    pass().catch((thrown: unknown) => response.destroy(thrown instanceof Error ? thrown : undefined));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`, exchanges };
}
