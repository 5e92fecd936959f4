/** Runs sections of a bench as its options say: --only SECTION (may be repeated), --reps N, --json FILE. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type BenchFolder, makeBenchFolder, removeBenchFolder } from './bench-folder.ts';
import { BenchFailure } from './command.ts';
import { isReached, ratiosOf, type Section, spreadOf, viewSection } from './figures.ts';

export type Sections = Readonly<
  Record<string, { readonly rounds: number; readonly measure: (folder: BenchFolder, rounds: number) => Promise<Section> }>
>;

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Exits with 1 where something could not be measured or was left behind; a target that is missed is only said. */
export async function runBench(sections: Sections): Promise<void> {
  try {
    await measureAll(sections);
  } catch (thrown) {
    if (!interrupted) {
      const trace = thrown instanceof Error ? thrown.stack : String(thrown);
      process.stderr.write(`${thrown instanceof BenchFailure ? thrown.message : trace}\n`);
      process.exitCode = 1;
    }
  }
}

/** What is measured then fails because its folder is being removed. */
let interrupted = false;

async function measureAll(sections: Sections): Promise<void> {
  const { only, reps, json } = readOptions();
  const names = only ?? Object.keys(sections);
  const unknown = names.find((name) => !Object.hasOwn(sections, name));
  if (unknown !== undefined) throw new BenchFailure(`--only ${unknown}: one of ${Object.keys(sections).join(', ')}`);
  if (reps !== undefined && !/^[1-9]\d{0,3}$/.test(reps)) throw new BenchFailure(`--reps ${reps}: a whole number from 1`);

  say(`Node ${process.versions.node}, ${availableParallelism()} cores; median (min-max); ratios are taken round by round\n`);
  const done: Section[] = [];
  for (const name of names) {
    const section = sections[name];
    if (section === undefined) continue;
    const measured = await inOwnFolder((folder) => section.measure(folder, Number(reps ?? section.rounds)));
    done.push(measured);
    say(viewSection(measured));
  }
  const targets = done.flatMap(({ figures }) => figures.filter(({ target }) => target !== undefined));
  const missed = targets.filter((figure) => isReached(figure) !== true).map(({ what, unit }) => `${what} (${unit})`);
  say(
    missed.length === 0
      ? `all ${targets.length} targets reached`
      : `${missed.length} of ${targets.length} targets missed: ${missed.join('; ')}`,
  );
  if (json !== undefined) await writeFile(json, documentOf(done));
}

function readOptions() {
  try {
    return parseArgs({ options: { only: { type: 'string', multiple: true }, reps: { type: 'string' }, json: { type: 'string' } } }).values;
  } catch (thrown) {
    throw new BenchFailure(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** Says, and remembers in the exit code, what had to be ended afterwards. */
async function inOwnFolder(measure: (folder: BenchFolder) => Promise<Section>): Promise<Section> {
  const folder = await makeBenchFolder();
  let left: Awaited<ReturnType<typeof removeBenchFolder>> = [];
  const interrupt = (): void => {
    interrupted = true;
    void removeBenchFolder(folder).finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    return await measure(folder);
  } finally {
    if (!interrupted) left = await removeBenchFolder(folder);
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    for (const { pid, command } of left) process.stderr.write(`left behind and ended: ${pid} ${command}\n`);
    if (left.length > 0) process.exitCode = 1;
  }
}

function documentOf(sections: readonly Section[]): string {
  const shown = sections.map(({ name, notes, figures }) => ({
    name,
    notes,
    figures: figures.map((figure) => ({
      what: figure.what,
      unit: figure.unit,
      ...spreadOf(figure.values),
      values: figure.values,
      ...(figure.against === undefined ? {} : { against: figure.against.what, ratio: spreadOf(ratiosOf(figure)) }),
      ...(figure.target === undefined ? {} : { target: figure.target, reached: isReached(figure) }),
    })),
  }));
  const machine = { node: process.versions.node, cores: availableParallelism() };
  return `${JSON.stringify({ schema: 'spin.bench/1', machine, sections: shown }, undefined, 2)}\n`;
}
