import { once } from 'node:events';
import type { Clock } from '../../../src/core/clock.ts';
import { Buckets } from './buckets.ts';
import type { BucketMode } from './buckets.ts';
import { CallLog } from './calls.ts';
import type { Call } from './calls.ts';
import { ForwardClock, isTurnable } from './clock.ts';
import { controlOf } from './control.ts';
import { Faults } from './faults.ts';
import type { Script } from './faults.ts';
import { Holding } from './holding.ts';
import { ec2Server } from './server.ts';
import type { LimitRule } from './world/limits.ts';
import { DEFAULTS } from './world/options.ts';
import type { WorldOptions } from './world/options.ts';
import { Outside } from './world/outside.ts';
import { snapshotOf } from './world/snapshot.ts';
import type { WorldSnapshot } from './world/snapshot.ts';
import { World } from './world/world.ts';

export interface Ec2Options extends Partial<WorldOptions> {
  /** The machine's own by default, which `advance` puts forward. */
  readonly clock?: Clock;
  /** Token buckets; none by default. */
  readonly buckets?: BucketMode;
  /** Added to every answer. */
  readonly latencyMs?: number;
  /** Keeps the answers of reading calls too; they are large. */
  readonly keepAnswers?: boolean;
}

/** A running double. test/fakes/ec2.md says how it behaves. */
export interface Ec2 {
  /** What `endpoint` or AWS_ENDPOINT_URL is to be. */
  readonly url: string;
  /** Every call since the beginning, in order of arrival. */
  readonly calls: readonly Call[];
  readonly outside: Outside;
  readonly holding: Holding;
  readonly world: World;
  counts(): Readonly<Record<string, number>>;
  throttled(): Readonly<Record<string, number>>;
  snapshot(): WorldSnapshot;
  script(script: Script): void;
  limit(rule: LimitRule): void;
  /** Ends all scripts, or all limits, or forgets all calls. */
  clear(what: 'scripts' | 'limits' | 'calls'): void;
  /** Turns the clock. */
  advance(ms: number): Promise<void>;
  /** What a program needs in its environment to find the double. */
  env(region?: string): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Starts a double on a free port of 127.0.0.1. */
export async function startEc2(options: Ec2Options = {}): Promise<Ec2> {
  const { clock = new ForwardClock(), buckets, latencyMs = 0, keepAnswers = false, ...wanted } = options;
  const world = new World(clock, { ...DEFAULTS, ...wanted });
  const calls = new CallLog();
  const faults = new Faults();
  const holding = new Holding();
  const double: Omit<Ec2, 'url' | 'env' | 'close'> = {
    calls: calls.calls,
    outside: new Outside(world),
    holding,
    world,
    counts: () => calls.counts(),
    throttled: () => calls.throttled(),
    snapshot: () => snapshotOf(world),
    script: (script) => faults.add(script),
    limit: (rule) => world.limits.add(rule),
    clear: (what) => ({ scripts: faults, limits: world.limits, calls })[what].clear(),
    advance: async (ms) => {
      if (!isTurnable(clock)) throw new TypeError('the clock of this double cannot be turned');
      await clock.advance(ms);
    },
  };
  const server = ec2Server({
    world,
    clock,
    calls,
    faults,
    holding,
    buckets: buckets === undefined ? undefined : new Buckets(buckets),
    latencyMs,
    keepAnswers,
    control: controlOf(double, () => clock.now()),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return {
    ...double,
    url,
    env: (region) => environmentOf(url, region),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export function environmentOf(url: string, region = 'us-east-1'): Readonly<Record<string, string>> {
  return {
    AWS_ENDPOINT_URL: url,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'any-secret-will-do',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  };
}
