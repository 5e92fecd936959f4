import type { Clock } from '../../../core/clock.ts';
import type { Kept } from './kept.ts';

const LOOK_MS = 1_000;
const GIVE_UP_MS = 60_000;
/** How long a `down` that said it was done, or that started this keeper, may take to reach it. */
const AFTERMATH_MS = 3_000;

export interface DeadlineOptions {
  readonly kept: Pick<Kept, 'deadline'>;
  readonly clock: Clock;
  /** Runs `spin down` on this spin; resolves to its exit code. */
  readonly down: () => Promise<number>;
}

/**
 * Waits for the deadline by the wall clock, looking often, as a machine that was asleep skips the time; then has the spin
 * taken down by `spin down`, which also settles its record.
 * @returns when that failed for a minute and the keeper has to end everything by itself
 * @throws the signal's reason, as when that `down` stopped this keeper
 */
export async function enforceDeadline(options: DeadlineOptions, signal: AbortSignal): Promise<void> {
  const { kept, clock, down } = options;
  // Who starts a keeper after the deadline is at work on the spin, and most likely ends it.
  if (clock.now() >= kept.deadline) await clock.sleep(AFTERMATH_MS, signal);
  for (;;) {
    await untilDeadline(kept, clock, signal);
    const giveUp = clock.now() + GIVE_UP_MS;
    for (let pause = 500; clock.now() >= kept.deadline; pause = Math.min(15_000, pause * 2)) {
      const code = await down().catch(() => 1);
      signal.throwIfAborted();
      if (code === 0) await clock.sleep(AFTERMATH_MS, signal);
      if (clock.now() < kept.deadline) break;
      const rest = giveUp - clock.now();
      if (rest <= 0) return;
      await clock.sleep(Math.min(pause, rest), signal);
    }
  }
}

async function untilDeadline(kept: Pick<Kept, 'deadline'>, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let rest = kept.deadline - clock.now(); rest > 0; rest = kept.deadline - clock.now()) {
    await clock.sleep(Math.min(LOOK_MS, rest), signal);
  }
  signal.throwIfAborted();
}
