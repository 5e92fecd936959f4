import { ManualClock } from '../clock.ts';
import { startEc2 } from './start.ts';
import type { Ec2Options } from './start.ts';

/**
 * The double as a process of its own: `node test/fakes/ec2/main.ts '{"pendingMs":100}'`. It prints `{"url":"http://127.0.0.1:..."}` in one line when
 * it can be asked, and ends with its standard input, so that it does not outlive who started it. `"manual":true` stops its clock.
 */
const { manual, ...options } = JSON.parse(process.argv[2] ?? '{}') as Omit<Ec2Options, 'clock'> & { readonly manual?: boolean };
const ec2 = await startEc2({ ...options, ...(manual === true ? { clock: new ManualClock() } : {}) });
console.log(JSON.stringify({ url: ec2.url }));

const end = () => {
  ec2.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.stdin.resume().once('end', end);
process.once('SIGTERM', end);
process.once('SIGINT', end);
