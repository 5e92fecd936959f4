import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { App } from '../../../src/app/context.ts';
import { isAlive, thisHolder } from '../../../src/cli/holder.ts';
import { createAwsProvider } from '../../../src/providers/aws/aws.ts';
import type { LoadedConfig } from '../../../src/spec/config.ts';
import { loadConfig } from '../../../src/spec/config.ts';
import { createFileStore } from '../../../src/store/file-store.ts';
import type { Store } from '../../../src/store/store.ts';
import type { BucketMode } from '../../fakes/ec2/buckets.ts';
import { type Ec2, startEc2 } from '../../fakes/ec2/start.ts';
import type { WorldOptions } from '../../fakes/ec2/world/options.ts';
import { SoakFailure } from '../report.ts';
import { FastClock } from './fast-clock.ts';
import { UnderWay } from './under-way.ts';

export const REGION = 'us-east-1';
export const TYPE = 'm5.large';
/** What each answer of the double takes, in milliseconds of the fast clock: about what a request to a region nearby takes. */
export const LATENCY_MS = 20;

/** The EC2 double with its token buckets, one state folder, and spin's use cases between them; all in this process and by one clock. */
export interface Team {
  readonly clock: FastClock;
  readonly ec2: Ec2;
  readonly store: Store;
  readonly app: App;
  /** Files of the state folder whose names say that something was left there. */
  readonly stateDir: string;
  /** Path of the spec that every spin is brought up from, under an ID of its own. */
  readonly specFile: string;
  close(): Promise<void>;
}

export async function openTeam(buckets: BucketMode, spec: object, behaviour: Partial<WorldOptions> = {}): Promise<Team> {
  const root = await mkdtemp(join(tmpdir(), 'spin-soak-'));
  const underWay = new UnderWay();
  const clock = new FastClock(underWay);
  const ec2 = await startEc2({ clock: underWay.serverClock(clock), buckets, latencyMs: LATENCY_MS, ...behaviour });
  const [stateDir, cwd] = [join(root, 'state'), join(root, 'work')];
  await mkdir(cwd);
  const specFile = join(cwd, 'spin.yaml');
  // JSON is YAML.
  await writeFile(specFile, JSON.stringify(spec));
  const store = createFileStore({ dir: stateDir, clock });
  const env = { ...ec2.env(REGION), SPIN_AWS_REGION: REGION, SPIN_AWS_PRICES: `${TYPE}=0.096,disk-gib-month=0.08` };
  const config = await loadConfig({ cwd, home: root, env, user: () => 'ada', noConfig: true });
  return {
    clock,
    ec2,
    store,
    app: appOf({ clock, store, config, env, cwd, cacheDir: join(root, 'cache') }),
    stateDir,
    specFile,
    close: async () => {
      await ec2.close();
      underWay.close();
      await rm(root, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

interface Parts {
  readonly clock: FastClock;
  readonly store: Store;
  readonly config: LoadedConfig;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly cacheDir: string;
}

/** As the composition root joins them, but for the clock. */
function appOf({ clock, store, config, env, cwd, cacheDir }: Parts): App {
  const stateTag = store.tag;
  const templatesDir = join(import.meta.dirname, '../../../templates');
  const { aws: settings } = config.settings;
  const provider = createAwsProvider({ settings, stateTag, env, cacheDir, version: '0.0.0', templatesDir });
  return {
    version: '0.0.0',
    node: process.version,
    clock,
    store,
    config,
    stateTag,
    provider: (name) => (name === 'aws' ? Promise.resolve(provider) : Promise.reject(new SoakFailure(`there is no provider ${name} here`))),
    providers: ['aws'],
    reachable: ['aws'],
    holder: thisHolder,
    alive: isAlive,
    env,
    cwd,
    templatesDir,
    signal: new AbortController().signal,
    report: () => undefined,
    confirm: () => Promise.resolve(true),
    readStdin: () => Promise.resolve(''),
    spawnSelf: () => {
      throw new SoakFailure('nothing is started in the background here');
    },
  };
}
