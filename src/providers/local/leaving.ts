import { kill } from 'node:process';
import type { Clock } from '../../core/clock.ts';
import { type Identity, isAlive } from './processes.ts';

/** The leader of a process group that is to end. */
export interface Leader {
  readonly leader: Identity;
  readonly signal: NodeJS.Signals;
  /** Settles when the leader has ended, where this process is its parent and so is told. */
  readonly ended: Promise<unknown> | undefined;
}

interface Asking extends Leader {
  readonly done: (asked: boolean) => void;
}

/** How long a leader that was signalled may take before the process table is read: most end sooner, and quicker undisturbed. */
const UNDISTURBED_MS = 60;
const FIRST_LOOK_MS = 8;

let asking: Asking[] = [];
/** The ends that are waited for before anybody reads the process table. */
const leaving = new Set<Promise<unknown>>();

/**
 * Signals the group of a leader, and waits for a while for its end and for that of all who were signalled at the same moment: a pass over the
 * process table costs as much as several ends.
 * @param deadline milliseconds since the epoch
 * @returns false where the leader was gone already, or its group could not be signalled
 */
export async function askToLeave(leader: Leader, deadline: number, clock: Clock): Promise<boolean> {
  const asked = await new Promise<boolean>((done) => {
    if (asking.length === 0) setImmediate(signalAll);
    asking.push({ ...leader, done });
  });
  if (!asked) return false;
  const until = Math.min(deadline, clock.now() + UNDISTURBED_MS);
  const left = leader.ended === undefined ? gone([leader.leader], until, clock, FIRST_LOOK_MS) : settledBy(leader.ended, until, clock);
  leaving.add(left);
  await left.finally(() => leaving.delete(left));
  await Promise.all(leaving);
  return true;
}

/** Waits until none of them runs, at the latest until `deadline`: closely at first, as most end within milliseconds. */
export async function gone(identities: readonly Identity[], deadline: number, clock: Clock, first = 2): Promise<void> {
  for (let pause = first; identities.some(isAlive); pause = Math.min(50, pause * 1.5)) {
    const rest = deadline - clock.now();
    if (rest <= 0) return;
    await clock.sleep(Math.min(pause, rest));
  }
}

/**
 * Signals the groups of all leaders that live, whose numbers are therefore certainly those of their groups. In one go, because whoever is
 * ending takes the processor from who has yet to signal the others.
 */
function signalAll(): void {
  const all = asking;
  asking = [];
  const living = all.filter(({ leader }) => isAlive(leader));
  const signalled = new Set(living.filter(({ leader, signal }) => isSignalled(leader, signal)));
  // A stopped process takes no other signal before this one.
  for (const { leader } of signalled) isSignalled(leader, 'SIGCONT');
  for (const one of all) one.done(signalled.has(one));
}

/** False where it ended just now, or may not be signalled: looking at each of its processes will tell. */
function isSignalled({ pid }: Identity, signal: NodeJS.Signals): boolean {
  try {
    kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Waits until a promise has settled, at the latest until `deadline`. */
async function settledBy(promise: Promise<unknown>, deadline: number, clock: Clock): Promise<void> {
  const over = new AbortController();
  const late = clock.sleep(Math.max(0, deadline - clock.now()), over.signal);
  await Promise.allSettled([Promise.race([promise, late])]);
  over.abort();
  await late.catch(() => undefined);
}
