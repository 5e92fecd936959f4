import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { ACTION_SIZES, CATEGORY_SIZES } from '../../fakes/ec2/buckets.ts';
import { type RemoteEc2, spawnEc2 } from '../../fakes/ec2/spawn.ts';
import type { BenchFolder } from '../bench-folder.ts';
import { type BenchCommand, BenchFailure } from '../command.ts';
import type { Figure, Section } from '../figures.ts';
import { spin } from '../spin.ts';
import { REGION, TYPE } from './ground.ts';

const SPINS = 200;
const IMAGE = 'resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64';
const MOST_OF_ALLOWED = 1.1;
/** What each of so many processes needs at the same time, generously. */
const BYTES_EACH = 90e6;
const TIMEOUT_MS = 600_000;

/** What bringing a spin up, or down, cannot do without: one call of each for every spin. */
const NEEDED = { up: ['CreateSecurityGroup', 'RunInstances'], down: ['TerminateInstances', 'DeleteSecurityGroup'] } as const;

/** So many spins at once, each a process of its own, under the token buckets that AWS publishes. */
export async function measureRate(folder: BenchFolder, rounds: number): Promise<Section> {
  if (freemem() < SPINS * BYTES_EACH) throw new BenchFailure(`${SPINS} spins at once need ${(SPINS * BYTES_EACH) / 1e9} GB of free memory`);
  const double = await spawnEc2({ buckets: 'documented' });
  const taken: Record<keyof typeof NEEDED, number[]> = { up: [], down: [] };
  const throttled: number[] = [];
  const actions: string[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const commands = await prepare(folder, double.ec2, round);
      await double.ec2.clear('calls');
      taken.up.push(await timeOf(commands.map(({ up }) => up)));
      taken.down.push(await timeOf(commands.map(({ down }) => down)));
      const [called, refused] = [await double.ec2.counts(), await double.ec2.throttled()];
      throttled.push(Object.values(refused).reduce((sum, one) => sum + one, 0));
      actions.push(`calls: ${listed(called)}`, `throttled: ${listed(refused)}`);
      const { instances } = await double.ec2.snapshot();
      if (instances.length > 0) throw new BenchFailure(`spin left ${instances.length} instances`);
    }
  } finally {
    await double.stop();
  }
  return {
    name: 'rate',
    notes: [
      `${rounds} rounds; ${SPINS} spins of one instance, each a process of its own, all started at once; the EC2 double with the token buckets of AWS`,
      'what the buckets allow: the slowest of the calls that every spin needs once, sent as fast as its bucket fills; the start of the processes not counted',
      ...actions,
    ],
    figures: [
      figureOf('up', taken.up),
      figureOf('down', taken.down),
      { what: `${SPINS} up and down, throttled`, unit: 'calls', values: throttled, target: { most: 0, of: 'value' } },
    ],
  };
}

function listed(counts: Readonly<Record<string, number>>): string {
  const shown = Object.entries(counts).map(([action, count]) => `${action} ${count}`);
  return shown.length === 0 ? 'none' : shown.join(', ');
}

async function prepare(
  folder: BenchFolder,
  ec2: RemoteEc2,
  round: number,
): Promise<readonly { readonly up: BenchCommand; readonly down: BenchCommand }[]> {
  const env = ec2.env(REGION);
  return Promise.all(
    Array.from({ length: SPINS }, async (_, index) => {
      const id = `rate-${round}-${index}`;
      const web = { run: ['sleep', 'infinity'], port: 'none', health: { alive: '1ms' }, instanceTypes: [TYPE], image: IMAGE };
      const file = join(folder.work, `${id}.yaml`);
      await writeFile(file, JSON.stringify({ name: id, provider: 'aws', region: REGION, ttl: '1h', services: { web } }));
      return { up: spin(folder, ['up', '-f', file], env), down: spin(folder, ['down', id, '--yes'], env) };
    }),
  );
}

/** Seconds from the start of the first until the last has ended. @throws BenchFailure where one fails */
async function timeOf(commands: readonly BenchCommand[]): Promise<number> {
  const begun = performance.now();
  await Promise.all(commands.map(runToEnd));
  return (performance.now() - begun) / 1_000;
}

async function runToEnd({ argv, cwd, env }: BenchCommand): Promise<void> {
  const [program, ...args] = argv;
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'], timeout: TIMEOUT_MS });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)));
  const exit = await new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
  if (exit !== 0) throw new BenchFailure(`${args.join(' ')} ended with ${exit}\n${said}`);
}

function figureOf(verb: keyof typeof NEEDED, values: readonly number[]): Figure {
  const allowed = Math.max(...NEEDED[verb].map(leastSeconds));
  return {
    what: `${SPINS} ${verb}`,
    unit: 's',
    values,
    against: { what: `what the buckets allow, ${allowed} s`, values: values.map(() => allowed) },
    target: { most: MOST_OF_ALLOWED, of: 'ratio' },
  };
}

/** Until a full bucket and its refill have let one call of each spin through. */
function leastSeconds(action: string): number {
  const { capacity, perSecond } = ACTION_SIZES[action] ?? CATEGORY_SIZES.mutating;
  return (SPINS - capacity) / perSecond;
}
