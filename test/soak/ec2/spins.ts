/** A thousand spins at once, on the EC2 double under its token buckets. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { down } from '../../../src/app/down.ts';
import type { UpOutcome } from '../../../src/app/outcomes.ts';
import { up } from '../../../src/app/up.ts';
import { OWNED } from '../../../src/core/tags.ts';
import { ACTION_SIZES, type BucketMode, CATEGORY_SIZES } from '../../fakes/ec2/buckets.ts';
import { heapInUse, watchMemory } from '../memory.ts';
import { type Line, listed, type Section } from '../report.ts';
import { openTeam, type Team, TYPE } from './team.ts';

/** Between RunInstances and `running`, and between TerminateInstances and `terminated`, in milliseconds. */
const PENDING_MS = 8_000;
const STOPPING_MS = 8_000;
const MOST_OF_ALLOWED = 1.1;
/** With fewer spins the seconds that a launch takes anyhow, and what is loaded once, tell more than the buckets. */
const ENOUGH_FOR_PACE = 500;
const MOST_HEAP_MB = 5;

const SPEC = {
  name: 'soak',
  provider: 'aws',
  ttl: '24h',
  services: { web: { run: ['sleep', 'infinity'], port: 'none', health: { alive: '1ms' }, instanceTypes: [TYPE] } },
};

/** What bringing a spin up, or down, cannot do without: one call of each for every spin, the last four to prove that it is gone. */
const NEEDED = {
  up: ['CreateSecurityGroup', 'RunInstances'],
  down: [
    'TerminateInstances',
    'DeleteSecurityGroup',
    'DescribeInstances',
    'DescribeVolumes',
    'DescribeNetworkInterfaces',
    'DescribeSecurityGroups',
  ],
} as const;

/**
 * @param mode `documented` is what AWS publishes, and what spin asks by: there nothing may be throttled. Where the actions of a category
 * share one bucket, AWS is stricter than it says: everything still has to come and to go, but not as fast.
 */
export async function soakSpins(count: number, mode: BucketMode): Promise<Section> {
  // Loads what all commands load.
  await inTeam(mode, (team) => life(team, ['first']));
  const heapBefore = await heapInUse();
  const section = await inTeam(mode, (team) => measure(team, count, mode));
  // Without the double, which keeps every client token and what it made.
  const heapKept = { what: 'heap kept afterwards', value: (await heapInUse()) - heapBefore, unit: 'MB', promised: { most: MOST_HEAP_MB } };
  return { ...section, lines: [...section.lines, heapKept] };
}

async function inTeam<T>(mode: BucketMode, work: (team: Team) => Promise<T>): Promise<T> {
  const team = await openTeam(mode, SPEC, { pendingMs: PENDING_MS, stoppingMs: STOPPING_MS });
  try {
    return await work(team);
  } finally {
    await team.close();
  }
}

function bring({ app, specFile }: Team, ids: readonly string[]): Promise<readonly UpOutcome[]> {
  return Promise.all(ids.map((id) => up(app, { file: specFile, id, onFailure: 'keep' })));
}

async function life(team: Team, ids: readonly string[]): Promise<void> {
  await team.clock.run(bring(team, ids));
  await team.clock.run(down(team.app, { ids }));
}

