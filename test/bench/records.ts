import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { clientToken, makeIncarnation, makeTraceId, parseSpinId } from '../../src/core/ids.ts';
import { usd } from '../../src/core/money.ts';
import { buildPlan } from '../../src/plan/build.ts';
import type { PlannedResource } from '../../src/plan/plan.ts';
import { loadSpec } from '../../src/spec/load.ts';
import type { Spec } from '../../src/spec/spec.ts';
import { createFileStore } from '../../src/store/file-store.ts';
import { RECORD_SCHEMA, type ResourceRecord, type SpinRecord } from '../../src/store/record.ts';
import type { BenchFolder } from './bench-folder.ts';
import { BenchFailure } from './command.ts';

const SPEC = `
name: review
ttl: 8h
owner: bench
tags: { team: web }
secrets: { db-password: { generate: 32 } }
volumes: { data: {} }
services:
  db: { run: [db], port: auto, secrets: [db-password], volumes: [data], cpu: 1, memory: 1GiB }
  api: { run: [api], needs: [db], env: { DB: "\${services.db.address}" }, health: { http: /health }, replicas: 2, cpu: 0.5, memory: 512MiB }
  web: { run: [web], env: { API: "\${services.api.address}" }, health: { http: / }, expose: auto, drain: { timeout: 5s } }
`;

const WRITERS = 16;

/**
 * Fills a state folder with records of ready spins of three services, through the store itself. None of them has a process:
 * `gc` therefore has a verdict with a reason to print for each, which is its longest answer.
 */
export async function writeRecords(folder: BenchFolder, count: number): Promise<string> {
  const dir = join(folder.root, `state-${count}`);
  const store = createFileStore({ dir, clock: systemClock });
  const spec = await benchSpec(folder);
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const written = await store.write(undefined, { record: recordOf(spec, index), lease: undefined, fence: 1 });
      if (written === 'conflict') throw new BenchFailure(`record ${index} was there already`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  return dir;
}

async function benchSpec(folder: BenchFolder): Promise<Spec> {
  const { spec } = await loadSpec({
    text: SPEC,
    file: 'spin.yaml',
    baseDir: folder.work,
    env: {},
    git: () => Promise.reject(new BenchFailure('the spec asks for no git facts')),
    defaults: { provider: 'local', owner: 'bench', tags: {} },
    overrides: {},
  });
  return spec;
}

function recordOf(spec: Spec, index: number): SpinRecord {
  const now = systemClock.now();
  const id = parseSpinId(`review-${String(index).padStart(5, '0')}`);
  const incarnation = makeIncarnation(now - 60_000);
  const plan = buildPlan(
    { ...spec, name: id },
    {
      kinds: ['keeper', 'secret', 'volume', 'service', 'route', 'registration'],
      price: ({ kind }) => (kind === 'service' ? usd(0.01) : 0),
    },
  );
  const resources = plan.resources.map((planned) => readyResource(planned, clientToken(id, incarnation, planned.address, 1), now - 60_000));
  return {
    schema: RECORD_SCHEMA,
    id,
    incarnation,
    trace: makeTraceId(),
    provider: 'local',
    owner: spec.owner,
    tags: spec.tags,
    spec: { ...spec, name: id },
    specFile: 'spin.yaml',
    desired: 'up',
    createdAt: now - 60_000,
    updatedAt: now - 50_000,
    deadline: now + spec.ttlMs,
    readyAt: now - 50_000,
    enforcers: [{ name: 'keeper', armed: true, detail: 'ends the spin by itself' }],
    resources: Object.fromEntries(resources.map((resource) => [resource.key, resource])),
    generations: Object.fromEntries(resources.map(({ address }) => [address, 1])),
    spent: [{ resource: 'service.api@0', service: 'api', from: now - 60_000, to: now - 55_000, hourly: usd(0.01) }],
  };
}

function readyResource(planned: PlannedResource, token: string, requestedAt: number): ResourceRecord {
  const { address, kind, count, digest, desire, strategy, needs, hourly } = planned;
  return {
    key: `${address}@1`,
    address,
    kind,
    generation: 1,
    token,
    count,
    digest,
    desire,
    strategy,
    needs: needs.map((need) => `${need}@1`),
    hourly,
    bound: '',
    requestedAt,
    since: requestedAt + 400,
    status: 'ready',
    handle: { key: `${address}@1` },
    endpoints: desire.kind === 'service' ? [{ service: desire.service.name, via: 'instance', host: '127.0.0.1', port: 20_001 }] : [],
    readyAt: requestedAt + 400,
  };
}
