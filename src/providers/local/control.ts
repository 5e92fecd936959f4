import { chmodSync, closeSync, constants, openSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { exactDuration } from '../../core/duration.ts';
import { messageOf, systemCode } from '../../core/errors.ts';
import { Fault, FAULT_KINDS, type FaultKind } from '../fault.ts';
import type { Observation } from '../provider.ts';
import type { Wanted } from './keeper/state.ts';
import { SOCKET_NAME } from './layout.ts';

/** What the keeper is asked over its socket: one request and one answer per connection, each a line of JSON. */
export type KeeperRequest =
  /** Durable when answered. Refused where one of them is; the others are begun all the same. */
  | { readonly verb: 'apply'; readonly fence: number; readonly wanted: readonly Wanted[] }
  | { readonly verb: 'release'; readonly fence: number; readonly keys: readonly string[] }
  | { readonly verb: 'status' }
  /** Answered when the version passes `version`, at the latest after `maxMs`. */
  | { readonly verb: 'wait'; readonly version: number; readonly maxMs: number }
  | { readonly verb: 'enforce'; readonly fence: number; readonly deadline: number }
  /** Ends the keeper, unless something still runs that nobody asked to release. */
  | { readonly verb: 'stop'; readonly fence: number };

export interface KeeperStatus {
  readonly pid: number;
  /** Grows with every change of anything below. */
  readonly version: number;
  readonly deadline: number;
  /** By key; what is not in it does not exist. */
  readonly resources: Readonly<Record<string, Observation>>;
}

export type KeeperAnswer = { readonly ok: true; readonly status: KeeperStatus } | { readonly ok: false; readonly fault: FaultWire };

interface FaultWire {
  readonly kind: FaultKind;
  readonly class: string;
  readonly message: string;
  readonly lastLines: readonly string[];
}

/** What came of asking: an answer, or why there is none. Only `dead` proves that no keeper listens. */
export type Asked =
  | { readonly state: 'answered'; readonly status: KeeperStatus }
  | { readonly state: 'dead' }
  | { readonly state: 'silent'; readonly reason: string; readonly cutOff: boolean };

const MAX_LINE = 64 * 1024 * 1024;

/**
 * Asks the keeper of a folder.
 * @throws Fault that the keeper answered with; the signal's reason
 */
export async function askKeeper(folder: string, request: KeeperRequest, timeoutMs: number, signal?: AbortSignal): Promise<Asked> {
  signal?.throwIfAborted();
  let directory: number;
  try {
    directory = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return { state: 'dead' };
    return { state: 'silent', reason: messageOf(thrown), cutOff: false };
  }
  try {
    for (let attempt = 1; ; attempt++) {
      const asked = await exchange(socketPath(directory), request, timeoutMs, signal);
      // Cut off by a keeper that ends: soon it is dead, or another has its place. Every request may be repeated.
      if (asked.state !== 'silent' || !asked.cutOff || attempt === 5) return asked;
      await delay(10 * attempt);
    }
  } finally {
    closeSync(directory);
  }
}

/** A socket's path may have 107 bytes, a state folder more; seen from an open folder it is always short. */
function socketPath(directory: number): string {
  return `/proc/self/fd/${directory}/${SOCKET_NAME}`;
}

function exchange(path: string, request: KeeperRequest, timeoutMs: number, signal: AbortSignal | undefined): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    let text = '';
    const timer = setTimeout(
      () => settle({ state: 'silent', reason: `no answer from the keeper within ${exactDuration(timeoutMs)}`, cutOff: false }),
      timeoutMs,
    );
    const abort = (): void => finish(() => reject(signal?.reason));
    const finish = (end: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.destroy();
      end();
    };
    const settle = (asked: Asked): void => finish(() => resolve(asked));
    signal?.addEventListener('abort', abort, { once: true });
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('end', () => {
      try {
        const answer = parseAnswer(text);
        if (answer.ok) settle({ state: 'answered', status: answer.status });
        else
          finish(() =>
            reject(new Fault(answer.fault.kind, answer.fault.class, answer.fault.message, { lastLines: answer.fault.lastLines })),
          );
      } catch {
        settle({ state: 'silent', reason: 'the keeper ended before it answered', cutOff: true });
      }
    });
    socket.on('error', (thrown) => {
      const code = systemCode(thrown);
      settle(
        code === 'ENOENT' || code === 'ECONNREFUSED'
          ? { state: 'dead' }
          : { state: 'silent', reason: messageOf(thrown), cutOff: code === 'ECONNRESET' || code === 'EPIPE' },
      );
    });
  });
}

function parseAnswer(text: string): KeeperAnswer {
  // The other end is our own keeper, behind a 0700 folder.
  return JSON.parse(text) as KeeperAnswer;
}

export interface ControlServer {
  close(): Promise<void>;
}

/**
 * Answers requests on the socket of a folder until closed. The caller holds the keeper's mutex, so a socket file
 * that is there already is a dead keeper's.
 */
export async function serveControl(
  folder: string,
  answer: (request: KeeperRequest, gone: AbortSignal) => Promise<KeeperStatus>,
): Promise<ControlServer> {
  const directory = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  rmSync(join(folder, SOCKET_NAME), { force: true });
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    const gone = new AbortController();
    socket.on('close', () => {
      open.delete(socket);
      gone.abort(new Fault('transient', 'caller-gone', 'the caller closed its connection'));
    });
    socket.on('error', () => socket.destroy());
    void respond(socket, gone.signal);
  });
  const respond = async (socket: Socket, gone: AbortSignal): Promise<void> => {
    const line = await readLine(socket);
    if (line === undefined) return void socket.destroy();
    let reply: KeeperAnswer;
    try {
      reply = { ok: true, status: await answer(parseRequest(line), gone) };
    } catch (thrown) {
      reply = { ok: false, fault: faultOf(thrown) };
    }
    if (!socket.destroyed) socket.end(`${JSON.stringify(reply)}\n`);
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path: socketPath(directory), backlog: 511 }, resolve);
  });
  chmodSync(join(folder, SOCKET_NAME), 0o600);
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Answers under way still leave; a caller that does not read is not waited for.
      for (const socket of open) if (!socket.writableEnded) socket.destroy();
      await closed;
      closeSync(directory);
    },
  };
}

function readLine(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
      else if (text.length > MAX_LINE) resolve(undefined);
    });
    socket.on('end', () => resolve(undefined));
    socket.on('close', () => resolve(undefined));
  });
}

function parseRequest(line: string): KeeperRequest {
  // Whoever can write here is the user whose processes the keeper runs; a newer command's verb is refused by the keeper.
  return JSON.parse(line) as KeeperRequest;
}

function faultOf(thrown: unknown): FaultWire {
  if (thrown instanceof Fault && FAULT_KINDS.includes(thrown.kind)) {
    return { kind: thrown.kind, class: thrown.class, message: thrown.message, lastLines: thrown.lastLines };
  }
  return { kind: 'transient', class: 'keeper-error', message: messageOf(thrown), lastLines: [] };
}
