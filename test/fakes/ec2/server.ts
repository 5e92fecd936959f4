import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Clock } from '../../../src/core/clock.ts';
import { noteCall } from '../../aws/noted.ts';
import type { Buckets } from './buckets.ts';
import type { Call, CallLog } from './calls.ts';
import { refusalOf, throttled } from './faults.ts';
import type { Fault, Faults } from './faults.ts';
import type { Holding } from './holding.ts';
import { Refusal } from './protocol/refusal.ts';
import { answerOf, errorOf, HTML, readRequest } from './requests.ts';
import type { Answer, Request } from './requests.ts';
import type { World } from './world/world.ts';

export interface ServerParts {
  readonly world: World;
  readonly clock: Clock;
  readonly calls: CallLog;
  readonly faults: Faults;
  readonly holding: Holding;
  readonly buckets: Buckets | undefined;
  /** Added to every answer, in milliseconds of the clock. */
  readonly latencyMs: number;
  readonly keepAnswers: boolean;
  /** Answers what is not AWS's; undefined where the path is. */
  readonly control: (method: string, path: string, body: string) => Promise<string> | undefined;
}

export function ec2Server(parts: ServerParts): Server {
  const server = createServer((request, response) => {
    serve(parts, request, response).catch((thrown: unknown) => {
      // A bug of the double must not look like an answer of AWS.
      const body = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      if (!response.headersSent) response.writeHead(599, { 'content-type': 'text/plain' });
      response.end(`the double is broken: ${body}`);
    });
  });
  server.keepAliveTimeout = 60_000;
  return server;
}

async function serve(parts: ServerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  const controlled = parts.control(request.method ?? '', request.url ?? '', body);
  if (controlled !== undefined) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(await controlled);
    return;
  }
  noteCall({ method: request.method ?? 'POST', path: request.url ?? '/', headers: request.headers, body: Buffer.concat(chunks) });
  await new Exchange(parts, request, response).run(body);
}

/** One call from its arrival to its end. */
class Exchange {
  readonly #parts: ServerParts;
  readonly #response: ServerResponse;
  readonly #requestId: string;
  readonly #gone = new AbortController();
  readonly #request: IncomingMessage;

  constructor(parts: ServerParts, request: IncomingMessage, response: ServerResponse) {
    this.#parts = parts;
    this.#request = request;
    this.#response = response;
    this.#requestId = parts.world.ids.request();
    response.once('close', () => {
      if (!response.writableFinished) this.#gone.abort();
    });
  }

  async run(body: string): Promise<void> {
    const { world, calls, faults } = this.#parts;
    world.settle();
    let request: Request;
    try {
      request = readRequest(this.#request, body);
    } catch (thrown) {
      this.#send(errorOf('ec2', asRefusal(thrown), this.#requestId));
      return;
    }
    const { service, protocol, name, region, accessKeyId } = request;
    const { account, arn } = world.identities.peek(accessKeyId);
    const call = calls.add({ at: world.now, service, action: name, region, account, arn, input: undefined, outcome: 'running' });
    let answer: Answer;
    let fault: Fault | undefined;
    try {
      const action = request.action();
      const input = request.input(action);
      call.input = input;
      fault = faults.take(call);
      if (fault !== undefined) call.fault = fault.kind;
      if (!(await this.#before(call, fault))) return;
      answer = fault?.kind === 'html' ? HTML : this.#answer(call, request, input);
      if (fault?.kind === 'html') call.status = HTML.status;
    } catch (thrown) {
      const refusal = asRefusal(thrown);
      call.code = refusal.code;
      answer = errorOf(protocol, refusal, this.#requestId);
    }
    await this.#after(call, fault, answer);
  }

  /** Plays what a fault does before the effect. False where the call has ended by it. @throws Refusal */
  async #before(call: Call, fault: Fault | undefined): Promise<boolean> {
    if (fault === undefined) return true;
    if (fault.kind === 'lose-request') {
      this.#lose(call, 'lost-request');
      return false;
    }
    if (fault.kind === 'hold-request') {
      if ((await this.#parts.holding.hold(call, this.#gone.signal)) === 'gone') {
        this.#end(call, 'abandoned');
        return false;
      }
      this.#parts.world.settle();
    }
    const refusal = refusalOf(fault, call);
    if (refusal === undefined) return true;
    if (fault.kind === 'throttle') call.throttled = true;
    throw refusal;
  }

  /** The effect. @throws Refusal */
  #answer(call: Call, request: Request, input: object): Answer {
    const { world, buckets, keepAnswers } = this.#parts;
    if (call.service === 'ec2' && buckets?.take(call, world.now) === false) {
      call.throttled = true;
      throw throttled(call);
    }
    const identity = world.identities.of(request.accessKeyId, world.now);
    const action = request.action();
    const context = { region: world.region(request.region, identity.account), identity, fingerprint: request.fingerprint };
    action.check(context, input);
    if ('DryRun' in input && input.DryRun === true) {
      throw new Refusal(412, 'DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
    }
    const value = action.run(context, input);
    if (keepAnswers || !/^(Describe|Get|List)/.test(request.name)) call.answer = value;
    return answerOf(request.protocol, action, value, this.#requestId);
  }

  async #after(call: Call, fault: Fault | undefined, answer: Answer): Promise<void> {
    const { clock, latencyMs, holding } = this.#parts;
    if (fault?.kind === 'lose-response') {
      this.#lose(call, 'lost-response');
      return;
    }
    if (fault?.kind === 'hold-response' && (await holding.hold(call, this.#gone.signal)) === 'gone') {
      this.#end(call, 'lost-response');
      return;
    }
    const wait = latencyMs + (fault?.kind === 'delay' ? fault.ms : 0);
    if (wait > 0) await clock.sleep(wait, this.#gone.signal).catch(() => undefined);
    if (this.#gone.signal.aborted) {
      this.#end(call, 'lost-response');
      return;
    }
    call.status = answer.status;
    this.#end(call, 'answered');
    this.#send(answer);
  }

  #lose(call: Call, outcome: 'lost-request' | 'lost-response'): void {
    this.#end(call, outcome);
    this.#request.socket.destroy();
  }

  #end(call: Call, outcome: Call['outcome']): void {
    call.outcome = outcome;
    call.endedAt = this.#parts.clock.now();
  }

  #send({ status, type, body, error }: Answer): void {
    this.#response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'x-amzn-requestid': this.#requestId,
      server: 'AmazonEC2',
      ...(error === undefined ? {} : { 'x-amzn-errortype': error }),
    });
    this.#response.end(body);
  }
}

function asRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  throw thrown;
}
