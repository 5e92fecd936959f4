import { Dice } from '../../hostile/dice.ts';
import type { Ground, Scenario } from './ground.ts';
import type { Break, Point } from './orders.ts';
import { nameOf, type Trial, type Undisturbed } from './trial.ts';

/** Calls after which something is there that was not, and calls that EC2 refuses while something else needs what is to go. */
const MAKES = /^call:[a-z0-9]+:(?:Run|Create|Put|Register|Import|Allocate)/;
const ENDS = /^call:ec2:(?:Delete|Terminate|Detach|Revoke)/;
/**
 * Steps inside of what is a boundary as a whole: the draft that a link makes a record of, old records, what the keeper writes down of logs. Killed
 * there, a process leaves what it leaves when it is killed before the whole, and a draft; `--deep` tries them too.
 */
const INNER = /^(?:open|write|make|remove):(?:draft|record|life|spins|state|local\.logs|local\.scratch)|^(?:open|write):local\.(?!fences)/;

/** Questions, which are asked again and again until the answer is another: the first few stand for all. */
const LOOKS = /^ask:(?:status|wait)$|^call:[a-z0-9]+:(?:Describe|Get|List)/;
const MOST_LOOKS = 3;

/** Everything that is tried: every boundary of every scenario once per kind of break. */
export function trialsOf(ground: Ground, scenario: Scenario, { points }: Undisturbed, deep: boolean): readonly Trial[] {
  const whole = points.filter(({ what, nth }) => deep || (!INNER.test(what) && (nth <= MOST_LOOKS || !LOOKS.test(what))));
  return whole.flatMap((point) => breaksOf(point).flatMap((how) => sequelsOf({ ground, scenario, point, how })));
}

function breaksOf({ what }: Point): readonly Break[] {
  const killed = ['kill-before', 'kill-after'] as const;
  if (what.startsWith('ask:')) return [...killed, 'lose-answer', 'late-answer', 'throttled'];
  if (!what.startsWith('call:')) return INNER.test(what) ? ['kill-before'] : killed;
  const made = MAKES.test(what) ? (['unseen'] as const) : [];
  const ended = ENDS.test(what) ? (['dependency'] as const) : [];
  return [...killed, 'lose-answer', 'late-answer', 'throttled', ...made, ...ended];
}

/** An `up`, a `down`, and one of the two ways to go on without what was known; which one, differs from point to point. */
function sequelsOf(at: Omit<Trial, 'sequel'>): readonly Trial[] {
  const blind = new Dice(nameOf({ ...at, sequel: 'up' })).chance(0.5) ? 'gc' : 'lost';
  return (['up', 'down', blind] as const).map((sequel) => ({ ...at, sequel }));
}

/** So many of them, others for another seed; each scenario and each kind of break has its share. */
export function sampleOf(trials: readonly Trial[], size: number, seed: string): readonly Trial[] {
  const dice = new Dice(seed);
  const groups = [...Map.groupBy(trials, ({ scenario, how }) => `${scenario.name} ${how}`).values()].map((group) => shuffled(group, dice));
  const picked: Trial[] = [];
  const order = shuffled(groups, dice);
  for (let round = 0; picked.length < Math.min(size, trials.length); round++) {
    for (const group of order) {
      const trial = group[round];
      if (trial !== undefined && picked.length < size) picked.push(trial);
    }
  }
  return picked;
}

function shuffled<T>(items: readonly T[], dice: Dice): readonly T[] {
  const rest = [...items];
  return items.flatMap(() => rest.splice(dice.below(rest.length), 1));
}
