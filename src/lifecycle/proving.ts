/** How long what was asked to go may take, in milliseconds: machines of a cloud need minutes to shut down. */
export const PROOF_TIMEOUT_MS = 5 * 60_000;

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** Pauses between two looks at what goes, in milliseconds: processes are gone at once, and machines are not asked for ten times a second. */
export function* growingPauses(): Generator<number, never> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5)) yield pause;
}
