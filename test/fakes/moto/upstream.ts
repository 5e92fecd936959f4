import { request as send } from 'node:http';
import type { Answer } from './answers.ts';
import type { Call, RawRequest } from './call.ts';

/** Hop-by-hop headers, and those that the sender of a whole body sets anew. */
const NOT_PASSED_ON = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'expect', 'proxy-connection', 'date']);

/** Sends a request on to moto and reads the whole answer. Moto closes each connection, so each request gets its own. */
export function forward(upstream: string, { method, path, headers, body }: RawRequest): Promise<Answer> {
  const passed = Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_PASSED_ON.has(name)));
  return new Promise((resolve, reject) => {
    const asked = send(new URL(upstream), {
      method,
      path,
      agent: false,
      headers: { ...passed, 'content-length': body.length },
      // The host that the client addressed, as answers may name it.
      setHost: passed['host'] === undefined,
    });
    asked.once('error', reject);
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const kept = Object.entries(response.headers).filter(([name]) => !NOT_PASSED_ON.has(name) || isLengthOfHead(method, name));
        resolve({ status: response.statusCode ?? 502, headers: Object.fromEntries(kept), body: Buffer.concat(chunks) });
      });
    });
    asked.end(body);
  });
}

/** The answer to HEAD tells the length of a body that it does not have. */
function isLengthOfHead(method: string, header: string): boolean {
  return method === 'HEAD' && header === 'content-length';
}

/**
 * Lets any number of readers in at a time, or one writer, in the order in which they came. Moto walks its dictionaries
 * while other threads change them, and then answers with an error of its own.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  readonly #reading = new Set<Promise<unknown>>();

  reading<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.#last.then(work);
    this.#reading.add(done);
    void settledOf(done).then(() => this.#reading.delete(done));
    return done;
  }

  writing<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = Promise.allSettled([this.#last, ...this.#reading]).then(work);
    this.#last = settledOf(done);
    return done;
  }
}

async function settledOf(work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([work]);
}

/** True for a call that changes nothing; a rehearsal is one. */
export function isReading({ action, params }: Call): boolean {
  return /^(?:Describe|Get|List|Head)/.test(action) || params.get('DryRun') === 'true';
}
