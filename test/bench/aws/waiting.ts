import type { BenchFolder } from '../bench-folder.ts';
import { BenchFailure, run } from '../command.ts';
import type { Section } from '../figures.ts';
import { type AwsContender, rawContender, spinContender } from './contenders.ts';
import { type Ground, LATENCY_MS, makeGround } from './ground.ts';

const COUNT = 10;
const PENDING_MS = 8_000;
const STOPPING_MS = 8_000;
const MOST_LATE_MS = 500;

/** How long after the moment a command returns: that of the instances running, or being terminated. */
interface Late {
  readonly up: number;
  readonly down: number;
}

/** Instances that take their time: how soon is it noticed that they run, and that they are gone? */
export async function measureWaiting(folder: BenchFolder, rounds: number): Promise<Section> {
  const ground = await makeGround({ pendingMs: PENDING_MS, stoppingMs: STOPPING_MS });
  try {
    const contenders = [spinContender(folder, ground), await rawContender(folder, ground)];
    const late = new Map<string, Late[]>();
    for (let round = 0; round < rounds; round++) {
      for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
        late.set(contender.name, [...(late.get(contender.name) ?? []), await measureRound(ground, contender)]);
      }
    }
    const values = (name: string, verb: keyof Late): readonly number[] => (late.get(name) ?? []).map((one) => one[verb]);
    return {
      name: 'waiting',
      notes: [
        `${rounds} rounds; ${COUNT} instances, ${PENDING_MS / 1_000} s pending and ${STOPPING_MS / 1_000} s shutting down; ${LATENCY_MS} ms a call`,
        'from the moment on which the last instance runs, or is terminated, until the command has ended',
        'the moment counts from the arrival of the call at moto, before it is carried out there',
      ],
      figures: (['up', 'down'] as const).flatMap((verb) =>
        contenders.map(({ name }) => ({
          what: `${COUNT} ${verb}, returned after: ${name}`,
          unit: 'ms',
          values: values(name, verb),
          ...(name === 'spin' && verb === 'up' ? { target: { most: MOST_LATE_MS, of: 'value' as const } } : {}),
        })),
      ),
    };
  } finally {
    await ground.close();
  }
}

async function measureRound(ground: Ground, contender: AwsContender): Promise<Late> {
  const { proxy } = ground;
  const { up, down } = await contender.prepare(COUNT, await ground.clear());
  await run(up);
  const upMs = Date.now() - (arrivalOf(proxy, 'RunInstances') + PENDING_MS);
  await run(down);
  const downMs = Date.now() - (arrivalOf(proxy, 'TerminateInstances') + STOPPING_MS);
  const behind = await ground.left();
  if (behind.length > 0) throw new BenchFailure(`${contender.name} left ${behind.join(', ')}`);
  return { up: upMs, down: downMs };
}

/** When the last call of an action came to moto. */
function arrivalOf({ calls }: Ground['proxy'], action: string): number {
  const last = calls.findLast((call) => call.action === action);
  if (last === undefined) throw new BenchFailure(`there was no ${action}`);
  return last.at + LATENCY_MS;
}
