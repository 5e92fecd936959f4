import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, type IncomingHttpHeaders, type IncomingMessage, request, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { EventBody } from '../../../src/core/events.ts';
import { createRouter, type Router } from '../../../src/providers/local/router.ts';
import type { Backend } from '../../../src/providers/local/router-pool.ts';

const SERVICE = new URL('../../fixtures/local-ws-server.mjs', import.meta.url).pathname;
const KEY = 'route.web@1';
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).toReversed()) await end();
});

async function openRouter(): Promise<{ router: Router; port: number; events: EventBody[] }> {
  const events: EventBody[] = [];
  const router = createRouter({ clock: systemClock, emit: (body) => events.push(body) });
  cleanUp.push(() => router.closeAll());
  const { port } = await router.listen({ key: KEY, service: 'web', host: '127.0.0.1', port: 0 });
  return { router, port, events };
}

/** A service in a process of its own. */
async function service(name: string, weight = 1): Promise<{ backend: Backend; child: ChildProcess; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [SERVICE, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  cleanUp.push(stop);
  let port = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    port = Number(line);
    break;
  }
  return { backend: { instance: name, host: '127.0.0.1', port, weight }, child, stop };
}

/** A service within the test, for what it does to its connections. */
async function handler(name: string, listener: RequestListener): Promise<{ backend: Backend; server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { backend: { instance: name, host: '127.0.0.1', port: (server.address() as AddressInfo).port, weight: 1 }, server };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function ask(
  port: number,
  path = '/',
  options: { method?: string; headers?: Record<string, string>; body?: string | Readable; agent?: Agent } = {},
): Promise<Answer> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path, ...rest }, (res: IncomingMessage) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => {
        resolve({ status: res.statusCode ?? 0, headers: res.headers, text: Buffer.concat(chunks).toString() });
      });
      res.on('error', reject);
    });
    req.on('error', reject);
    if (body instanceof Readable) body.pipe(req);
    else req.end(body);
  });
}

