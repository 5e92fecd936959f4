import { randomInt } from 'node:crypto';
import { expect } from 'vitest';
import { Dice } from '../hostile/dice.ts';
import { type Build, buildSpin } from './matrix/build.ts';
import type { Ground } from './matrix/ground.ts';
import { runMatrix } from './matrix/run.ts';
import { nameOf } from './matrix/trial.ts';

/** Another one each time, unless told: `SPIN_CRASH_SEED=...` repeats one. */
export const SEED = process.env['SPIN_CRASH_SEED'] ?? String(randomInt(1_000_000));

export interface SampleSize {
  readonly scenarios: number;
  readonly trials: number;
  readonly jobs: number;
}

/** Tries some breaks of some scenarios of a ground, chosen by the seed, and expects every promise to hold. */
export async function expectSample(makeGround: (build: Build) => Ground, { scenarios, trials, jobs }: SampleSize): Promise<void> {
  const build = await buildSpin();
  const ground = makeGround(build);
  try {
    const dice = new Dice(`${SEED} ${ground.name}`);
    const names = ground.scenarios.map(({ name }) => `${ground.name}/${name}`);
    const only = Array.from({ length: scenarios }, () => names.splice(dice.below(names.length), 1)).flat();
    const tally = await runMatrix([ground], { only, sample: trials, seed: SEED, deep: false, jobs }, () => undefined);
    expect(tally.failures.map((verdict) => `npm run crash -- --only '${nameOf(verdict.trial)}': ${verdict.problem}`)).toEqual([]);
    expect(tally.trials).toBe(trials);
    // Chance may take a run another way than the recorded one; never most of them.
    expect(tally.unmet).toBeLessThan(trials / 2);
  } finally {
    await ground.close();
    await build.remove();
  }
}
