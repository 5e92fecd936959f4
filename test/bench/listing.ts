import type { BenchFolder } from './bench-folder.ts';
import { runAlone } from './command.ts';
import type { Figure, Section } from './figures.ts';
import { writeRecords } from './records.ts';
import { spin } from './spin.ts';

const COUNTS = [100, 1_000, 10_000] as const;
const COMMANDS = [['ls'], ['gc', '--dry-run'], ['cost']] as const;

/** What thousands of spins cost those who list them. */
export async function measureListing(folder: BenchFolder, rounds: number): Promise<Section> {
  const states = new Map<number, string>();
  for (const count of COUNTS) states.set(count, await writeRecords(folder, count));
  const timings = new Map<string, number[]>();
  for (let round = -1; round < rounds; round++) {
    for (const args of COMMANDS) {
      for (const count of COUNTS) {
        const { ms } = runAlone(spin(folder, args, { SPIN_STATE: states.get(count) ?? '' }));
        // The round before the first leaves compiled code for the next, and fills the page cache.
        if (round >= 0) timings.set(keyOf(args, count), [...(timings.get(keyOf(args, count)) ?? []), ms]);
      }
    }
  }
  return {
    name: 'listing',
    notes: [
      `${rounds} rounds; whole commands, with all that they print; records of ready spins of three services, none of them running`,
      'per spin: what each spin beyond the first 100 adds up to 10,000, against the same up to 1,000; 1 is linear',
    ],
    figures: COMMANDS.flatMap((args) => figuresOf(args, timings)),
  };
}

function figuresOf(args: readonly string[], timings: ReadonlyMap<string, readonly number[]>): readonly Figure[] {
  const name = `spin ${args.join(' ')}`;
  const of = (count: number): readonly number[] => timings.get(keyOf(args, count)) ?? [];
  const perSpin = (count: number): readonly number[] =>
    of(count).map((ms, round) => ((ms - (of(100)[round] ?? Number.NaN)) * 1_000) / (count - 100));
  const isLs = args[0] === 'ls';
  return [
    ...COUNTS.map((count): Figure => ({
      what: `${name}, ${count.toLocaleString('en-US')} spins`,
      unit: 'ms',
      values: of(count),
      ...(isLs && count === 10_000 ? { target: { most: 1_500, of: 'value' } } : {}),
    })),
    {
      what: `${name}, per spin`,
      unit: 'µs',
      values: perSpin(10_000),
      against: { what: 'to 1,000', values: perSpin(1_000) },
      ...(isLs ? { target: { most: 1.25, of: 'ratio' } } : {}),
    },
  ];
}

function keyOf(args: readonly string[], count: number): string {
  return `${args.join(' ')} ${count}`;
}
