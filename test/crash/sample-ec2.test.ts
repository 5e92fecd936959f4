import { test } from 'vitest';
import { ec2Ground } from './matrix/ec2.ts';
import { expectSample, SEED } from './sample.ts';

test(`breaks on the double of EC2, seed ${SEED}: exactly one comes of each, or nothing`, async () => {
  await expectSample(ec2Ground, { scenarios: 2, trials: 10, jobs: 5 });
}, 180_000);
