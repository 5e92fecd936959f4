import { isDeepStrictEqual } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import type { UpOutcome } from '../../../src/app/outcomes.ts';
import type { Ran } from './folder.ts';
import { good, type Ground, ID, type Scenario, TrialFailure, type World } from './ground.ts';
import type { Break, Orders, Point } from './orders.ts';

/**
 * What comes after the break.
 * - `up`: exactly the environment of an undisturbed run.
 * - `down`: nothing is left.
 * - `gc`: the records are gone; two sweeps, and nothing is left.
 * - `lost`: all that this machine knew is gone; `down ID`, and nothing is left.
 */
export const SEQUELS = ['up', 'down', 'gc', 'lost'] as const;
export type Sequel = (typeof SEQUELS)[number];

/** One break of one scenario, and what comes after it. */
export interface Trial {
  readonly ground: Ground;
  readonly scenario: Scenario;
  readonly point: Point;
  readonly how: Break;
  readonly sequel: Sequel;
}

export interface Verdict {
  readonly trial: Trial;
  /** The boundary was reached, and the break happened. */
  readonly met: boolean;
  /** Why a promise did not hold. */
  readonly problem?: string;
  readonly ms: number;
}

/** What an undisturbed run of a scenario came to. */
export interface Undisturbed {
  readonly points: readonly Point[];
  /** Ways from one status to another that records went: `creating>booting`. */
  readonly moves: readonly string[];
  readonly picture: unknown;
}

/** `local/up/kill-after/link:record#4/down`: what --only takes, with or without its last part. */
export function nameOf({ ground, scenario, point, how, sequel }: Trial): string {
  return [ground.name, scenario.name, how, pointName(point, scenario), sequel].join('/');
}

function pointName({ who, what, nth }: Point, { command }: Scenario): string {
  return `${who === command[0] ? '' : `${who}:`}${what}#${nth}`;
}

/** Far more than any spec here gives to a life that is to end by itself, and less than to one that is not. */
const MOMENT_MS = 60_000;
const GC = ['gc', '--yes', '--grace'] as const;
/** Old enough for a sweep that marks first. */
const MARK_AGE_MS = 1_200;

/** Runs a scenario to its end, lists its boundaries, and looks at what an `up` after it makes. @throws TrialFailure */
export async function undisturbed(ground: Ground, scenario: Scenario): Promise<Undisturbed> {
  const world = await ground.open({ unseen: false });
  try {
    await scenario.prepare(world);
    const [from, callsBefore] = [world.folder.told().length, world.calls().length];
    world.folder.spec(scenario.spec);
    await world.folder.run(scenario.command);
    await linger(world, scenario);
    const told = world.folder.told().slice(from);
    const calls = counted(world.calls().slice(callsBefore));
    const who = new Set([scenario.command[0], ...scenario.others]);
    const boundaries = told.filter(({ kind }) => kind === 'boundary').map(({ point }) => point);
    const points = boundaries.filter((point) => who.has(point.who));
    world.folder.spec(scenario.upSpec);
    good(await world.folder.run(['up']));
    const picture = await world.picture();
    await takenDown(world);
    const moves = world.folder.told().flatMap(({ kind, point }) => (kind === 'move' ? [point.what] : []));
    return { points: [...points, ...calls.map((call) => ({ who: scenario.command[0] ?? '', ...call }))], moves, picture };
  } finally {
    await world.close();
  }
}

function counted(calls: readonly string[]): readonly { readonly what: string; readonly nth: number }[] {
  const counts = new Map<string, number>();
  return calls.map((what) => {
    const nth = (counts.get(what) ?? 0) + 1;
    counts.set(what, nth);
    return { what, nth };
  });
}

/** Breaks, goes on, and looks. Never throws: the verdict tells. */
export async function judge(trial: Trial, { picture }: Undisturbed): Promise<Verdict> {
  const began = performance.now();
  const world = await trial.ground.open({ unseen: trial.how === 'unseen' });
  let met = false;
  try {
    met = await broken(world, trial);
    await follow(world, trial, picture);
    return { trial, met, ms: performance.now() - began };
  } catch (thrown) {
    const problem =
      thrown instanceof TrialFailure ? thrown.message : thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return { trial, met, problem, ms: performance.now() - began };
  } finally {
    await world.close();
  }
}

