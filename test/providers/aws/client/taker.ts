/** A process that takes from a shared bucket as fast as it can: FOLDER SIZE PER_SECOND TAKES. Prints its slots as one JSON line. */
import { BucketLog } from '../../../../src/providers/aws/client/bucket-log.ts';

const [folder = '', size, perSecond, takes] = process.argv.slice(2);
const log = new BucketLog(folder, { size: Number(size), perSecond: Number(perSecond) });
process.stdout.write('ready\n');
process.stdin.once('data', () => {
  const slots = Array.from({ length: Number(takes) }, (_, i) => log.take(`${process.pid}.${i}`, 1 + (i % 3), Date.now()));
  process.stdout.write(`${JSON.stringify(slots)}\n`, () => process.exit(0));
});
