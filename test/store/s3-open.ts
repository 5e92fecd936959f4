import { type Clock, systemClock } from '../../src/core/clock.ts';
import { createS3Store, type S3StoreOptions } from '../../src/store/s3-store.ts';
import type { Store } from '../../src/store/store.ts';

export const BUCKET = 'team-state';
export const REGION = 'eu-west-1';
export const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' } as const;

/** A store of its own, as of one process; `prefix` is the same for all. */
export function openS3(endpoint: string, clock: Clock = systemClock, change: Partial<S3StoreOptions> = {}): Store {
  return createS3Store({ bucket: BUCKET, prefix: 'spins/dev', region: REGION, endpoint, credentials: KEYS, clock, env: {}, ...change });
}
