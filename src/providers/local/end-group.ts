import { kill } from 'node:process';
import type { Clock } from '../../core/clock.ts';
import { systemCode } from '../../core/errors.ts';
import { Fault } from '../fault.ts';
import { freshProcesses, type Identity, identityOf, isAlive, type Marked, type ProcessEntry, type ProcessTable } from './processes.ts';

/** What is to be ended: a process group and everything that carries its mark, wherever that went. */
export interface GroupEnd {
  /** Leader of the group and of its session. */
  readonly leader?: Identity;
  /**
   * True where the leader was seen alive a moment ago (a child of this process). Only then are unmarked members of a group
   * without a leader believed to be ours; later the number may have come round to somebody else.
   */
  readonly leaderJustSeen?: boolean;
  /** Settles when the leader has ended, where this process is its parent and so is told. */
  readonly ended?: Promise<unknown> | undefined;
  /** True where the caller is certainly not in the group itself: the group is signalled before the process table is read. */
  readonly atOnce?: boolean;
  readonly owns: (marked: Marked) => boolean;
  readonly signal: NodeJS.Signals;
  /** From the signal to the kill. */
  readonly timeoutMs: number;
}

const KILL_WAIT_MS = 5_000;
/** How long a leader that was signalled at once may take before the process table is read: most end sooner, and quicker undisturbed. */
const UNDISTURBED_MS = 60;
const FIRST_LOOK_MS = 8;

/**
 * Signals, waits, kills, and looks again until one whole pass over the process table shows nothing left.
 * @returns how many had to be killed
 * @throws Fault `transient` `not-ended` where something survives even the kill (a process in the kernel's hands)
 */
export async function endGroup(target: GroupEnd, clock: Clock): Promise<{ readonly killed: number }> {
  const signalled = new Set<number>();
  const deadline = clock.now() + target.timeoutMs;
  const asked = target.atOnce === true && target.timeoutMs > 0 && signalGroup(target.leader, target.signal);
  if (asked && target.leader !== undefined) await undisturbed(target.leader, target.ended, deadline, clock);
  let left = membersOf(target, await freshProcesses());
  while (left.length > 0 && clock.now() < deadline) {
    // Asked twice, a program may take it for a demand to drop everything.
    const unasked = left.filter((entry) => !signalled.has(entry.pid) && !(asked && entry.group === target.leader?.pid));
    send(unasked, target.signal);
    // A stopped process takes no signal but this one and the kill.
    send(unasked, 'SIGCONT');
    for (const entry of unasked) signalled.add(entry.pid);
    await gone(left.map(identityOf), deadline, clock);
    left = membersOf(target, await freshProcesses());
  }
  let killed = 0;
  const giveUp = clock.now() + KILL_WAIT_MS;
  while (left.length > 0) {
    killed += left.length;
    send(left, 'SIGKILL');
    await gone(left.map(identityOf), giveUp, clock);
    left = membersOf(target, await freshProcesses());
    if (left.length > 0 && clock.now() >= giveUp) {
      const names = left.map((entry) => `${entry.pid} (${entry.name})`).join(', ');
      throw new Fault('transient', 'not-ended', `still running after SIGKILL: process ${names}`);
    }
  }
  return { killed };
}

/** The ends that are waited for before anybody reads the process table. */
const leaving = new Set<Promise<unknown>>();

/** Waits for the end of a leader that was just signalled, and of those that were at the same moment: a pass costs as much as several ends. */
async function undisturbed(leader: Identity, ended: Promise<unknown> | undefined, deadline: number, clock: Clock): Promise<void> {
  // Who ends at the same moment is signalled before anybody is looked at.
  await new Promise((resolve) => setImmediate(resolve));
  const until = Math.min(deadline, clock.now() + UNDISTURBED_MS);
  const left = ended === undefined ? gone([leader], until, clock, FIRST_LOOK_MS) : settledBy(ended, until, clock);
  leaving.add(left);
  await left.finally(() => leaving.delete(left));
  await Promise.all(leaving);
}

/** Waits until a promise has settled, at the latest until `deadline`. */
async function settledBy(promise: Promise<unknown>, deadline: number, clock: Clock): Promise<void> {
  const over = new AbortController();
  const late = clock.sleep(Math.max(0, deadline - clock.now()), over.signal);
  await Promise.allSettled([Promise.race([promise, late])]);
  over.abort();
  await late.catch(() => undefined);
}

/** The running processes that a target means: its group and session, and whatever carries its mark. */
export function membersOf(target: Pick<GroupEnd, 'leader' | 'leaderJustSeen' | 'owns'>, table: ProcessTable): readonly ProcessEntry[] {
  const spared = table.lineage(process.pid);
  const { leader } = target;
  const groupIsOurs = leader !== undefined && (isAlive(leader) || (target.leaderJustSeen === true && table.find(leader.pid) === undefined));
  return table.running.filter((entry) => {
    if (spared.has(entry.pid)) return false;
    if (groupIsOurs && (entry.group === leader.pid || entry.session === leader.pid)) return true;
    const marked = table.mark(entry);
    return marked !== undefined && target.owns(marked);
  });
}

/** Signals a group as a whole, where its leader lives: then the number is certainly that of the group. */
function signalGroup(leader: Identity | undefined, signal: NodeJS.Signals): boolean {
  if (leader === undefined || !isAlive(leader)) return false;
  try {
    kill(-leader.pid, signal);
    kill(-leader.pid, 'SIGCONT');
    return true;
  } catch {
    // It ended just now, or may not be signalled: looking at each of its processes will tell.
    return false;
  }
}

function send(entries: readonly ProcessEntry[], signal: NodeJS.Signals): void {
  for (const entry of entries) {
    if (!isAlive(identityOf(entry))) continue;
    try {
      kill(entry.pid, signal);
    } catch (thrown) {
      if (systemCode(thrown) !== 'ESRCH')
        throw new Fault('denied', 'signal-denied', `cannot signal process ${entry.pid} (${entry.name})`, { cause: thrown });
    }
  }
}

/** Waits until none of them runs, at the latest until `deadline`: closely at first, as most end within milliseconds. */
async function gone(identities: readonly Identity[], deadline: number, clock: Clock, first = 2): Promise<void> {
  for (let pause = first; identities.some(isAlive); pause = Math.min(50, pause * 1.5)) {
    const rest = deadline - clock.now();
    if (rest <= 0) return;
    await clock.sleep(Math.min(pause, rest));
  }
}
