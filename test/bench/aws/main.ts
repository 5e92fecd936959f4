/**
 * `npm run bench:aws`: how long spin takes on AWS, against moto behind a proxy that adds 50 ms to each call, and against the EC2 double
 * with the token buckets of AWS.
 * Options: --only sizes|waiting|memory|rate (may be repeated), --reps N, --json FILE.
 */
import { runBench, say } from '../run.ts';
import { measureMemory } from './memory.ts';
import { measureRate } from './rate.ts';
import { measureSizes } from './sizes.ts';
import { measureWaiting } from './waiting.ts';

await runBench({
  sizes: { rounds: 7, measure: (folder, rounds) => measureSizes(folder, rounds, say) },
  waiting: { rounds: 3, measure: measureWaiting },
  memory: { rounds: 3, measure: measureMemory },
  rate: { rounds: 1, measure: measureRate },
});
