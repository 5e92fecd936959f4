import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from 'vitest';
import { createPorts, type Ports } from '../../../src/providers/local/ports.ts';

const TAKER = new URL('../../fixtures/local-port-taker.ts', import.meta.url).pathname;
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).toReversed()) await end();
});

function ports(from: number, to: number): Ports {
  const made = createPorts({ from, to });
  cleanUp.push(() => {
    made.releaseAll();
  });
  return made;
}

async function listenOn(host: string, port: number): Promise<Server> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  cleanUp.push(() => new Promise((resolve) => server.close(resolve)));
  return server;
}

async function taker(from: number, to: number, count: number): Promise<{ child: ChildProcess; taken: readonly number[] }> {
  const child = spawn(process.execPath, [TAKER, String(from), String(to), String(count)], { stdio: ['pipe', 'pipe', 'inherit'] });
  cleanUp.push(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
  for await (const line of createInterface({ input: child.stdout })) return { child, taken: JSON.parse(line) as number[] };
  return { child, taken: [] };
}

describe('ports', () => {
  test('are never handed out twice by several processes at once', async () => {
    const all = (await Promise.all(Array.from({ length: 4 }, () => taker(18_000, 18_119, 30)))).flatMap(({ taken }) => taken);
    expect(all).toHaveLength(120);
    expect(new Set(all).size).toBe(120);
    await expect(ports(18_000, 18_119).reserve()).rejects.toMatchObject({ kind: 'capacity', class: 'ports-exhausted' });
  });

  test('of a process that was killed are free at once', async () => {
    const { child } = await taker(18_200, 18_202, 3);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const mine = ports(18_200, 18_202);
    expect((await Promise.all([mine.reserve(), mine.reserve(), mine.reserve()])).toSorted((a, b) => a - b)).toEqual([
      18_200, 18_201, 18_202,
    ]);
  });

  test('that somebody listens on are passed over, whatever the loopback address', async () => {
    await listenOn('127.0.0.1', 18_210);
    await listenOn('::1', 18_211);
    await listenOn('127.0.0.1', 18_212);
    expect(await ports(18_210, 18_213).reserve()).toBe(18_213);
  });

  test('stay free for the service to bind', async () => {
    const port = await ports(18_220, 18_229).reserve();
    const server = await listenOn('127.0.0.1', port);
    expect(server.listening).toBe(true);
  });

  test('asked for by number are given or refused, also outside of the range', async () => {
    const mine = ports(18_230, 18_231);
    expect(await mine.reserve(18_239)).toBe(18_239);
    await expect(ports(18_230, 18_231).reserve(18_239)).rejects.toMatchObject({ kind: 'conflict', class: 'port-taken' });
    mine.release(18_239);
    expect(await ports(18_230, 18_231).reserve(18_239)).toBe(18_239);
  });

  test('that an adopted process listens on can be held, by one keeper', async () => {
    await listenOn('127.0.0.1', 18_240);
    const [mine, other] = [ports(18_240, 18_240), ports(18_240, 18_240)];
    expect(await mine.hold(18_240)).toBe(true);
    expect(await mine.hold(18_240)).toBe(true);
    expect(await other.hold(18_240)).toBe(false);
  });

  test('many at once are had fast', async () => {
    const started = performance.now();
    const mine = ports(18_400, 19_399);
    const taken = await Promise.all(Array.from({ length: 200 }, () => mine.reserve()));
    expect(new Set(taken).size).toBe(200);
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});