/** Constant load, until stopped: every answer that is not 200 and every error is a failure. */
function load(
  port: number,
  options: { lanes: number; path: string; body?: string },
): () => Promise<{ answers: Record<string, number>; failures: unknown[] }> {
  const agent = new Agent({ keepAlive: true });
  const answers: Record<string, number> = {};
  const failures: unknown[] = [];
  const off = new AbortController();
  const lane = async (i: number): Promise<void> => {
    for (let n = i; !off.signal.aborted; n++) {
      try {
        const post = options.body !== undefined && n % 3 === 0;
        const { status, text } = await ask(port, options.path, { agent, ...(post ? { method: 'POST', body: options.body ?? '' } : {}) });
        if (status === 200) answers[text] = (answers[text] ?? 0) + 1;
        else failures.push([status, text]);
      } catch (thrown) {
        failures.push(thrown);
      }
      // A few hundred requests a second, not as many as can be.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const lanes = Array.from({ length: options.lanes }, (_, i) => lane(i));
  return async () => {
    off.abort();
    await Promise.all(lanes);
    agent.destroy();
    return { answers, failures };
  };
}

async function openSocket(port: number): Promise<{ socket: WebSocket; say: (text: string) => Promise<string> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  cleanUp.push(() => {
    socket.close();
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', reject, { once: true });
  });
  const say = (text: string): Promise<string> =>
    new Promise((resolve) => {
      socket.addEventListener(
        'message',
        (event) => {
          resolve(String(event.data));
        },
        { once: true },
      );
      socket.send(text);
    });
  return { socket, say };
}

describe('a route', () => {
  test('balances by weight, smoothly', async () => {
    const { router, port } = await openRouter();
    const [a, b] = [await service('a', 3), await service('b', 1)];
    router.setBackends(KEY, [a.backend, b.backend]);
    const texts: string[] = [];
    for (let i = 0; i < 8; i++) texts.push((await ask(port)).text);
    expect(texts.join('')).toBe('aabaaaba');
    router.setBackends(KEY, [{ ...a.backend, weight: 0 }, b.backend]);
    expect([(await ask(port)).text, (await ask(port)).text]).toEqual(['b', 'b']);
  });

  test('says who asked and for what, and keeps the rest as it was', async () => {
    const { router, port } = await openRouter();
    router.setBackends(KEY, [(await service('a')).backend]);
    const { text } = await ask(port, '/headers?x=1', {
      headers: { Host: 'shop.test', 'X-Forwarded-For': '10.0.0.1', 'X-Mine': 'yes', Connection: 'keep-alive, X-Hop', 'X-Hop': 'no' },
    });
    expect(JSON.parse(text)).toMatchObject({
      host: 'shop.test',
      'x-mine': 'yes',
      'x-forwarded-for': '10.0.0.1, 127.0.0.1',
      'x-forwarded-host': 'shop.test',
      'x-forwarded-port': String(port),
      'x-forwarded-proto': 'http',
    });
    expect(JSON.parse(text)).not.toHaveProperty('x-hop');
  });

  test('passes on status, repeated headers, trailers and bodiless answers', async () => {
    const { router, port } = await openRouter();
    const { backend } = await handler('a', (req, res) => {
      if (req.method === 'HEAD') res.writeHead(204).end();
      else {
        res.writeHead(418, { 'Set-Cookie': ['a=1', 'b=2'], Trailer: 'X-Sum' });
        res.write('tea');
        res.addTrailers({ 'X-Sum': '42' });
        res.end();
      }
    });
    router.setBackends(KEY, [backend]);
    expect(await ask(port)).toMatchObject({ status: 418, text: 'tea', headers: { 'set-cookie': ['a=1', 'b=2'] } });
    expect(await ask(port, '/', { method: 'HEAD' })).toMatchObject({ status: 204, text: '' });
  });

  test('streams 100 MB up without keeping it', async () => {
    const { router, port } = await openRouter();
    router.setBackends(KEY, [(await service('a')).backend]);
    const chunk = Buffer.alloc(1_048_576);
    const before = process.memoryUsage().rss;
    const { text } = await ask(port, '/upload', { method: 'POST', body: Readable.from(Array.from({ length: 100 }, () => chunk)) });
    expect(text).toBe(String(100 * chunk.length));
    expect(process.memoryUsage().rss - before).toBeLessThan(80_000_000);
  });

  test('answers 503 at once where there never was an instance', async () => {
    const { port } = await openRouter();
    const started = performance.now();
    expect(await ask(port)).toMatchObject({ status: 503, text: 'no healthy instance\n', headers: { 'retry-after': '1' } });
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('has requests wait for the replacement of the only instance', async () => {
    const { router, port } = await openRouter();
    const [a, b] = [await service('a'), await service('b')];
    router.setBackends(KEY, [a.backend]);
    expect((await ask(port)).text).toBe('a');
    router.setBackends(KEY, []);
    const waiting = ask(port);
    setTimeout(() => {
      router.setBackends(KEY, [b.backend]);
    }, 100);
    expect(await waiting).toMatchObject({ status: 200, text: 'b' });
  });

  test('goes on to the next instance when one refuses, with a body too', async () => {
    const { router, port } = await openRouter();
    const [a, b] = [await service('a'), await service('b')];
    router.setBackends(KEY, [a.backend, b.backend]);
    await a.stop();
    for (let i = 0; i < 6; i++) {
      expect((await ask(port)).text).toBe('b');
      expect((await ask(port, '/upload', { method: 'POST', body: 'x'.repeat(100_000) })).text).toBe('100000');
    }
  });

  test('does not repeat what may not be repeated, and nothing for ever', async () => {
    const { router, port } = await openRouter();
    let asked = 0;
    const killer: RequestListener = (req) => {
      asked += 1;
      req.socket.destroy();
    };
    const three = [await handler('a', killer), await handler('b', killer), await handler('c', killer)];
    router.setBackends(
      KEY,
      three.map(({ backend }) => backend),
    );
    expect((await ask(port, '/', { method: 'POST', body: 'x' })).status).toBe(502);
    expect(asked).toBe(1);
    expect((await ask(port)).status).toBe(502);
    expect(asked).toBe(3);
  });

  test('survives that instances close kept connections whenever they like', async () => {
    const { router, port } = await openRouter();
    const { backend } = await handler('a', (req, res) => {
      // No hint in the answer: the connection just goes after it.
      res.end('ok', () => setTimeout(() => req.socket.destroy(), 4));
    });
    router.setBackends(KEY, [backend]);
    const stop = load(port, { lanes: 8, path: '/', body: 'x' });
    await new Promise((resolve) => setTimeout(resolve, 600));
    const { answers, failures } = await stop();
    expect(failures).toEqual([]);
    expect(answers['ok']).toBeGreaterThan(40);
  });

  test('tells the instance when the client is gone, and the client when the instance is', async () => {
    const { router, port } = await openRouter();
    let closed: (() => void) | undefined;
    const upstreamClosed = new Promise<void>((resolve) => (closed = resolve));
    const { backend } = await handler('a', (req, res) => {
      if (req.url === '/hang') res.on('close', () => closed?.());
      else {
        res.writeHead(200, { 'Content-Length': '100' });
        res.write('only half', () => req.socket.destroy());
      }
    });
    router.setBackends(KEY, [backend]);
    const client = connect(port, '127.0.0.1', () => client.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n'));
    setTimeout(() => client.destroy(), 50);
    await upstreamClosed;
    await expect(ask(port, '/half')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('ignores an upgrade that it does not know', async () => {
    const { router, port } = await openRouter();
    router.setBackends(KEY, [(await service('a')).backend]);
    expect(
      await ask(port, '/', { headers: { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABk' } }),
    ).toMatchObject({ status: 200, text: 'a' });
  });

  test('keeps its port until it is closed, and says who has it', async () => {
    const { router, port } = await openRouter();
    expect(await router.listen({ key: KEY, service: 'web', host: '127.0.0.1', port: 0 })).toEqual({ host: '127.0.0.1', port });
    const other = createRouter({ clock: systemClock, emit: () => undefined });
    const taken = { key: 'route.api@1', service: 'api', host: '127.0.0.1', port };
    await expect(other.listen(taken)).rejects.toMatchObject({ kind: 'conflict', class: 'port-taken' });
    await router.close(KEY);
    await router.close(KEY);
    expect(await other.listen(taken)).toEqual({ host: '127.0.0.1', port });
    await other.closeAll();
    await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('draining', () => {
  test('waits for what is under way and sends nothing new', async () => {
    const { router, port, events } = await openRouter();
    const [a, b] = [await service('a'), await service('b')];
    router.setBackends(KEY, [a.backend]);
    const slow = ask(port, '/?ms=300');
    await new Promise((resolve) => setTimeout(resolve, 100));
    router.setBackends(KEY, [a.backend, b.backend]);
    const drained = router.drain(KEY, 'a', 5_000);
    expect([(await ask(port)).text, (await ask(port)).text]).toEqual(['b', 'b']);
    expect(await drained).toEqual({ inFlight: 0 });
    expect((await slow).text).toBe('a');
    expect(events).toMatchObject([
      { type: 'drain.started', resource: KEY, instance: 'a' },
      { type: 'drain.finished', resource: KEY, instance: 'a', data: { inFlight: 0 } },
    ]);
  });

  test('cuts off what is left at its timeout, and counts it', async () => {
    const { router, port } = await openRouter();
    router.setBackends(KEY, [(await service('a')).backend]);
    const slow = ask(port, '/?ms=20000', { method: 'POST', body: 'x' });
    const outcome = slow.then(({ status }) => status);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await router.drain(KEY, 'a', 100)).toEqual({ inFlight: 1 });
    expect(await outcome).toBe(502);
    expect(await router.drain(KEY, 'nobody', 1_000)).toEqual({ inFlight: 0 });
  });

  test('no request fails while instances are replaced under load', { timeout: 30_000 }, async () => {
    const { router, port } = await openRouter();
    let current = [await service('v0.a'), await service('v0.b')];
    router.setBackends(
      KEY,
      current.map(({ backend }) => backend),
    );
    const stop = load(port, { lanes: 20, path: '/?ms=10', body: 'payload' });
    for (let version = 1; version <= 3; version++) {
      const next = [await service(`v${version}.a`), await service(`v${version}.b`)];
      router.setBackends(
        KEY,
        [...current, ...next].map(({ backend }) => backend),
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
      for (const old of current) {
        router.setBackends(
          KEY,
          [...current.filter((one) => one !== old), ...next].map(({ backend }) => backend),
        );
        expect(await router.drain(KEY, old.backend.instance, 5_000)).toEqual({ inFlight: 0 });
        await old.stop();
        current = current.filter((one) => one !== old);
      }
      current = next;
      router.setBackends(
        KEY,
        current.map(({ backend }) => backend),
      );
    }
    const { answers, failures } = await stop();
    expect(failures).toEqual([]);
    expect(Object.keys(answers).toSorted()).toEqual(['v0.a', 'v0.b', 'v1.a', 'v1.b', 'v2.a', 'v2.b', 'v3.a', 'v3.b']);
  });
});

describe('a WebSocket', () => {
  test('goes through, past instances that refuse', async () => {
    const { router, port } = await openRouter();
    const [dead, a] = [await service('dead'), await service('a')];
    await dead.stop();
    router.setBackends(KEY, [dead.backend, a.backend]);
    for (let i = 0; i < 2; i++) expect(await (await openSocket(port)).say('hello')).toBe('a: hello');
  });

  test('is under way while it is open: a drain waits for its end', async () => {
    const { router, port } = await openRouter();
    router.setBackends(KEY, [(await service('a')).backend]);
    const { socket, say } = await openSocket(port);
    const drained = router.drain(KEY, 'a', 5_000);
    expect(await say('still here?')).toBe('a: still here?');
    socket.close();
    expect(await drained).toEqual({ inFlight: 0 });
  });

  test('is closed at the end of the drain timeout', async () => {
    const { router, port } = await openRouter();
    router.setBackends(KEY, [(await service('a')).backend]);
    const { socket } = await openSocket(port);
    const closed = new Promise((resolve) => {
      socket.addEventListener('close', resolve, { once: true });
    });
    expect(await router.drain(KEY, 'a', 100)).toEqual({ inFlight: 1 });
    await closed;
  });

  test('ends with its instance, and is refused where there is none', async () => {
    const { router, port } = await openRouter();
    const a = await service('a');
    router.setBackends(KEY, [a.backend]);
    const { socket } = await openSocket(port);
    const closed = new Promise((resolve) => {
      socket.addEventListener('close', resolve, { once: true });
    });
    await a.stop();
    await closed;
    await router.close(KEY);
    const { port: empty } = await router.listen({ key: 'route.api@1', service: 'api', host: '127.0.0.1', port: 0 });
    await expect(openSocket(empty)).rejects.toBeDefined();
  });
});
