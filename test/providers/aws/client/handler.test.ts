import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { createHandler, type Patience } from '../../../../src/providers/aws/client/handler.ts';
import { toFault } from '../../../../src/providers/aws/faults.ts';
import { type SelfSigned, selfSigned } from '../../../fakes/tls/certificate.ts';
import { startFront } from '../../../fakes/tls/front.ts';
import { startTunnel } from '../../../fakes/tls/tunnel.ts';
import { startEndpoint } from './endpoint.ts';

const open: { close(): unknown }[] = [];
let certificate: SelfSigned;

beforeAll(() => {
  certificate = selfSigned(systemClock.now());
});

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

describe('over TLS', () => {
  test('an endpoint is not believed whose certificate nobody vouches for, and what to do is said', async () => {
    const port = await secureEndpoint();
    const fault = toFault(await thrownBy(port, {}), { action: 'ec2:DescribeVolumes' });
    expect(fault).toMatchObject({ kind: 'invalid', class: 'untrusted-certificate' });
    expect(fault.message).toMatch(/^ec2:DescribeVolumes: self-signed certificate.*AWS_CA_BUNDLE/);
  });

  test('AWS_CA_BUNDLE says whom to believe', async () => {
    const port = await secureEndpoint();
    const { response } = await ask(port, { AWS_CA_BUNDLE: file(certificate.cert) });
    expect([response.statusCode, String(response.body)]).toEqual([200, 'asked: body']);
  });

  test('AWS_CA_BUNDLE stands instead of what else is believed', async () => {
    const port = await secureEndpoint();
    const fault = toFault(await thrownBy(port, { AWS_CA_BUNDLE: file(selfSigned(systemClock.now()).cert) }), { action: 'x' });
    expect(fault.class).toBe('untrusted-certificate');
  });

  test('a bundle that cannot be read is named', async () => {
    const port = await secureEndpoint();
    const thrown = await thrownBy(port, { AWS_CA_BUNDLE: '/nowhere/ca.pem' });
    expect(thrown).toMatchObject({ kind: 'invalid', class: 'untrusted-certificate', message: expect.stringContaining('/nowhere/ca.pem') });
  });

  test('a connection that is never secured is given up', async () => {
    const port = await silentPort();
    const thrown = await thrownBy(port, {}, { connectMs: 50, answerMs: 5_000 });
    expect(thrown).toMatchObject({ kind: 'transient', class: 'unreachable', message: expect.stringContaining('connection within') });
  });

  test('goes through the proxy that the environment names, but for what it leaves out', async () => {
    const port = await secureEndpoint();
    const proxy = await startTunnel();
    open.push(proxy);
    const env = { AWS_CA_BUNDLE: file(certificate.cert), HTTPS_PROXY: proxy.url };
    expect((await ask(port, env)).response.statusCode).toBe(200);
    expect(proxy.asked).toEqual([`127.0.0.1:${port}`]);
    expect((await ask(port, { ...env, NO_PROXY: '127.0.0.1' })).response.statusCode).toBe(200);
    expect(proxy.asked).toHaveLength(1);
  });
});

async function secureEndpoint(): Promise<number> {
  const endpoint = await startEndpoint(({ body }) => ({ status: 200, body: `asked: ${body}` }));
  const front = await startFront(endpoint.url, certificate);
  open.push(front, endpoint);
  return front.port;
}

/** Accepts connections and says nothing. */
async function silentPort(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket));
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function ask(port: number, env: Readonly<Record<string, string>>, patience?: Patience) {
  const handler = createHandler(env, patience);
  onTestFinished(() => handler.destroy?.());
  return handler.handle({ protocol: 'https:', hostname: '127.0.0.1', port, method: 'POST', path: '/p', headers: {}, body: 'body' });
}

async function thrownBy(port: number, env: Readonly<Record<string, string>>, patience?: Patience): Promise<unknown> {
  return ask(port, env, patience).then(
    () => expect.unreachable('it was believed'),
    (thrown: unknown) => thrown,
  );
}

function file(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'spin-ca-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'ca.pem');
  writeFileSync(path, content);
  return path;
}
