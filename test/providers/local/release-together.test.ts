import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';
import { type KeeperRequest, serveControl } from '../../../src/providers/local/control.ts';
import { keeperConfig, makeFolder } from '../../../src/providers/local/keeper-start.ts';
import { spinFolder } from '../../../src/providers/local/layout.ts';
import { releaseTogether } from '../../../src/providers/local/release-together.ts';
import type { Call } from '../../../src/providers/provider.ts';

/** A folder in which something answers as a keeper that has nothing, and what it was asked. */
async function listening() {
  const stateDir = mkdtempSync(join(tmpdir(), 'spin-'));
  const spin = { id: parseSpinId('web'), incarnation: makeIncarnation(systemClock.now()), trace: '0'.repeat(32) };
  const folder = spinFolder(stateDir, spin.id, spin.incarnation);
  makeFolder(folder);
  const asked: KeeperRequest[] = [];
  const server = await serveControl(folder.root, (request) => {
    asked.push(request);
    return Promise.resolve({ pid: process.pid, version: 1, deadline: 0, resources: {} });
  });
  onTestFinished(async () => {
    await server.close();
    rmSync(stateDir, { recursive: true, force: true });
  });
  const limits = { ports: { from: 20_000, to: 29_999 }, logs: { maxBytes: 1_000, files: 1 } };
  const config = keeperConfig({ stateDir, stateTag: 'tag', ...limits, selfCommand: ['/bin/false'] }, spin);
  const release = (key: string, call: Call, fence = 1) =>
    releaseTogether(folder, fence, key, { command: ['/bin/false'], env: {}, config }, call);
  return { asked, release };
}

function call(): Call {
  return { clock: systemClock, signal: new AbortController().signal, emit: () => undefined };
}

test('what one command releases at the same moment is one request', async () => {
  const { asked, release } = await listening();
  const one = call();
  await Promise.all(['service.a@1', 'service.b@1', 'route.c@1'].map((key) => release(key, one)));
  expect(asked).toEqual([{ verb: 'release', fence: 1, keys: ['service.a@1', 'service.b@1', 'route.c@1'] }]);
});

test('what is released later, under another number or by another command is a request of its own', async () => {
  const { asked, release } = await listening();
  const one = call();
  await release('service.a@1', one);
  await Promise.all([release('service.b@1', one), release('service.d@1', call()), release('service.c@1', one, 2)]);
  expect(asked.map((request) => ('keys' in request ? request.keys.join() : '')).toSorted()).toEqual([
    'service.a@1',
    'service.b@1',
    'service.c@1',
    'service.d@1',
  ]);
});
