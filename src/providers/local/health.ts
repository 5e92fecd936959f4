import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { HealthProbe } from '../../spec/spec.ts';
import { runToEnd, type Surroundings } from './bootstrap.ts';

/** Passes where the command ends with exit code 0; else answers one line on why it did not. */
export async function probeCommand(
  probe: HealthProbe & { readonly type: 'command' },
  surroundings: Surroundings,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await runToEnd('the health command', probe.run, timeoutMs, surroundings, clock, signal);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}
