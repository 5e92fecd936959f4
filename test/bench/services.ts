import { createServer } from 'node:net';
import { type BenchFolder, settled } from './bench-folder.ts';
import { BenchFailure, run } from './command.ts';
import { type Contender, inTurn, pm2Contender, shellContender, spinContender } from './contenders.ts';
import type { Figure, Section } from './figures.ts';
import { installPm2 } from './pm2.ts';
import { ServersWatch } from './servers-watch.ts';

const COUNTS = [1, 5, 20] as const;
const LEFT_MS = 2_000;

/** Times of one round in milliseconds: from the start of the command that brings up, and of the command that ends. */
interface Round {
  readonly healthy: number;
  readonly told: number;
  readonly gone: number;
  readonly returned: number;
}

type Moment = keyof Round;

const MOMENTS: readonly { readonly moment: Moment; readonly what: string }[] = [
  { moment: 'healthy', what: 'healthy' },
  { moment: 'told', what: 'up returned' },
  { moment: 'gone', what: 'gone' },
  { moment: 'returned', what: 'down returned' },
];

/** Time until small HTTP servers are healthy, and until they are gone, for spin and what one would take instead. */
export async function measureServices(folder: BenchFolder, rounds: number, say: (line: string) => void): Promise<Section> {
  const pm2 = await installPm2(folder);
  if ('problem' in pm2) say(`services: pm2 and wait-on are left out, as they could not be installed: ${pm2.problem}`);
  const contenders = [spinContender(folder), shellContender(folder), ...('modules' in pm2 ? [pm2Contender(folder, pm2.modules)] : [])];
  const watch = new ServersWatch(folder);
  await watch.listen();
  const timings = new Map<string, Round[]>();
  try {
    for (let round = -1; round < rounds; round++) {
      for (const count of round < 0 ? [1] : COUNTS) {
        for (const contender of inTurn(contenders, round)) {
          const timed = await measureRound(folder, contender, count, watch);
          const key = keyOf(contender.name, count);
          if (round >= 0) timings.set(key, [...(timings.get(key) ?? []), timed]);
        }
      }
    }
  } finally {
    watch.close();
  }
  return {
    name: 'services',
    notes: [
      `${rounds} rounds; small Node servers that listen 300 ms after their start; spin: one spin with that many services, each checked over HTTP`,
      'healthy: all have answered; gone: no process is left; both seen from outside, from the start of the command that does it',
      'the shell script kills and proves nothing; spin down returns when its inventory is empty; after no round did anything run on',
      ...('problem' in pm2 ? ['pm2 and wait-on could not be installed and are left out'] : []),
    ],
    figures: COUNTS.flatMap((count) => figuresOf(count, contenders, timings)),
  };
}

async function measureRound(folder: BenchFolder, contender: Contender, count: number, watch: ServersWatch): Promise<Round> {
  const { up, down } = await contender.prepare(await freePorts(count), watch.path);
  const begun = performance.now();
  const [{ ms: told }, healthyAt] = await Promise.all([run(up), watch.allHealthy(count)]);
  const ending = performance.now();
  const [{ ms: returned }, goneAt] = await Promise.all([run(down), watch.allGone()]);
  const left = await settled(folder, LEFT_MS);
  if (left.length > 0) throw new BenchFailure(`${contender.name} left ${left.map(({ pid, command }) => `${pid} (${command})`).join(', ')}`);
  return { healthy: healthyAt - begun, told, gone: goneAt - ending, returned };
}

function figuresOf(count: number, contenders: readonly Contender[], timings: ReadonlyMap<string, readonly Round[]>): readonly Figure[] {
  const values = (name: string, moment: Moment): readonly number[] => (timings.get(keyOf(name, count)) ?? []).map((round) => round[moment]);
  return MOMENTS.flatMap(({ moment, what }) =>
    contenders.map(({ name }): Figure => ({
      what: `${count} ${what}: ${name}`,
      unit: 'ms',
      values: values(name, moment),
      ...(name === 'spin' ? { against: { what: 'shell script', values: values('shell script', moment) } } : {}),
      ...(name === 'spin' && count === 20 ? targetOf(moment) : {}),
    })),
  );
}

function targetOf(moment: Moment): Pick<Figure, 'target'> | Record<string, never> {
  if (moment === 'told' || moment === 'healthy') return { target: { most: 1.25, of: 'ratio' } };
  return moment === 'gone' ? { target: { most: 2, of: 'ratio' } } : {};
}

/** Ports that nothing listens on now, all different. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function keyOf(name: string, count: number): string {
  return `${name} ${count}`;
}
