import { createServer, type IncomingMessage, request, Agent, type ServerResponse } from 'node:http';
import { type Answer, errorAnswer, throttledAnswer } from '../../fakes/moto/answers.ts';
import { type Call, callOf, type RawRequest } from '../../fakes/moto/call.ts';
import { type Orders, REFUSALS } from './orders.ts';

/** What stands between spin and a provider: it hands every call on, counts it by its action, and breaks one. */
export interface Gate {
  readonly url: string;
  /** `call:ec2:RunInstances`, in the order of arrival. */
  readonly calls: readonly string[];
  /** From now on: the numbering of a break begins here. @param kill ends who called */
  breakCall(at: NonNullable<Orders['at']>, kill: () => Promise<void>): void;
  broke(): boolean;
  close(): Promise<void>;
}

interface Breaking {
  readonly at: NonNullable<Orders['at']>;
  readonly kill: () => Promise<void>;
  seen: number;
  happened: boolean;
}

/** Longer than spin waits for an answer, which is 30 s. */
const LATE_MS = 32_000;

export async function openGate(upstream: string): Promise<Gate> {
  const agent = new Agent({ keepAlive: true });
  const calls: string[] = [];
  let breaking: Breaking | undefined;

  const serve = async (raw: RawRequest, gone: AbortSignal): Promise<Answer | 'cut'> => {
    const call = callOf(raw);
    const what = `call:${call.service}:${call.action.replaceAll(/[ /]/g, '_')}`;
    calls.push(what);
    const mine = breaking?.at.what === what ? breaking : undefined;
    if (mine !== undefined) mine.seen += 1;
    if (mine === undefined || !isHit(mine)) return forward(upstream, raw, agent);
    mine.happened = true;
    return befall(mine, call, () => forward(upstream, raw, agent), gone);
  };

  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => void respond(incoming, response, serve));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    calls,
    breakCall: (at, kill) => (breaking = { at, kill, seen: 0, happened: false }),
    broke: () => breaking?.happened === true,
    close: () =>
      new Promise((resolve) => {
        agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function isHit({ at, seen }: Breaking): boolean {
  const times = at.how === 'throttled' || at.how === 'dependency' ? REFUSALS : 1;
  return seen >= at.nth && seen < at.nth + times;
}

async function befall({ at, kill }: Breaking, call: Call, effect: () => Promise<Answer>, gone: AbortSignal): Promise<Answer | 'cut'> {
  switch (at.how) {
    case 'kill-before':
      await kill();
      return 'cut';
    case 'kill-after':
    case 'unseen':
      await effect();
      await kill();
      return 'cut';
    case 'lose-answer':
      await effect();
      return 'cut';
    case 'late-answer': {
      const answer = await effect();
      await patience(gone);
      return answer;
    }
    case 'throttled':
      return throttledAnswer(call, '123456789012');
    case 'dependency':
      return errorAnswer(call, 400, 'DependencyViolation', 'resource has a dependent object');
    case 'stop-before':
      return effect();
  }
}

/** Until the caller has given up, or would have. */
function patience(gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, LATE_MS);
    gone.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function forward(upstream: string, { method, path, headers, body }: RawRequest, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // The host that was signed for stays: who serves checks no signature, but some read the service from it.
    const sent = request(`${upstream}${path}`, { method, headers, agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('error', reject);
      answer.once('end', () => {
        const { 'transfer-encoding': _whole, connection: _own, 'keep-alive': _mine, ...rest } = answer.headers;
        resolve({ status: answer.statusCode ?? 502, headers: rest, body: Buffer.concat(chunks) });
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

async function respond(
  incoming: IncomingMessage,
  response: ServerResponse,
  serve: (raw: RawRequest, gone: AbortSignal) => Promise<Answer | 'cut'>,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { method = 'GET', url = '/', headers } = incoming;
    const answer = await serve({ method, path: url, headers, body: Buffer.concat(chunks) }, gone.signal);
    if (answer === 'cut') incoming.socket.destroy();
    else response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length }).end(answer.body);
  } catch {
    // The caller went away in the middle of its request, or the provider is closed: either way there is nobody to tell.
    incoming.socket.destroy();
  }
}
