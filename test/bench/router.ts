import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StatusOutcome } from '../../src/app/outcomes.ts';
import { type BenchFolder, leftovers } from './bench-folder.ts';
import { BenchFailure, run } from './command.ts';
import type { Figure, Section } from './figures.ts';
import { type Load, load } from './load.ts';
import { spin } from './spin.ts';

const CONNECTIONS = [1, 32] as const;
const WARM_UP_MS = 500;
const ROUND_MS = 1_500;
/** Of /proc/PID/stat on Linux, whatever the machine. */
const TICK_MS = 10;

type Way = 'direct' | 'router';

interface Sample extends Load {
  /** CPU time of the keeper, which is the router, in microseconds for each request. */
  readonly cpuMicros: number;
}

/** What the router takes away from a direct connection to the one instance behind it. */
export async function measureRouter(folder: BenchFolder, rounds: number): Promise<Section> {
  const file = join(folder.work, 'router.yaml');
  const web = { run: [process.execPath, folder.server], env: { START_MS: '0' }, health: { http: '/' }, expose: 'auto' };
  await writeFile(file, JSON.stringify({ name: 'bench-router', ttl: '10m', services: { web } }));
  await run(spin(folder, ['up', '-f', file]));
  try {
    const urls = addressesOf((await run(spin(folder, ['status', 'bench-router', '-o', 'json']))).stdout);
    const keeper = await keeperPid(folder);
    const samples = new Map<string, Sample[]>();
    for (const way of ['direct', 'router'] as const) await load(urls[way], 32, WARM_UP_MS);
    for (let round = 0; round < rounds; round++) {
      for (const connections of CONNECTIONS) {
        for (const way of round % 2 === 0 ? (['direct', 'router'] as const) : (['router', 'direct'] as const)) {
          const before = await cpuMs(keeper);
          const loaded = await load(urls[way], connections, ROUND_MS);
          const cpuMicros = (((await cpuMs(keeper)) - before) * 1_000) / loaded.requests;
          samples.set(keyOf(way, connections), [...(samples.get(keyOf(way, connections)) ?? []), { ...loaded, cpuMicros }]);
        }
      }
    }
    return {
      name: 'router',
      notes: [
        `${rounds} rounds of ${ROUND_MS / 1_000} s for each line; one instance that answers three bytes; kept-alive connections, one request at a time on each`,
        'load, router and server share the machine: on few cores the direct figure has more of it to itself',
      ],
      figures: CONNECTIONS.flatMap((connections) => figuresOf(connections, samples)),
    };
  } finally {
    await run(spin(folder, ['down', 'bench-router', '--yes']));
  }
}

function figuresOf(connections: number, samples: ReadonlyMap<string, readonly Sample[]>): readonly Figure[] {
  const many = `connections ${connections}`;
  const of = (way: Way, pick: (sample: Sample) => number): readonly number[] => (samples.get(keyOf(way, connections)) ?? []).map(pick);
  const pair = (what: string, unit: string, pick: (sample: Sample) => number): readonly Figure[] => [
    { what: `${many}, ${what}: direct`, unit, values: of('direct', pick) },
    {
      what: `${many}, ${what}: router`,
      unit,
      values: of('router', pick),
      against: { what: 'direct', values: of('direct', pick) },
    },
  ];
  return [
    ...pair('throughput', '/s', ({ perSecond }) => perSecond),
    ...pair('p50', 'ms', ({ p50Ms }) => p50Ms),
    ...pair('p99', 'ms', ({ p99Ms }) => p99Ms),
    { what: `${many}, CPU of the router for a request`, unit: 'µs', values: of('router', ({ cpuMicros }) => cpuMicros) },
  ];
}

function addressesOf(stdout: string): Readonly<Record<Way, string>> {
  const { result } = JSON.parse(stdout) as { readonly result: StatusOutcome };
  const instance = result.resources.flatMap(({ instances }) => instances)[0]?.address;
  const router = result.endpoints.find(({ via }) => via === 'route')?.url;
  if (instance === undefined || router === undefined) throw new BenchFailure('spin status tells of no instance or no route');
  return { direct: `http://${instance}`, router };
}

async function keeperPid(folder: BenchFolder): Promise<number> {
  const keeper = (await leftovers(folder)).find(({ command }) => /bin\/keeper\.js/.test(command));
  if (keeper === undefined) throw new BenchFailure('no keeper was found');
  return keeper.pid;
}

async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function keyOf(way: Way, connections: number): string {
  return `${way} ${connections}`;
}
