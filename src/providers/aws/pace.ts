/** Looks are made on this grid of the clock, so that all spins of a process look at the same moments, with one request. */
export const GRID_MS = 250;

const PATIENT_AFTER_MS = 15_000;
const SLOWEST_MS = 2_000;

/**
 * How old an answer may be when nothing has moved for so long, in milliseconds. Machines take some seconds to run, and whoever waits for
 * one wants to know at once; what takes longer is asked for less and less, down to every two seconds.
 */
export function paceOf(unmovedMs: number): number {
  const late = Math.max(0, unmovedMs - PATIENT_AFTER_MS);
  return Math.min(SLOWEST_MS, GRID_MS / 2 + late / 3);
}
