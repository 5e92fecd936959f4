/**
 * `npm run fuzz`: hostile input of every kind, at least 100,000 cases.
 * Options: --seed N, --share X (1 is a full run), --only KIND (may be repeated), --case N (one case of one kind, alone), --show (prints its input), --threads N.
 * Exits with 1 where anything was neither accepted rightly nor refused with a coded error, took too long, or left something behind.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Dice } from './dice.ts';
import { type Failure, feedAll } from './feeding.ts';
import { KINDS } from './kinds/index.ts';
import { casesOf, feed, type Report } from './lanes.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
/** Of one fault there may be thousands of cases. */
const MOST_SHOWN = 5;

async function main(): Promise<number> {
  const { seed: seedText = '1', share = '1', only = [], threads = '2', case: one, show = false } = options();
  const seed = Number(seedText);
  const kinds = KINDS.filter(({ name }) => only.length === 0 || only.includes(name));
  if (kinds.length === 0 || !Number.isSafeInteger(seed)) {
    say(`--only: one of ${KINDS.map(({ name }) => name).join(', ')}; --seed: a whole number`);
    return 2;
  }
  if (one !== undefined) return feedAlone(kinds[0]?.name ?? '', seed, Number(one), show);

  say(`seed ${seed}`);
  const orders = kinds.map((kind) => ({ kind, seed, indices: casesOf(kind, Number(share), seed) }));
  const reports = await feed(orders, Number(threads), (report) => say(lineOf(report)));
  const failures = reports.flatMap((report) => report.failures);
  const total = reports.reduce((sum, { cases }) => sum + cases, 0);
  say(
    `${total} inputs: ${sumOf(reports, 'accepted')} accepted rightly, ${sumOf(reports, 'refused')} refused with a code, ${failures.length} failed`,
  );
  for (const alike of Map.groupBy(failures, ({ kind, why }) => `${kind} ${why.replace(/\d+|"[^"]*"/g, '').slice(0, 80)}`).values()) {
    for (const failure of alike.slice(0, MOST_SHOWN)) tell(failure, seed);
    if (alike.length > MOST_SHOWN) say(`  and ${alike.length - MOST_SHOWN} like these`);
  }
  return failures.length === 0 ? 0 : 1;
}

function options() {
  return parseArgs({
    options: {
      seed: { type: 'string' },
      share: { type: 'string' },
      only: { type: 'string', multiple: true },
      case: { type: 'string' },
      show: { type: 'boolean' },
      threads: { type: 'string' },
    },
  }).values;
}

function sumOf(reports: readonly Report[], column: 'accepted' | 'refused'): number {
  return reports.reduce((sum, report) => sum + report[column], 0);
}

function lineOf({ kind, cases, accepted, refused, slowestMs, failures }: Report): string {
  const numbers = `${String(cases).padStart(6)} fed  ${String(accepted).padStart(6)} accepted  ${String(refused).padStart(6)} refused`;
  return `  ${kind.padEnd(13)} ${numbers}  slowest ${String(Math.ceil(slowestMs)).padStart(5)} ms  ${failures.length === 0 ? 'ok' : `${failures.length} FAILED`}`;
}

function tell({ kind, index, why }: Failure, seed: number): void {
  say(`FAILED ${kind}: ${why}\n  npm run fuzz -- --only ${kind} --seed ${seed} --case ${index}`);
}

/** One case in this process, with its input and the stack of what went wrong. */
async function feedAlone(name: string, seed: number, index: number, show: boolean): Promise<number> {
  const kind = KINDS.find((each) => each.name === name);
  if (kind === undefined) return 2;
  if (show) {
    say(kind.make(new Dice(`${seed}/${name}/${index}`), index).show());
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'spin-hostile-'));
  try {
    const { accepted, slowestMs, failures } = await feedAll(kind, seed, [index], folder, () => undefined);
    const [failure] = failures;
    if (failure === undefined) say(`${accepted === 1 ? 'accepted' : 'refused'} in ${Math.round(slowestMs)} ms`);
    else say(`FAILED: ${failure.why}\n${failure.stack}\n\nthe input:\n${failure.input}`);
    return failures.length;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
