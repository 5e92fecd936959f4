/**
 * `npm run soak`: many spins at once, the same one many times, and a sweep over thousands; what is left afterwards, and what it took.
 * Options: --only ec2|gc|local|keeper (may be repeated), --spins N (ec2), --things N (gc), --cycles N (local), --turns N (keeper), --seed TEXT.
 * Exits with 1 where a promise was broken.
 */
import { parseArgs } from 'node:util';
import { soakSweep } from './ec2/orphans.ts';
import { soakSpins } from './ec2/spins.ts';
import { soakCycles } from './local/cycles.ts';
import { soakKeeper } from './local/keeper.ts';
import { brokenIn, type Section, SoakFailure, viewSection } from './report.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { only = [], seed = '1', ...sizes } = options();
  const size = (name: keyof typeof sizes, usual: number): number => sizeOf(`--${name}`, sizes[name], usual);
  const [spins, things, cycles, turns] = [size('spins', 1_000), size('things', 10_000), size('cycles', 500), size('turns', 1_000)];
  const soaks: readonly (readonly [string, () => Promise<Section>])[] = [
    ['ec2', () => soakSpins(spins, 'documented')],
    ['ec2', () => soakSpins(spins, 'shared')],
    ['gc', () => soakSweep(things, seed)],
    ['local', () => soakCycles(cycles)],
    ['keeper', () => soakKeeper(turns)],
  ];
  const unknown = only.find((name) => soaks.every(([known]) => known !== name));
  if (unknown !== undefined) throw new SoakFailure(`--only ${unknown}: one of ec2, gc, local, keeper`);
  const done: Section[] = [];
  for (const [name, soak] of soaks) {
    if (only.length > 0 && !only.includes(name)) continue;
    const section = await soak();
    done.push(section);
    say(viewSection(section));
  }
  const broken = brokenIn(done);
  const promised = done.flatMap(({ lines }) => lines.filter((line) => line.promised !== undefined)).length;
  say(broken.length === 0 ? `all ${promised} promises held` : `${broken.length} of ${promised} promises broken`);
  return broken.length === 0 ? 0 : 1;
}

function options() {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      options: { only: { ...text, multiple: true }, seed: text, spins: text, things: text, cycles: text, turns: text },
    }).values;
  } catch (thrown) {
    throw new SoakFailure(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function sizeOf(flag: string, given: string | undefined, usual: number): number {
  const size = Number(given ?? usual);
  if (!Number.isSafeInteger(size) || size < 10) throw new SoakFailure(`${flag} ${given}: a whole number from 10`);
  return size;
}

try {
  process.exitCode = await main();
} catch (thrown) {
  const trace = thrown instanceof Error ? thrown.stack : String(thrown);
  process.stderr.write(`${thrown instanceof SoakFailure ? thrown.message : trace}\n`);
  process.exitCode = thrown instanceof SoakFailure ? 2 : 1;
}
