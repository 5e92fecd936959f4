import type { BenchFolder } from '../bench-folder.ts';
import { BenchFailure, run } from '../command.ts';
import { inTurn } from '../contenders.ts';
import type { Figure, Section } from '../figures.ts';
import { type AwsContender, rawContender, spinContender } from './contenders.ts';
import { type Ground, LATENCY_MS, makeGround } from './ground.ts';
import { findPeers } from './peers.ts';

const COUNTS = [1, 10, 50] as const;
/** Rounds in which the slow ones take part. */
const SLOW_ROUNDS = 2;
const MOST_CALLS_AGAIN = 3;
const MOST_MS_AGAIN = 500;
const MOST_OF_RAW = 1.15;

/** What one contender took in one round: time in milliseconds, and calls that arrived at the proxy. */
interface Round {
  readonly upMs: number;
  readonly downMs: number;
  readonly upCalls: number;
  readonly downCalls: number;
  /** Of an up with nothing to do, which spin alone is asked for. */
  readonly againMs?: number;
  readonly againCalls?: number;
}

type Rounds = Map<string, Round[]>;

/** Time and calls until so many instances run, and until they are gone. */
export async function measureSizes(folder: BenchFolder, rounds: number, say: (line: string) => void): Promise<Section> {
  const ground = await makeGround();
  try {
    const { there, absent } = await findPeers(folder, ground);
    for (const line of absent) say(`sizes: left out: ${line}`);
    const contenders = [spinContender(folder, ground), await rawContender(folder, ground), ...there];
    const [timings, actions]: [Rounds, Map<string, string>] = [new Map(), new Map()];
    for (let round = -1; round < rounds; round++) {
      for (const count of round < 0 ? [1] : COUNTS) {
        const taking = contenders.filter(({ slow = false }) => !slow || round < SLOW_ROUNDS);
        for (const contender of inTurn(taking, round)) {
          const key = keyOf(contender.name, count);
          const timed = await measureRound(ground, contender, count, (what, text) => actions.set(`${key} ${what}`, text));
          if (round >= 0) timings.set(key, [...(timings.get(key) ?? []), timed]);
        }
      }
    }
    const names = contenders.map(({ name }) => name);
    return {
      name: 'sizes',
      notes: [
        `${rounds} rounds, ${Math.min(rounds, SLOW_ROUNDS)} of the peers; moto behind a proxy that adds ${LATENCY_MS} ms to each call; instances run at the first look; whole commands`,
        'raw minimum: the same SDK, bundled, with the calls alone without which there are no instances; nothing checked, nothing kept',
        ...absent.map((line) => `left out: ${line}`),
        ...COUNTS.flatMap((count) =>
          ['up', 'again', 'down'].map(
            (what) => `calls of spin, ${count} ${what}: ${actions.get(`${keyOf('spin', count)} ${what}`) ?? '?'}`,
          ),
        ),
      ],
      figures: [...COUNTS.flatMap((count) => figuresOf(count, names, timings)), ...growthOf(timings)],
    };
  } finally {
    await ground.close();
  }
}

async function measureRound(
  ground: Ground,
  contender: AwsContender,
  count: number,
  note: (what: string, actions: string) => void,
): Promise<Round> {
  const { proxy } = ground;
  const { up, down } = await contender.prepare(count, await ground.clear());
  const timed = async (what: string, command: typeof up): Promise<{ readonly ms: number; readonly calls: number }> => {
    proxy.forgetCalls();
    const { ms } = await run(command);
    const counts = Object.entries(proxy.counts());
    note(
      what,
      `${counts.reduce((sum, [, calls]) => sum + calls, 0)} (${counts.map(([action, calls]) => `${action} ${calls}`).join(', ')})`,
    );
    return { ms, calls: proxy.calls.length };
  };
  const made = await timed('up', up);
  const running = (await ground.left()).filter((line) => line.startsWith('instance'));
  if (running.length !== count) throw new BenchFailure(`${contender.name} made ${running.length} instances, not ${count}`);
  const again = contender.name === 'spin' ? await timed('again', up) : undefined;
  const ended = await timed('down', down);
  const behind = await ground.left();
  if (behind.length > 0) throw new BenchFailure(`${contender.name} left ${behind.join(', ')}`);
  return {
    upMs: made.ms,
    upCalls: made.calls,
    downMs: ended.ms,
    downCalls: ended.calls,
    ...(again === undefined ? {} : { againMs: again.ms, againCalls: again.calls }),
  };
}

function figuresOf(count: number, names: readonly string[], timings: Rounds): readonly Figure[] {
  const values = (name: string, field: keyof Round): readonly number[] => valuesOf(timings, name, count, field);
  const times = (what: string, field: 'upMs' | 'downMs', target: Pick<Figure, 'target'>): readonly Figure[] =>
    names.map((name) => ({
      what: `${count} ${what}: ${name}`,
      unit: 'ms',
      values: values(name, field),
      ...(name === 'raw minimum' ? {} : { against: { what: 'raw minimum', values: values('raw minimum', field) } }),
      ...(name === 'spin' ? target : {}),
    }));
  const calls = (what: string, field: 'upCalls' | 'downCalls'): readonly Figure[] =>
    names.map((name) => ({ what: `${count} ${what}: ${name}`, unit: 'calls', values: values(name, field) }));
  return [
    ...times('up', 'upMs', { target: { most: MOST_OF_RAW, of: 'ratio' } }),
    ...times('down', 'downMs', {}),
    { what: `${count} up again: spin`, unit: 'ms', values: values('spin', 'againMs'), target: { most: MOST_MS_AGAIN, of: 'value' } },
    ...calls('up', 'upCalls'),
    ...calls('down', 'downCalls'),
    {
      what: `${count} up again: spin`,
      unit: 'calls',
      values: values('spin', 'againCalls'),
      target: { most: MOST_CALLS_AGAIN, of: 'value' },
    },
  ];
}

/** Whether the number of calls stays the same however many instances there are. */
function growthOf(timings: Rounds): readonly Figure[] {
  const [least, ...more] = COUNTS;
  return (['upCalls', 'downCalls', 'againCalls'] as const).flatMap((field) =>
    more.map((count): Figure => ({
      what: `calls of spin, ${{ upCalls: 'up', downCalls: 'down', againCalls: 'up again' }[field]}, ${count} instances`,
      unit: 'calls',
      values: valuesOf(timings, 'spin', count, field),
      against: { what: `${least} instance`, values: valuesOf(timings, 'spin', least, field) },
      target: { most: 1, of: 'ratio' },
    })),
  );
}

function valuesOf(timings: Rounds, name: string, count: number, field: keyof Round): readonly number[] {
  return (timings.get(keyOf(name, count)) ?? []).map((round) => round[field] ?? Number.NaN);
}

function keyOf(name: string, count: number): string {
  return `${name} ${count}`;
}
