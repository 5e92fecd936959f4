/** One keeper that lives long: its memory and its descriptors while services come and go beside one that is asked and checked. */
import { join } from 'node:path';
import { systemClock } from '../../../src/core/clock.ts';
import { clientToken, digest, type Incarnation, parseSpinId } from '../../../src/core/ids.ts';
import type { UpOutcome } from '../../../src/app/outcomes.ts';
import { createLocalProvider } from '../../../src/providers/local/local.ts';
import type { Call, CreateRequest, Provider, SpinRef } from '../../../src/providers/provider.ts';
import { load } from '../../bench/load.ts';
import { buildSpin } from '../../crash/matrix/build.ts';
import { serviceSpec } from '../../cost/records.ts';
import { medianOf, openFiles, residentMemory } from '../memory.ts';
import { type Section, SoakFailure } from '../report.ts';
import { Place } from './place.ts';

const ID = 'soak';
const SERVER = join(import.meta.dirname, '../../fixtures/e2e-server.cjs');
const SPEC = {
  name: ID,
  ttl: '8h',
  services: { web: { run: ['node', SERVER], expose: 'auto', health: { http: '/healthz', interval: '50ms' } } },
};

/** So much of the run is left to the runtime to find its size. */
const SETTLED_AFTER = 0.5;
/** Growth over the second half of the run: what a collection that has not come yet explains. */
const MOST_GROWTH_MB = 8;
const LOOKS = 200;
const REQUESTS_MS_PER_TURN = 20;
const CONNECTIONS = 4;

interface Sample {
  readonly megabytes: number;
  readonly files: number;
}

export async function soakKeeper(turns: number): Promise<Section> {
  const build = await buildSpin();
  const place = new Place(build);
  try {
    place.spec(SPEC);
    const { result } = JSON.parse(await place.spin(['up', '--output', 'json'])) as { readonly result: UpOutcome };
    const url = result.endpoints.find(({ via }) => via === 'route')?.url;
    if (url === undefined) throw new SoakFailure('the spin has no route');
    const { pid } = place.keeper();
    const began = performance.now();
    const samples: Sample[] = [];
    const every = Math.max(1, Math.floor(turns / LOOKS));
    const turning = turnServices(place, result, turns, (turn) => {
      if (turn % every === 0) samples.push({ megabytes: residentMemory(pid), files: openFiles(pid) });
    });
    // As long as the turns last, and no less; the server writes a line into its log for each.
    let requests = 0;
    let over = false;
    const asking = (async () => {
      while (!over) requests += (await load(`${url}/`, CONNECTIONS, REQUESTS_MS_PER_TURN)).requests;
    })();
    await turning.finally(() => (over = true));
    await asking;
    const seconds = (performance.now() - began) / 1_000;
    const same = place.keeper().pid === pid;
    await place.spin(['down', ID, '--yes']);
    const left = await place.settled();
    const late = samples.slice(Math.floor(samples.length * SETTLED_AFTER));
    const [third, last] = [late.slice(0, late.length / 2), late.slice(late.length / 2)];
    const memory = (some: readonly Sample[]): number => medianOf(some.map(({ megabytes }) => megabytes));
    return {
      name: 'keeper',
      notes: [
        `one keeper, ${turns} services made and released over its control socket, one after the other, and ${requests} requests through its router; ${seconds.toFixed(0)} s`,
        'medians of the quarters of the run; a health check every 50 ms goes on all the time',
      ],
      lines: [
        { what: 'the same keeper at the end', value: Number(same), unit: '', promised: { exactly: 1 } },
        { what: 'resident memory, third quarter', value: memory(third), unit: 'MB' },
        { what: 'resident memory, last quarter', value: memory(last), unit: 'MB' },
        {
          what: 'growth from the third to the last quarter',
          value: memory(last) - memory(third),
          unit: 'MB',
          promised: { most: MOST_GROWTH_MB },
        },
        {
          what: 'growth per thousand services, second half',
          value: slopeOf(late.map(({ megabytes }) => megabytes)) * (1_000 / every),
          unit: 'MB',
        },
        {
          what: 'descriptors, last quarter against the third',
          value: medianOf(last.map(({ files }) => files)) - medianOf(third.map(({ files }) => files)),
          unit: '',
          promised: { most: 2 },
        },
        { what: 'processes left', value: left.length, unit: '', promised: { exactly: 0 } },
      ],
    };
  } finally {
    await place.remove();
    await build.remove();
  }
}

/** Makes a service, waits until it runs, and releases it until it is gone; again and again, as commands would. */
async function turnServices(place: Place, { incarnation }: UpOutcome, turns: number, look: (turn: number) => void): Promise<void> {
  const provider = createLocalProvider({
    stateDir: place.state,
    stateTag: digest(place.state).slice(0, 16),
    prices: { process: 0, cpu: 0, memory: 0 },
    ports: { from: 20_000, to: 29_999 },
    logs: { maxBytes: 1_000_000, files: 2 },
    env: place.env,
    keeperCommand: ['/bin/false'],
    selfCommand: ['/bin/false'],
  });
  const spin: SpinRef = { id: parseSpinId(ID), incarnation: incarnation as Incarnation, trace: '0'.repeat(32) };
  const call: Call = { clock: systemClock, signal: new AbortController().signal, emit: () => undefined };
  for (let turn = 1; turn <= turns; turn++) {
    const request = requestOf(spin, place, turn);
    await provider.create(request, call);
    await until(provider, request, call, 'running');
    if ((await provider.release(request, FENCE, call)) !== 'absent') await until(provider, request, call, 'absent');
    look(turn);
  }
}

/** Above that of the command that made the spin. */
const FENCE = 2;

function requestOf(spin: SpinRef, { work }: Place, turn: number): CreateRequest {
  const name = 'guest';
  const address = `service.${name}` as const;
  const health = {
    probe: { type: 'alive', forMs: 0 },
    intervalMs: 50,
    timeoutMs: 500,
    healthyAfter: 1,
    unhealthyAfter: 2,
    deadlineMs: 10_000,
  } as const;
  return {
    spin,
    key: `${address}@${turn}`,
    address,
    kind: 'service',
    generation: turn,
    token: clientToken(spin.id, spin.incarnation, address, turn),
    count: 1,
    desire: { kind: 'service', service: serviceSpec(name, { run: ['sleep', '1000'], port: 'none', dir: work, health }), baseDir: work },
    needs: [],
    fence: FENCE,
    tags: {},
    deadline: systemClock.now() + 8 * 3_600_000,
    bindings: {},
  };
}

const PATIENCE_MS = 30_000;

async function until(provider: Provider, request: CreateRequest, call: Call, state: 'running' | 'absent'): Promise<void> {
  const giveUp = systemClock.now() + PATIENCE_MS;
  for (;;) {
    const seen = (await provider.observe([request], call)).get(request.key);
    if (seen?.state === state) return;
    if (systemClock.now() > giveUp) throw new SoakFailure(`${request.key} is ${seen?.state}, not ${state}: ${seen?.reason}`);
    await provider.nextChange(request.spin, 500, call);
  }
}

/** By least squares, for each step. */
function slopeOf(values: readonly number[]): number {
  const mid = (values.length - 1) / 2;
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  const up = values.reduce((sum, value, place) => sum + (place - mid) * (value - mean), 0);
  return up / values.reduce((sum, _, place) => sum + (place - mid) ** 2, 0);
}
