import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { makeIncarnation, parseSpinId } from '../../../src/core/ids.ts';
import { type KeeperRequest, serveControl } from '../../../src/providers/local/control.ts';
import { keeperConfig, makeFolder } from '../../../src/providers/local/keeper-start.ts';
import { spinFolder } from '../../../src/providers/local/layout.ts';
import { applyTogether, releaseTogether } from '../../../src/providers/local/together.ts';
import { Fault } from '../../../src/providers/fault.ts';
import type { Wanted } from '../../../src/providers/local/keeper/state.ts';
import { Told } from '../../../src/providers/local/told.ts';
import type { Call } from '../../../src/providers/provider.ts';

/** A folder in which something answers as a keeper that has nothing, and what it was asked. */
async function listening() {
  const stateDir = mkdtempSync(join(tmpdir(), 'spin-'));
  const spin = { id: parseSpinId('web'), incarnation: makeIncarnation(systemClock.now()), trace: '0'.repeat(32) };
  const folder = spinFolder(stateDir, spin.id, spin.incarnation);
  makeFolder(folder);
  const asked: KeeperRequest[] = [];
  const refused = new Set<string>();
  const server = await serveControl(folder.root, (request) => {
    asked.push(request);
    if ('wanted' in request && request.wanted.some(({ key }) => refused.has(key)))
      return Promise.reject(new Fault('conflict', 'other-token', `${[...refused].join()} was made by another request`));
    return Promise.resolve({ pid: process.pid, version: 1, deadline: 0, resources: {} });
  });
  onTestFinished(async () => {
    await server.close();
    rmSync(stateDir, { recursive: true, force: true });
  });
  const limits = { ports: { from: 20_000, to: 29_999 }, logs: { maxBytes: 1_000, files: 1 } };
  const config = keeperConfig({ stateDir, stateTag: 'tag', ...limits, selfCommand: ['/bin/false'] }, spin);
  const start = { command: ['/bin/false'], env: {}, config } as const;
  const release = (key: string, call: Call, fence = 1) => releaseTogether(key, { folder, fence, start, call, told: new Told() });
  const apply = (wanted: Wanted, by: Call) => applyTogether(wanted, { folder, fence: 1, start, call: by, told: new Told() });
  return { asked, refused, release, apply };
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

test('what one command begins at the same moment is one request, and a refusal is of the one that is meant', async () => {
  const { asked, refused, apply } = await listening();
  refused.add('route.b@1');
  const one = call();
  const answers = await Promise.allSettled(['a', 'b', 'c'].map((name) => apply(route(name), one)));
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(asked.map((request) => ('wanted' in request ? request.wanted.map(({ key }) => key).join() : ''))).toEqual([
    'route.a@1,route.b@1,route.c@1',
    'route.a@1',
    'route.b@1',
    'route.c@1',
  ]);
});

function route(name: string): Wanted {
  const address = `route.${name}` as const;
  return {
    kind: 'route',
    key: `${address}@1`,
    address,
    generation: 1,
    token: name,
    releasing: false,
    service: name,
    expose: { port: 'auto', host: '127.0.0.1' },
  };
}
