/** Up and down, many times, as real commands and real processes. */
import { join } from 'node:path';
import type { UpOutcome } from '../../../src/app/outcomes.ts';
import { buildSpin } from '../../crash/matrix/build.ts';
import { openFiles } from '../memory.ts';
import { type Section, SoakFailure } from '../report.ts';
import { listeningSockets, Place } from './place.ts';

const ID = 'soak';
const SERVER = join(import.meta.dirname, '../../fixtures/e2e-server.cjs');

/** Everything that the local provider makes. */
const SPEC = {
  name: ID,
  ttl: '1h',
  secrets: { token: { generate: 24 } },
  volumes: { data: {} },
  services: {
    db: { run: 'exec sleep 1000', volumes: ['data'], secrets: ['token'], health: { alive: '1ms' } },
    web: { run: ['node', SERVER], replicas: 2, needs: ['db'], expose: 'auto', health: { http: '/healthz', interval: '50ms' } },
  },
};

/** The folders of the state whose purpose it is to tell of what was: journals and what spins cost, until `gc` finds them too old. */
const HISTORY = /^(journals(\/.*)?|ledger\.ndjson|outlines\.json|tag)$/;

/** What there was of a cycle while it was up, and what was left of it. */
interface Cycle {
  readonly answered: boolean;
  readonly lives: number;
  readonly processes: number;
  readonly sockets: number;
  readonly files: readonly string[];
}

export async function soakCycles(count: number): Promise<Section> {
  const build = await buildSpin();
  const place = new Place(build);
  try {
    place.spec(SPEC);
    // Makes the folders and caches that are there for good.
    await cycle(place);
    const history = sum(place.files('state'));
    const ownFiles = openFiles('self');
    const began = performance.now();
    const cycles: Cycle[] = [];
    for (let n = 0; n < count; n++) cycles.push(await cycle(place));
    const seconds = (performance.now() - began) / 1_000;
    const told = sum(place.files('state')) - history;
    await place.spin(['gc', '--yes'], { SPIN_HISTORY_RETAIN: '0s' });
    return {
      name: 'local',
      notes: [
        `${count} times up and down, each a command of its own: a secret, a volume, a service, and two servers behind a route; ${seconds.toFixed(0)} s`,
        'processes by their environment, sockets by their number in the kernel; files below home, temporary folder and state, but for the history',
      ],
      lines: [
        {
          what: 'cycles in which the route answered',
          value: cycles.filter(({ answered }) => answered).length,
          unit: '',
          promised: { exactly: count },
        },
        {
          what: 'cycles with exactly one environment',
          value: cycles.filter(({ lives }) => lives === 1).length,
          unit: '',
          promised: { exactly: count },
        },
        { what: 'processes left', value: total(cycles, ({ processes }) => processes), unit: '', promised: { exactly: 0 } },
        { what: 'ports and sockets left', value: total(cycles, ({ sockets }) => sockets), unit: '', promised: { exactly: 0 } },
        { what: 'files and folders left', value: total(cycles, ({ files }) => files.length), unit: '', promised: { exactly: 0 } },
        { what: 'descriptors that this process has more', value: openFiles('self') - ownFiles, unit: '', promised: { exactly: 0 } },
        { what: 'history, per cycle', value: told / count / 1_000, unit: 'kB' },
        { what: 'journals left by gc when their time is over', value: journalsIn(place), unit: '', promised: { exactly: 0 } },
        { what: 'up and down', value: seconds / count, unit: 's' },
      ],
    };
  } finally {
    await place.remove();
    await build.remove();
  }
}

async function cycle(place: Place): Promise<Cycle> {
  const { result } = JSON.parse(await place.spin(['up', '--output', 'json'])) as { readonly result: UpOutcome };
  const url = result.endpoints.find(({ via }) => via === 'route')?.url;
  if (url === undefined) throw new SoakFailure('the spin has no route');
  const answer = await fetch(url, { headers: { connection: 'close' } });
  await answer.text();
  const sockets = place.listening();
  const instances = place.processes().filter(({ instance }) => instance !== undefined && instance !== 'keeper');
  const lives = place.files('state', 'local', ID);
  await place.spin(['down', ID, '--yes']);
  const processes = await place.settled();
  const still = listeningSockets();
  return {
    answered: answer.status === 200,
    lives: instances.length === 3 && [...lives.keys()].filter((name) => !name.includes('/')).length === 1 ? 1 : 0,
    processes: processes.length,
    sockets: [...sockets.keys()].filter((inode) => still.has(inode)).length,
    files: leftIn(place),
  };
}

/** All that was not there before the first spin and is not history. An empty folder in which things were counts too, but for the four at the top. */
function leftIn(place: Place): readonly string[] {
  const state = [...place.files('state').keys()].filter((name) => !HISTORY.test(name) && !/^(spins|local|drafts)$/.test(name));
  return [...state, ...place.files('tmp').keys(), ...place.files('home').keys()];
}

function journalsIn(place: Place): number {
  return [...place.files('state', 'journals').keys()].filter((name) => name.endsWith('.ndjson')).length;
}

function sum(files: ReadonlyMap<string, number>): number {
  return [...files.values()].reduce((bytes, one) => bytes + one, 0);
}

function total(cycles: readonly Cycle[], of: (cycle: Cycle) => number): number {
  return cycles.reduce((all, one) => all + of(one), 0);
}
