import { SpinError } from '../core/errors.ts';
import { EXIT } from '../core/error-codes.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Stops listening. */
  dispose(): void;
}

/**
 * The first signal asks the command to stop, with the record true; the second ends the process at once, which is no worse than a crash.
 * @param said called with the one line for the user
 * @param lastWish called right before the process ends at once: gives the cursor back
 * @param hint what to type next, where that of the error code does not fit
 */
export function listenForSignals(said: (line: string) => void, lastWish: () => void, hint?: string): Interrupt {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      lastWish();
      process.exit(EXIT.interrupted);
    }
    said(name === 'SIGINT' ? 'stopping; press Ctrl-C again to stop at once' : `stopping on ${name}`);
    controller.abort(new SpinError('interrupted', `stopped by ${name}`, hint === undefined ? {} : { hint }));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