/** Runs the command and breaks it. @returns whether the break happened */
async function broken(world: World, { scenario, point, how }: Trial): Promise<boolean> {
  const { folder } = world;
  const at: NonNullable<Orders['at']> = { ...point, how };
  const inOthers = scenario.others.includes(point.who);
  await scenario.prepare(world, inOthers ? at : undefined);
  folder.spec(scenario.spec);
  const isCall = point.what.startsWith('call:');
  const running = folder.start(scenario.command, isCall ? undefined : at);
  if (isCall) {
    world.breakCall(at, async () => {
      running.child.kill('SIGKILL');
      await running.ended;
    });
  }
  await running.ended;
  await linger(world, scenario);
  return isCall ? world.broke() : folder.told().some(({ kind }) => kind === 'break');
}

/** What a command has set off: it is over when nothing is left, or when something broke it off. */
async function linger(world: World, { lingerMs = 0 }: Scenario): Promise<void> {
  const until = performance.now() + lingerMs;
  while (performance.now() < until && (await isThere(world))) await pause(50);
}

async function isThere({ folder }: World): Promise<boolean> {
  return folder.processes().length > 0 && !folder.told().some(({ kind }) => kind === 'break');
}

async function follow(world: World, { scenario, sequel }: Trial, picture: unknown): Promise<void> {
  const { folder } = world;
  folder.spec(scenario.upSpec);
  // Where the spin ends by itself, its keeper may be at it for the second time just now.
  const patiently = scenario.lingerMs === undefined ? [] : ['--wait', '60s'];
  switch (sequel) {
    case 'up': {
      good(await folder.run(['up', ...patiently]));
      // An up in the last second of a life keeps its deadline. What is to end is let end, so that the picture is of the life after it.
      while (scenario.lingerMs !== undefined && (await ended(world))) good(await folder.run(['up', ...patiently]));
      // To the up it was there; whoever asks anew sees it when everybody does.
      await world.becomeVisible();
      const seen = await world.picture();
      if (!isDeepStrictEqual(seen, picture)) {
        // Why, as whoever looks a moment later is told.
        const { stdout } = await folder.run(['status', ID, '--verbose']);
        throw new TrialFailure(`it is not what an undisturbed run makes: ${differenceOf(picture, seen)}\n${stdout}`);
      }
      const { result } = JSON.parse(good(await folder.run(['up', '--output', 'json'])).stdout) as { readonly result: UpOutcome };
      if (result.result !== 'unchanged') throw new TrialFailure(`another up found something to do: ${result.result}`);
      return takenDown(world);
    }
    case 'down':
      return takenDown(world, patiently);
    case 'gc': {
      folder.forget('records');
      await world.becomeVisible();
      const swept: Ran[] = [];
      for (let sweep = 0; sweep < 2; sweep++) {
        await pause(MARK_AGE_MS);
        swept.push(good(await folder.run([...GC, '1s'])));
      }
      return expectNothing(world, swept.map(({ stdout }) => stdout.trim()).join(' | '));
    }
    case 'lost':
      folder.forget('state');
      await world.becomeVisible();
      return takenDown(world, patiently);
  }
}

/** Waits for the end of a life that has but a moment left. @returns false where it goes on for long */
async function ended({ folder }: World): Promise<boolean> {
  const rest = (folder.record(ID)?.deadline ?? 0) - Date.now();
  if (rest > MOMENT_MS) return false;
  await pause(Math.max(0, rest));
  return true;
}

async function takenDown(world: World, patiently: readonly string[] = []): Promise<void> {
  good(await world.folder.run(['down', ID, '--yes', ...patiently]));
  await expectNothing(world, 'down');
}

async function expectNothing(world: World, after: string): Promise<void> {
  const left = await world.left();
  if (left.length > 0) throw new TrialFailure(`left after ${after}: ${left.join(', ')}`);
}

/** The members in which two pictures differ. */
function differenceOf(wanted: unknown, seen: unknown): string {
  const members = (value: unknown): ReadonlyMap<string, unknown> => new Map(Object.entries(value ?? {}));
  const [left, right] = [members(wanted), members(seen)];
  const names = [...left.keys()].filter((name) => !isDeepStrictEqual(left.get(name), right.get(name)));
  return names.map((name) => `${name}: ${JSON.stringify(left.get(name))} is ${JSON.stringify(right.get(name))}`).join('; ');
}
