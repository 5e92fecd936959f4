import { TABLE } from '../../../src/lifecycle/table.ts';
import { STATUSES } from '../../../src/store/record.ts';
import type { Ground } from './ground.ts';
import { sampleOf, trialsOf } from './points.ts';
import { judge, nameOf, type Trial, type Undisturbed, undisturbed, type Verdict } from './trial.ts';

export interface Choice {
  /** Beginnings of names of trials; all where none is given. */
  readonly only: readonly string[];
  /** At most so many, chosen by the seed. */
  readonly sample?: number;
  readonly seed: string;
  /** Inner steps too. */
  readonly deep: boolean;
  readonly jobs: number;
}

/** The figures of a run. */
export interface Tally {
  /** Different boundaries that were tried, and the trials made of them. */
  readonly points: number;
  readonly trials: number;
  /** Of those in which the break did not happen, as the run took another course. */
  readonly unmet: number;
  readonly exactlyOne: { readonly held: number; readonly of: number };
  readonly nothingLeft: { readonly held: number; readonly of: number };
  readonly failures: readonly Verdict[];
  /** Ways through the lifecycle table that the recorded runs went, and those that none of them went. */
  readonly ways: { readonly met: number; readonly of: number; readonly not: readonly string[] };
}

/** Records every scenario once, and then tries what was chosen. */
export async function runMatrix(grounds: readonly Ground[], choice: Choice, say: (line: string) => void): Promise<Tally> {
  const verdicts: Verdict[] = [];
  const moves = new Set<string>();
  for (const ground of grounds) {
    const known = new Map<string, Undisturbed>();
    const trials: Trial[] = [];
    const lanes = Math.min(choice.jobs, ground.jobs ?? choice.jobs);
    const scenarios = ground.scenarios.filter(({ name }) => isMeant(choice.only, `${ground.name}/${name}`));
    await inLanes(scenarios, lanes, async (scenario) => void known.set(scenario.name, await undisturbed(ground, scenario)));
    for (const scenario of scenarios) {
      const seen = known.get(scenario.name);
      if (seen === undefined) continue;
      for (const move of seen.moves) moves.add(move);
      const made = trialsOf(ground, scenario, seen, choice.deep).filter((trial) => isChosen(choice.only, trial));
      say(`${ground.name}/${scenario.name}: ${seen.points.length} boundaries, ${made.length} trials`);
      trials.push(...made);
    }
    const chosen = choice.sample === undefined ? trials : sampleOf(trials, choice.sample, choice.seed);
    await inLanes(chosen, lanes, async (trial) => {
      const seen = known.get(trial.scenario.name);
      if (seen === undefined) return;
      const verdict = await judge(trial, seen);
      verdicts.push(verdict);
      if (verdict.problem !== undefined) say(`FAILED ${nameOf(trial)}: ${verdict.problem}`);
      else if (verdicts.length % 100 === 0) say(`${verdicts.length} of ${chosen.length} on ${ground.name}`);
    });
  }
  return { ...tallyOf(verdicts), ways: waysOf(moves) };
}

/** True for a ground, a scenario or a crowd of which something may be meant. */
export function isMeant(only: readonly string[], name: string): boolean {
  return only.length === 0 || only.some((wanted) => `${wanted}/`.startsWith(`${name}/`) || `${name}/`.startsWith(`${wanted}/`));
}

function isChosen(only: readonly string[], trial: Trial): boolean {
  const name = `${nameOf(trial)}/`;
  return only.length === 0 || only.some((beginning) => name.startsWith(`${beginning}/`));
}

async function inLanes<T>(items: readonly T[], lanes: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const lane = async (): Promise<void> => {
    // The lanes share one iterator, so each item is taken once.
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Every way of the table from one status to another. What is released leaves the record, and is not written down in it. */
function waysOf(moves: ReadonlySet<string>): Tally['ways'] {
  const ways = STATUSES.flatMap((from) => TABLE[from].next.filter((to) => to !== from && to !== 'released').map((to) => `${from}>${to}`));
  const not = ways.filter((way) => !moves.has(way));
  return { met: ways.length - not.length, of: ways.length, not };
}

function tallyOf(verdicts: readonly Verdict[]): Omit<Tally, 'ways'> {
  const held = (some: readonly Verdict[]) => ({ held: some.filter(({ problem }) => problem === undefined).length, of: some.length });
  const boundaries = new Set(
    verdicts.map(({ trial: { ground, scenario, point } }) => [ground.name, scenario.name, ...Object.values(point)].join(' ')),
  );
  return {
    points: boundaries.size,
    trials: verdicts.length,
    unmet: verdicts.filter(({ met }) => !met).length,
    exactlyOne: held(verdicts.filter(({ trial }) => trial.sequel === 'up')),
    nothingLeft: held(verdicts.filter(({ trial }) => trial.sequel !== 'up')),
    failures: verdicts.filter(({ problem }) => problem !== undefined),
  };
}
