import { isoTime } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import { SpinError } from '../core/errors.ts';
import { spinOf } from '../lifecycle/work.ts';
import type { SpinCredentials } from '../providers/provider.ts';
import type { App } from './context.ts';
import { durationOf } from './durations.ts';
import { lookAt } from './look.ts';

export interface CredentialsRequest {
  readonly id?: string;
  /** How long they hold; a duration such as `1h`. */
  readonly duration?: string;
}

export interface CredentialsOutcome extends Omit<SpinCredentials, 'expiresAt'> {
  readonly id: string;
  /** ISO 8601, as everywhere in what spin prints. */
  readonly expiresAt: string;
  readonly warnings: readonly string[];
}

const USUAL_MS = 3_600_000;
/** STS gives none for less: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const LEAST_MS = 900_000;

/**
 * Credentials that reach one spin and nothing else, for as long as asked and never past its deadline, as far as the provider allows so short a time.
 * @throws SpinError `spin-not-found`, `usage`, `change-refused` where the spin ends too soon; Fault
 */
export async function credentials(app: App, request: CredentialsRequest): Promise<CredentialsOutcome> {
  const { stored, provider, call } = await lookAt(app, request.id);
  const { record } = stored;
  const left = record.deadline - app.clock.now();
  if (left < LEAST_MS) {
    throw new SpinError('change-refused', `${record.id} ends in ${formatDuration(Math.max(0, left))}: credentials would outlive it`, {
      hint: `spin extend ${record.id} --by 1h`,
    });
  }
  const asked = request.duration === undefined ? USUAL_MS : durationOf('--duration', request.duration);
  if (asked < LEAST_MS) {
    throw new SpinError('usage', `--duration ${request.duration} is less than 15m, the shortest that there is`, {
      hint: 'spin creds --help',
    });
  }
  const { expiresAt, ...keys } = await provider.credentials(spinOf(record), Math.min(asked, left), call);
  const cut = `they hold for ${formatDuration(left)} and not for ${formatDuration(asked)}, as ${record.id} ends then; spin extend ${record.id} moves that`;
  return { id: record.id, ...keys, expiresAt: isoTime(expiresAt), warnings: request.duration !== undefined && asked > left ? [cut] : [] };
}
