import type { Service } from './actions/actions.ts';

/** One call, as it came and as it ended. */
export interface Call {
  /** From 1, in the order of arrival. */
  readonly id: number;
  /** Milliseconds since the epoch, of the double's clock. */
  readonly at: number;
  readonly service: Service | 'unknown';
  readonly action: string;
  readonly region: string;
  readonly account: string;
  /** Who called. */
  readonly arn: string;
  /** The decoded parameters, under the names that the SDK gives them. */
  input: unknown;
  outcome: 'running' | 'held' | 'answered' | 'lost-request' | 'lost-response' | 'abandoned';
  /** HTTP status of the answer; absent while there is none, and where none was sent. */
  status?: number;
  /** Code of an error. */
  code?: string;
  /** Kind of the fault that a script gave it. */
  fault?: string;
  /** Refused for its rate, by a bucket or a script. */
  throttled?: boolean;
  endedAt?: number;
  /** What was answered, or would have been had the answer not been lost; of reading calls only where all answers are kept. */
  answer?: unknown;
}

/** Every call, in order of arrival. */
export class CallLog {
  readonly calls: Call[] = [];

  add(call: Omit<Call, 'id'>): Call {
    const added = { id: this.calls.length + 1, ...call };
    this.calls.push(added);
    return added;
  }

  /** How often each action was called, answered or not. */
  counts(): Readonly<Record<string, number>> {
    return count(this.calls);
  }

  /** How often each action was refused for its rate. */
  throttled(): Readonly<Record<string, number>> {
    return count(this.calls.filter((call) => call.throttled === true));
  }

  clear(): void {
    this.calls.length = 0;
  }
}

function count(calls: readonly Call[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { action } of calls) counts[action] = (counts[action] ?? 0) + 1;
  return counts;
}
