import { lives, type Machine } from './machine.ts';

/** The machines of one service generation beside what is wanted of it. */
export interface Roster {
  /** The machine of each ordinal that has one. */
  readonly kept: ReadonlyMap<number, Machine>;
  /** Ordinals from 1 to the count that have none. */
  readonly missing: readonly number[];
  /** What must go: more than one of an ordinal, ordinals past the count, and machines that somebody stopped. */
  readonly surplus: readonly Machine[];
  /** Ended, or about to be. */
  readonly ended: readonly Machine[];
}

/** Pure. Of two machines for one ordinal, the older stays, whoever looks. */
export function rosterOf(machines: readonly Machine[], count: number): Roster {
  const kept = new Map<number, Machine>();
  const surplus = machines.filter(({ state }) => state === 'stopping' || state === 'stopped');
  for (const machine of machines.filter(lives).toSorted(byAge)) {
    const wanted = machine.ordinal >= 1 && machine.ordinal <= count && !kept.has(machine.ordinal);
    if (wanted) kept.set(machine.ordinal, machine);
    else surplus.push(machine);
  }
  return {
    kept: new Map([...kept].toSorted(([a], [b]) => a - b)),
    missing: Array.from({ length: count }, (_, index) => index + 1).filter((ordinal) => !kept.has(ordinal)),
    surplus,
    ended: machines.filter(({ state }) => state === 'shutting-down' || state === 'terminated').toSorted(byAge),
  };
}

function byAge(a: Machine, b: Machine): number {
  return a.launchedAt - b.launchedAt || (a.id < b.id ? -1 : 1);
}
