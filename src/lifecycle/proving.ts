import type { Call, Found } from '../providers/provider.ts';
import { Fault } from '../providers/fault.ts';

/** How long what was asked to go may take, in milliseconds: machines of a cloud need minutes to shut down. */
const PROOF_TIMEOUT_MS = 5 * 60_000;
/** How much longer a database may take, which a cloud first makes a last snapshot of. */
export const DATABASE_RELEASE_MS = 30 * 60_000;

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** How long what was found may take to be gone, in milliseconds from when it was asked to go first. */
export function proofTimeout(found: readonly Pick<Found, 'kind'>[]): number {
  return found.some(({ kind }) => kind === 'database') ? PROOF_TIMEOUT_MS + DATABASE_RELEASE_MS : PROOF_TIMEOUT_MS;
}

/** Pauses between two looks at what goes, in milliseconds: processes are gone at once, and machines are not asked for ten times a second. */
export function* growingPauses(): Generator<number, never> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5)) yield pause;
}

/**
 * Asks for an end until `deadline`, in milliseconds since the epoch, also over faults that pass by themselves.
 * @returns false where it was only on its way then
 * @throws Fault that does not pass, or had not by then; the call's abort reason
 */
export async function untilAbsent(
  ask: () => Promise<'requested' | 'absent'>,
  deadline: number,
  { clock, signal }: Pick<Call, 'clock' | 'signal'>,
): Promise<boolean> {
  const pauses = growingPauses();
  for (;;) {
    const isOver = clock.now() >= deadline;
    try {
      if ((await ask()) === 'absent') return true;
    } catch (thrown) {
      if (isOver || !(thrown instanceof Fault) || !thrown.passes) throw thrown;
    }
    if (isOver) return false;
    await clock.sleep(pauses.next().value, signal);
  }
}
