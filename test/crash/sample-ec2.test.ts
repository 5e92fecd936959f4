import { test } from 'vitest';
import { ec2Ground } from './matrix/ec2.ts';
import { expectSample, seedOf } from './sample.ts';

const seed = seedOf('929463');

test(`breaks on the double of EC2, seed ${seed}: exactly one comes of each, or nothing`, async () => {
  await expectSample(ec2Ground, { scenarios: 2, trials: 10, jobs: 5, seed });
}, 180_000);
