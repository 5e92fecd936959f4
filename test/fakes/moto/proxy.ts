import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { messageOf } from '../../../src/core/errors.ts';
import { noteCall } from '../../aws/noted.ts';
import { type Answer, errorAnswer } from './answers.ts';
import { type Call, callOf, type RawRequest } from './call.ts';
import type { Shortage } from './capacity.ts';
import { Databases } from './databases.ts';
import { Draining } from './draining.ts';
import { Ec2, type Ec2Behaviour } from './ec2.ts';
import { quotaAnswer } from './quotas.ts';
import { Tokens } from './tokens.ts';
import { type Trouble, Troubles } from './troubles.ts';
import { forward } from './upstream.ts';

/** What the proxy adds to moto. Every part can be switched off, and then moto answers for itself. */
export interface Behaviour extends Ec2Behaviour {
  /** Added to every call, in milliseconds; calls at the same time wait at the same time. */
  readonly latencyMs: number;
  /** The quotas of EC2, which moto does not know. */
  readonly quotas: boolean;
  /** From DeregisterTargets until a target is in its group no more, in milliseconds. */
  readonly drainMs: number;
}

const BEHAVIOUR: Behaviour = {
  latencyMs: 0,
  pendingMs: 0,
  stoppingMs: 0,
  statusMs: 0,
  visibleMs: 0,
  clientTokens: true,
  maxCount: true,
  diskSizes: true,
  dependencies: true,
  interfaceTags: true,
  loopback: true,
  instances: true,
  consoles: true,
  quotas: true,
  drainMs: 0,
};

/** A call that arrived. */
export interface SeenCall {
  readonly service: string;
  readonly action: string;
  readonly region: string;
  readonly account: string;
  /** Of the query protocols; empty for the others. */
  readonly params: Readonly<Record<string, string>>;
  /** When it arrived, by the proxy's clock. */
  readonly at: number;
  /** The status that was sent, or that none was. */
  readonly outcome: number | 'lost' | 'silence';
  /** The error that it was answered, where the proxy made it. */
  readonly code?: string;
}

