import type { BenchFolder } from '../bench-folder.ts';
import { run } from '../command.ts';
import type { Section } from '../figures.ts';
import { type AwsContender, rawContender, spinContender } from './contenders.ts';
import { type Ground, makeGround } from './ground.ts';
import { peakMemory } from './watched.ts';

const COUNT = 50;
const MOST_MB = 120;

/** The most memory that a command and what it starts hold. */
export async function measureMemory(folder: BenchFolder, rounds: number): Promise<Section> {
  const ground = await makeGround();
  try {
    const contenders = [spinContender(folder, ground), await rawContender(folder, ground)];
    const peaks = new Map<string, { readonly up: number; readonly down: number }[]>();
    for (const contender of contenders) await unmeasured(ground, contender);
    for (let round = 0; round < rounds; round++) {
      for (const contender of contenders) {
        const { up, down } = await contender.prepare(COUNT, await ground.clear());
        const peak = { up: await peakMemory(folder, up), down: await peakMemory(folder, down) };
        peaks.set(contender.name, [...(peaks.get(contender.name) ?? []), peak]);
      }
    }
    return {
      name: 'memory',
      notes: [`${rounds} rounds; ${COUNT} instances; resident memory of the command and of all that it starts, looked at every 10 ms`],
      figures: (['up', 'down'] as const).flatMap((verb) =>
        contenders.map(({ name }) => ({
          what: `${COUNT} ${verb}, peak: ${name}`,
          unit: 'MB',
          values: (peaks.get(name) ?? []).map((peak) => peak[verb]),
          ...(name === 'spin' ? { target: { most: MOST_MB, of: 'value' as const } } : {}),
        })),
      ),
    };
  } finally {
    await ground.close();
  }
}

/** The first run leaves its compiled code for the next. */
async function unmeasured(ground: Ground, contender: AwsContender): Promise<void> {
  const { up, down } = await contender.prepare(COUNT, await ground.clear());
  await run(up);
  await run(down);
}
