import { kill } from 'node:process';
import type { Clock } from '../../core/clock.ts';
import { systemCode } from '../../core/errors.ts';
import { Fault } from '../fault.ts';
import { askToLeave, gone } from './leaving.ts';
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

/**
 * Signals, waits, kills, and looks again until one whole pass over the process table shows nothing left.
 * @returns how many had to be killed
 * @throws Fault `transient` `not-ended` where something survives even the kill (a process in the kernel's hands)
 */
export async function endGroup(target: GroupEnd, clock: Clock): Promise<{ readonly killed: number }> {
  const signalled = new Set<number>();
  const deadline = clock.now() + target.timeoutMs;
  const asked = target.atOnce === true && target.timeoutMs > 0 && (await askLeader(target, deadline, clock));
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

async function askLeader({ leader, ended, signal }: GroupEnd, deadline: number, clock: Clock): Promise<boolean> {
  return leader !== undefined && askToLeave({ leader, ended, signal }, deadline, clock);
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