export interface MotoProxy {
  /** Where clients talk to: `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Every call, in the order in which they were answered; what the proxy itself asks moto is not among them. */
  readonly calls: readonly SeenCall[];
  /** How many calls there were of each action: `{ 'ec2:RunInstances': 1 }`. */
  counts(): Readonly<Record<string, number>>;
  /** Changes what it adds, from the next call on. */
  set(behaviour: Partial<Behaviour>): void;
  /** Lets something go wrong with calls to come. */
  announce(trouble: Trouble): void;
  /** Lets instances run short. */
  declare(shortage: Shortage): void;
  /** Puts text on an instance's console. */
  writeConsole(instance: string, text: string): void;
  /** Lets an instance's status checks fail. */
  impair(instance: string): void;
  /** Puts a database into a status that moto's never have, such as `failed`. */
  ail(database: string, status: string): void;
  /** Forgets the calls. */
  forgetCalls(): void;
  /** Empties moto and forgets everything but the behaviour. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** The account that moto takes every caller for who has not assumed a role. */
const ACCOUNT = '123456789012';

/**
 * Starts a proxy on 127.0.0.1 in front of a moto server. What it adds is written down in test/fakes/moto.md.
 * @param clock what states go by; the latency always passes on the machine's own
 */
export async function startProxy(
  upstream: string,
  options: { readonly clock?: Clock; readonly behaviour?: Partial<Behaviour> } = {},
): Promise<MotoProxy> {
  const clock = options.clock ?? systemClock;
  let behaviour: Behaviour = { ...BEHAVIOUR, ...options.behaviour };
  const calls: SeenCall[] = [];
  const troubles = new Troubles();
  const tokens = new Tokens();
  const databases = new Databases();
  const accounts = new Map<string, string>();
  const ec2 = new Ec2(
    (call) => forward(upstream, call.request),
    clock,
    () => behaviour,
  );

  const draining = new Draining(clock, () => behaviour.drainMs);

  const accountOf = ({ accessKey }: Call): string => accounts.get(accessKey) ?? ACCOUNT;

  const answerOf = async (call: Call): Promise<Answer> => {
    if (call.protocol === 'ec2') return ec2.answer(call, accountOf(call));
    const scope = `${accountOf(call)} ${call.region}`;
    const known = behaviour.clientTokens ? tokens.answerTo(call, scope, () => false) : undefined;
    if (known !== undefined) return known;
    const own = (behaviour.quotas ? quotaAnswer(call) : undefined) ?? databases.refuse(call);
    const answer = own ?? databases.tell(call, await forward(upstream, call.request));
    tokens.spend(call, scope, answer, []);
    if (call.service === 'sts') noteRole(answer, accounts);
    if (isMissingRole(call, answer)) return errorAnswer(call, 404, 'NoSuchEntity', 'The role is not in the instance profile.');
    return draining.answer(call, answer);
  };

  const befall = async (call: Call): Promise<Answer | 'lost' | 'silence'> => {
    const fate = troubles.fateOf(call, accountOf(call));
    if (fate.kind === 'silence') return 'silence';
    if (fate.kind === 'answered') return fate.answer;
    if (fate.kind === 'lost') {
      if (fate.effect) await answerOf(call);
      return 'lost';
    }
    const answer = await answerOf(call);
    if (fate.lateMs > 0) await delay(fate.lateMs);
    return answer;
  };

  const serve = async (request: RawRequest): Promise<Answer | 'lost' | 'silence'> => {
    if (request.path.startsWith('/moto-api')) return forward(upstream, request);
    noteCall(request);
    const call = callOf(request);
    const at = clock.now();
    if (behaviour.latencyMs > 0) await delay(behaviour.latencyMs);
    const sent = await befall(call);
    calls.push(seen(call, accountOf(call), at, sent));
    return sent;
  };

  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => void respond(incoming, response, serve));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    counts: () => countsOf(calls),
    set: (changed) => (behaviour = { ...behaviour, ...changed }),
    announce: (trouble) => troubles.announce(trouble),
    declare: (shortage) => ec2.capacity.declare(shortage),
    writeConsole: (instance, text) => ec2.writeConsole(instance, text),
    impair: (instance) => ec2.states.impair(instance),
    ail: (database, status) => databases.put(database, status),
    forgetCalls: () => void calls.splice(0),
    reset: async () => {
      await forward(upstream, { method: 'POST', path: '/moto-api/reset', headers: {}, body: Buffer.alloc(0) });
      for (const part of [troubles, tokens, databases, ec2, draining]) part.forget();
      accounts.clear();
      calls.splice(0);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(
  incoming: IncomingMessage,
  response: ServerResponse,
  serve: (request: RawRequest) => Promise<Answer | 'lost' | 'silence'>,
): Promise<void> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { method = 'GET', url = '/', headers } = incoming;
    const sent = await serve({ method, path: url, headers, body: Buffer.concat(chunks) });
    if (sent === 'silence') return;
    if (sent === 'lost') incoming.socket.destroy();
    else response.writeHead(sent.status, { 'content-length': sent.body.length, ...sent.headers }).end(sent.body);
  } catch (thrown) {
    // The client went away, or moto did, or the proxy has a bug: each is to be seen, and none may end the test's process.
    if (!response.headersSent) response.writeHead(502, { 'content-type': 'text/plain' });
    response.end(`the proxy in front of moto failed: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown)}`);
  }
}

/** A role that is in the profile no more: moto falls over it. */
function isMissingRole({ service, action }: Call, { status }: Answer): boolean {
  return service === 'iam' && action === 'RemoveRoleFromInstanceProfile' && status === 500;
}

function seen(call: Call, account: string, at: number, sent: Answer | 'lost' | 'silence'): SeenCall {
  const { service, action, region, params } = call;
  const said = { service, action, region, account, params: Object.fromEntries(params), at };
  if (typeof sent === 'string') return { ...said, outcome: sent };
  return { ...said, outcome: sent.status, ...(sent.code === undefined ? {} : { code: sent.code }) };
}

function countsOf(calls: readonly SeenCall[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { service, action } of calls) counts.set(`${service}:${action}`, (counts.get(`${service}:${action}`) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Remembers whose the keys of an assumed role are. */
function noteRole({ body }: Answer, accounts: Map<string, string>): void {
  const text = body.toString('utf8');
  const key = /<AccessKeyId>([^<]+)</.exec(text)?.[1];
  const account = /:sts::(\d{12}):assumed-role/.exec(text)?.[1];
  if (key !== undefined && account !== undefined) accounts.set(key, account);
}
