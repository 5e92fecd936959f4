import { test } from 'vitest';
import { localGround } from './matrix/local.ts';
import { expectSample, seedOf } from './sample.ts';

const seed = seedOf('285452');

test(`breaks on this machine, seed ${seed}: exactly one comes of each, or nothing`, async () => {
  await expectSample(localGround, { scenarios: 3, trials: 15, jobs: 3, seed });
}, 180_000);
