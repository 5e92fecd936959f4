import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { EventBody } from '../../../src/core/events.ts';
import { clientToken, digest, makeIncarnation, parseSpinId, type SpinId } from '../../../src/core/ids.ts';
import type { Desire } from '../../../src/plan/plan.ts';
import { createLocalProvider, type LocalOptions } from '../../../src/providers/local/local.ts';
import { type Instances, readInstances } from '../../../src/providers/local/keeper/state.ts';
import { type SpinFolder, spinFolder } from '../../../src/providers/local/layout.ts';
import { ProcessTable } from '../../../src/providers/local/processes.ts';
import type { Bindings, Call, CreateRequest, Observation, Provider, SpinRef } from '../../../src/providers/provider.ts';
import type { ServiceSpec } from '../../../src/spec/spec.ts';

/** A local provider in a folder of its own, one spin in it, and everything of it ended and deleted after the test. */
export interface LocalWorld {
  readonly provider: Provider;
  readonly options: LocalOptions;
  readonly spin: SpinRef;
  readonly folder: SpinFolder;
  readonly call: Call;
  readonly events: EventBody[];
  request(
    address: string,
    desire: Desire,
    more?: { count?: number; generation?: number; fence?: number; bindings?: Bindings; deadline?: number; needs?: readonly string[] },
  ): CreateRequest;
  keeper(more?: { deadline?: number }): CreateRequest;
  service(
    spec: Partial<ServiceSpec> & { readonly name: string },
    more?: { count?: number; generation?: number; bindings?: Bindings },
  ): CreateRequest;
  observe(request: CreateRequest): Promise<Observation>;
  /** Waits until an observation satisfies `when`. */
  until(request: CreateRequest, when: (observation: Observation) => boolean, timeoutMs?: number): Promise<Observation>;
  /** Pids that carry the mark of the spin, the keeper's left out. */
  pids(): readonly number[];
  keeperPid(): number | undefined;
  instances(): Instances['instances'];
}

const REPOSITORY = resolve(import.meta.dirname, '../../..');
const NOTHING = { kind: 'keeper' } as const;

export function localWorld(more: Partial<LocalOptions> & { readonly id?: SpinId } = {}): LocalWorld {
  const stateDir = more.stateDir ?? mkdtempSync(join(tmpdir(), 'spin ünit '));
  const options: LocalOptions = {
    stateDir,
    stateTag: digest(stateDir).slice(0, 16),
    prices: { process: 0, cpu: 0, memory: 0 },
    ports: { from: 20_000, to: 29_999 },
    logs: { maxBytes: 1_000_000, files: 2 },
    env: { PATH: process.env['PATH'] ?? '', HOME: stateDir },
    keeperCommand: [process.execPath, join(REPOSITORY, 'src/cli/keeper.ts')],
    selfCommand: ['/bin/false'],
    ...more,
  };
  const spin: SpinRef = { id: more.id ?? parseSpinId('web'), incarnation: makeIncarnation(systemClock.now()), trace: '0'.repeat(32) };
  const events: EventBody[] = [];
  const call: Call = { clock: systemClock, signal: new AbortController().signal, emit: (body) => void events.push(body) };
  const provider = createLocalProvider(options);
  const folder = spinFolder(stateDir, spin.id, spin.incarnation);

  onTestFinished(async () => {
    await provider.reclaim(await provider.inventory({}, call), call);
    rmSync(stateDir, { recursive: true, force: true });
  });

  const marked = (keeper: boolean): readonly number[] =>
    new ProcessTable()
      .marked(
        ({ mark }) => mark.state === options.stateTag && mark.incarnation === spin.incarnation && (mark.instance === 'keeper') === keeper,
      )
      .map(({ pid }) => pid);

  const world: LocalWorld = {
    provider,
    options,
    spin,
    folder,
    call,
    events,
    request: (
      address,
      desire,
      { count = 1, generation = 1, fence = 1, bindings = {}, deadline = systemClock.now() + 600_000, needs = [] } = {},
    ) => ({
      spin,
      key: `${address}@${generation}`,
      address,
      kind: desire.kind,
      generation,
      token: clientToken(spin.id, spin.incarnation, address, generation),
      count,
      desire,
      needs,
      fence,
      tags: {},
      deadline,
      bindings,
    }),
    keeper: (details = {}) => world.request('keeper.keeper', NOTHING, details),
    service: (spec, details = {}) =>
      world.request(
        `service.${spec.name}`,
        { kind: 'service', service: serviceSpec(stateDir, spec), baseDir: stateDir },
        { count: spec.replicas ?? 1, ...details },
      ),
    observe: async (request) => {
      const observation = (await provider.observe([request], call)).get(request.key);
      if (observation === undefined) throw new Error(`no answer for ${request.key}`);
      return observation;
    },
    until: async (request, when, timeoutMs = 15_000) => {
      const giveUp = systemClock.now() + timeoutMs;
      for (;;) {
        const observation = await world.observe(request);
        if (when(observation)) return observation;
        if (systemClock.now() > giveUp) throw new Error(`still ${JSON.stringify(observation)}`);
        await provider.nextChange(spin, 500, call);
      }
    },
    pids: () => marked(false),
    keeperPid: () => marked(true)[0],
    instances: () => readInstances(folder.instances)?.instances ?? {},
  };
  return world;
}

/** A service spec with quick timings. */
export function serviceSpec(dir: string, spec: Partial<ServiceSpec> & { readonly name: string }): ServiceSpec {
  return {
    run: httpServer(),
    job: false,
    replicas: 1,
    dir,
    port: 'auto',
    needs: [],
    env: {},
    secrets: [],
    volumes: [],
    bootstrap: [],
    health: {
      probe: { type: 'http', path: '/' },
      intervalMs: 200,
      timeoutMs: 1_000,
      healthyAfter: 1,
      unhealthyAfter: 2,
      deadlineMs: 10_000,
    },
    restart: { policy: 'always', max: 5, windowMs: 60_000 },
    drain: { signal: 'SIGTERM', timeoutMs: 2_000 },
    cloud: { instanceTypes: [], spot: false, address: 'private' },
    ...spec,
  };
}

/** A list that runs an HTTP server on PORT; `extra` is code that runs first. */
export function httpServer(extra = ''): readonly [string, ...string[]] {
  return [
    process.execPath,
    '-e',
    `${extra};require('node:http').createServer((q,s)=>s.end(process.env.SPIN_INSTANCE+' '+process.pid)).listen(process.env.PORT,'127.0.0.1')`,
  ];
}

/** True where a pid is a process that runs. */
export function lives(pid: number): boolean {
  return new ProcessTable().find(pid) !== undefined;
}

/** Kills the keeper with -9 and waits until it is gone. */
export async function endKeeper(world: LocalWorld): Promise<void> {
  const pid = world.keeperPid();
  if (pid === undefined) return;
  process.kill(pid, 'SIGKILL');
  while (lives(pid)) await systemClock.sleep(5);
}