async function measure(team: Team, count: number, mode: BucketMode): Promise<Section> {
  const { app, ec2 } = team;
  const ids = Array.from({ length: count }, (_, n) => `soak-${n}`);
  const memory = watchMemory();
  const realBegan = performance.now();
  const rose = await timeOf(
    team,
    () => bring(team, ids),
    (answers) => answers.filter(({ state, result }) => state === 'up' && result === 'created').length,
  );
  const { instances, groups, made } = ec2.snapshot();
  const whole = intersection(idsOf(instances), idsOf(groups));
  const again = await timeOf(
    team,
    () => bring(team, ids),
    (answers) => answers.filter(({ result }) => result === 'unchanged').length,
  );
  const twice = ec2.snapshot().made;
  const fell = await timeOf(
    team,
    () => down(app, { ids }),
    ({ spins }) => spins.filter(({ result }) => result === 'released').length,
  );
  const realSeconds = (performance.now() - realBegan) / 1_000;
  memory.stop();

  const left = ec2.snapshot();
  const calls = ec2.calls.length;
  const throttled = Object.values(ec2.throttled()).reduce((sum, one) => sum + one, 0);
  const { records, unreadable } = await app.store.list();
  return {
    name: `ec2, ${mode} buckets`,
    notes: [
      `${count} spins of one instance, all at once in one process, up, up again and down; seconds are those of the clock that spin and the double share`,
      `instances run after ${PENDING_MS / 1_000} s and are gone after ${STOPPING_MS / 1_000} s; each answer takes 20 ms; ${realSeconds.toFixed(0)} s of real time`,
      ...(
        [
          ['up', rose],
          ['second up', again],
          ['down', fell],
        ] as const
      ).map(([what, { calls }]) => `calls of ${what}: ${listed(calls)}`),
    ],
    lines: [
      { what: 'spins up', value: rose.good, unit: '', promised: { exactly: count } },
      { what: 'spins with exactly one environment', value: whole.length, unit: '', promised: { exactly: count } },
      { what: 'instances ever made', value: made.instance, unit: '', promised: { exactly: count } },
      { what: 'unchanged by a second up', value: again.good, unit: '', promised: { exactly: count } },
      { what: 'made by the second up', value: twice.instance - made.instance, unit: '', promised: { exactly: 0 } },
      {
        what: 'spins down',
        value: fell.good,
        unit: '',
        promised: { exactly: count },
      },
      { what: 'calls throttled', value: throttled, unit: '', ...(mode === 'documented' ? { promised: { exactly: 0 } } : {}) },
      ...paceOf('up', rose.seconds, count, mode, PENDING_MS),
      { what: 'second up', value: again.seconds, unit: 's' },
      ...paceOf('down', fell.seconds, count, mode, STOPPING_MS),
      { what: 'calls per spin', value: calls / count, unit: '' },
      {
        what: 'left in the world',
        value: [left.instances, left.groups, left.volumes, left.snapshots, left.interfaces, left.parameters].flat().length,
        unit: '',
        promised: { exactly: 0 },
      },
      { what: 'records left', value: records.length + unreadable.length, unit: '', promised: { exactly: 0 } },
      { what: 'folders and drafts left in the state', value: unforgotten(team.stateDir), unit: '', promised: { exactly: 0 } },
      { what: 'resident memory, peak, with the double in the same process', value: memory.peak, unit: 'MB' },
    ],
  };
}

interface Timed {
  readonly seconds: number;
  /** Of how many spins what was asked for was answered; the answers themselves are not kept. */
  readonly good: number;
  readonly calls: Readonly<Record<string, number>>;
}

async function timeOf<T>({ clock, ec2 }: Team, work: () => Promise<T>, count: (answers: T) => number): Promise<Timed> {
  const [began, first] = [clock.now(), ec2.calls.length];
  const good = count(await clock.run(work()));
  const made = Map.groupBy(ec2.calls.slice(first), ({ action }) => action);
  return {
    seconds: (clock.now() - began) / 1_000,
    good,
    calls: Object.fromEntries([...made].map(([action, some]) => [action, some.length])),
  };
}

/** The spins that things are tagged with, each as often as it has one. */
function idsOf(things: readonly { readonly tags: Readonly<Record<string, string>> }[]): readonly string[] {
  return things.map(({ tags }) => tags[OWNED.id] ?? '');
}

/** What is in each of the two exactly once. */
function intersection(one: readonly string[], other: readonly string[]): readonly string[] {
  const once = (ids: readonly string[]) =>
    new Set([...Map.groupBy(ids, (id) => id)].filter(([, same]) => same.length === 1).map(([id]) => id));
  const others = once(other);
  return [...once(one)].filter((id) => others.has(id));
}

function paceOf(verb: keyof typeof NEEDED, seconds: number, count: number, mode: BucketMode, waitMs: number): readonly Line[] {
  const allowed = leastSeconds(NEEDED[verb], count, mode) + waitMs / 1_000;
  return [
    { what: verb, value: seconds, unit: 's' },
    {
      what: `${verb}, against the ${allowed.toFixed(1)} s that the buckets and the machines ask for`,
      value: seconds / allowed,
      unit: 'x',
      ...(count < ENOUGH_FOR_PACE || mode === 'shared' ? {} : { promised: { most: MOST_OF_ALLOWED } }),
    },
  ];
}

/** Until full buckets and their refill have let one call of each of these actions through for every spin. */
function leastSeconds(actions: readonly string[], count: number, mode: BucketMode): number {
  const buckets = Map.groupBy(actions, (action) => {
    if (ACTION_SIZES[action] !== undefined || mode === 'documented') return action;
    return action.startsWith('Describe') ? 'reading' : 'mutating';
  });
  const seconds = [...buckets.values()].map((drawing) => {
    const [action = ''] = drawing;
    const { capacity, perSecond } = ACTION_SIZES[action] ?? CATEGORY_SIZES[action.startsWith('Describe') ? 'reading' : 'mutating'];
    return Math.max(0, count * drawing.length - capacity) / perSecond;
  });
  return Math.max(...seconds);
}

/** Folders of records, and drafts of them: a spin that is down has neither. */
export function unforgotten(stateDir: string): number {
  return ['spins', 'drafts'].flatMap((folder) => namesIn(join(stateDir, folder))).length;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
