import type { Clock } from '../../../core/clock.ts';
import type { Emit } from '../../../core/events.ts';
import type { Mark, SpinFolder } from '../layout.ts';
import type { Ports } from '../ports.ts';
import type { Instance } from './instance.ts';
import type { Kept } from './kept.ts';
import type { InstanceLogs } from './logs.ts';

/** What an instance needs of its keeper. */
export interface Household {
  readonly folder: SpinFolder;
  readonly mark: Pick<Mark, 'state' | 'id' | 'incarnation'>;
  readonly clock: Clock;
  readonly emit: Emit;
  /** The user's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly kept: Kept;
  readonly ports: Ports;
  readonly logs: InstanceLogs;
  /** Called when an instance became able, or unable, to take requests. */
  readonly poolChanged: () => void;
  /** Called when an instance has a process whose health is to be watched. */
  readonly watch: (instance: Instance) => void;
  /** Takes an instance out of the router's pools and waits for its requests, at most `timeoutMs`. */
  readonly drain: (instance: string, timeoutMs: number) => Promise<{ readonly inFlight: number }>;
  /** Called when an instance that had served failed for good, so that the record can say so. */
  readonly gaveUp: () => void;
}
