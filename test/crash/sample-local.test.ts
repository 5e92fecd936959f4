import { test } from 'vitest';
import { localGround } from './matrix/local.ts';
import { expectSample, SEED } from './sample.ts';

test(`breaks on this machine, seed ${SEED}: exactly one comes of each, or nothing`, async () => {
  await expectSample(localGround, { scenarios: 3, trials: 15, jobs: 3 });
}, 180_000);
