import { join } from 'node:path';
import type { App, Question } from '../app/context.ts';
import { systemClock } from '../core/clock.ts';
import { SpinError } from '../core/errors.ts';
import type { SpinEvent } from '../core/events.ts';
import type { Provider } from '../providers/provider.ts';
import { type LoadedConfig, loadConfig, type Settings } from '../spec/config.ts';
import { folderOf } from '../spec/config-layers.ts';
import { createFileStore } from '../store/file-store.ts';
import { tagOf } from '../store/state-tag.ts';
import type { Store } from '../store/store.ts';
import { isAlive, thisHolder, thisMachine, userName } from './holder.ts';
import type { Globals } from './program.ts';
import { VERSION } from './version.ts';
import type { World } from './world.ts';

export interface Wiring {
  readonly signal: AbortSignal;
  readonly report: (event: SpinEvent) => void;
  readonly ask: (question: Question) => Promise<boolean>;
}

/** Specs are refused above 1 MiB; reading stops soon after. */
const STDIN_LIMIT = 4 * 1024 * 1024;

/**
 * The composition root: the one place where the parts are chosen and joined.
 * @throws SpinError `config-invalid`, `state-unwritable`
 */
export async function compose(world: World, globals: Globals, wiring: Wiring): Promise<App> {
  const { env, installation } = world;
  const cwd = world.cwd();
  const flags = globals.state === undefined ? {} : { state: globals.state };
  const config = await loadConfig({ cwd, home: world.home, env, user: userName, flags, noConfig: !globals.config });
  const { settings } = config;
  const store = await openStore(settings.state, world);
  // What is started later, in the background or at the deadline, must find the same state.
  const selfEnv = { ...env, SPIN_STATE: store.location };

  let processTag: string | undefined;
  const loaded = new Map<string, Promise<Provider>>();
  const loadProvider = async (name: string): Promise<Provider> => {
    const { PROVIDERS } = await import('../providers/registry.ts');
    const make = Object.hasOwn(PROVIDERS, name) ? PROVIDERS[name] : undefined;
    if (make === undefined) throw unknownProvider(name);
    return make({
      stateDir: machineFolder(world, store.location),
      cacheDir: cacheFolder(world),
      aws: settings.aws,
      version: VERSION,
      templatesDir: installation.templates,
      // Neither before it is asked for: they are digests, and ending what a keeper runs needs none.
      get processTag() {
        return (processTag ??= tagOf(store.location));
      },
      get stateTag() {
        return store.tag;
      },
      env,
      prices: settings.prices,
      ports: settings.ports,
      logs: settings.logs,
      keeperCommand: installation.keeper,
      selfCommand: [...installation.self, '--state', store.location],
    });
  };

  return {
    version: VERSION,
    node: process.version,
    clock: systemClock,
    store,
    config,
    get stateTag() {
      return store.tag;
    },
    providers: inUse(settings, config.values),
    reachable: inReach(env),
    provider(name) {
      const provider = loaded.get(name) ?? loadProvider(name);
      loaded.set(name, provider);
      return provider;
    },
    holder: thisHolder,
    alive: isAlive,
    env,
    cwd,
    templatesDir: installation.templates,
    signal: wiring.signal,
    report: wiring.report,
    confirm: (question) => (globals.yes ? Promise.resolve(true) : wiring.ask(question)),
    readStdin: () => readStdin(world),
    spawnSelf: (args) => {
      const [command, ...first] = installation.self;
      process
        .getBuiltinModule('node:child_process')
        .spawn(command, [...first, ...args, ...(globals.config ? [] : ['--no-config'])], {
          cwd,
          env: selfEnv,
          detached: true,
          stdio: 'ignore',
        })
        .unref();
    },
  };
}

/** The keys of PROVIDERS, without loading the registry; test/cli/compose.test.ts holds the two together. */
export const PROVIDER_NAMES: readonly string[] = ['aws', 'local'];

/** A bucket is shared; what runs on this machine, and what is cached, needs a folder of its own. */
function machineFolder({ env, home }: World, location: string): string {
  if (!location.startsWith(BUCKET)) return location;
  return join(folderOf(env['XDG_STATE_HOME'], join(home, '.local', 'state')), 'spin', 'shared', tagOf(location));
}

function cacheFolder({ env, home }: World): string {
  return join(folderOf(env['XDG_CACHE_HOME'], join(home, '.cache')), 'spin');
}

const BUCKET = 's3://';

async function openStore(location: string, world: World): Promise<Store> {
  if (!location.startsWith(BUCKET)) return createFileStore({ dir: location, clock: systemClock, machine: thisMachine });
  const [{ createS3Store }, { parseS3Location }] = await Promise.all([import('../store/s3-store.ts'), import('../store/s3/location.ts')]);
  return createS3Store({ ...parseS3Location(location), clock: systemClock, env: world.env, cacheDir: cacheFolder(world) });
}

/** Whose inventories a sweep asks: nobody who has never been near a cloud waits for its credentials. */
function inUse({ provider, state }: Settings, values: LoadedConfig['values']): readonly string[] {
  const spoken = Object.entries(values).some(([path, value]) => path.startsWith('aws.') && value.origin !== 'default');
  return PROVIDER_NAMES.filter((name) => name !== 'aws' || provider === 'aws' || spoken || state.startsWith(BUCKET));
}

/** What tells that somebody works on AWS, though maybe not with spin. */
const AWS_VARIABLES = ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE', 'AWS_ACCESS_KEY_ID', 'AWS_ROLE_ARN'];

function inReach(env: World['env']): readonly string[] {
  return AWS_VARIABLES.some((name) => (env[name] ?? '') !== '') ? PROVIDER_NAMES : ['local'];
}

function unknownProvider(name: string): SpinError {
  return new SpinError('provider-unknown', `there is no provider ${JSON.stringify(name)}`, {
    hint: `use ${PROVIDER_NAMES.join(' or ')}`,
    data: { provider: name, providers: PROVIDER_NAMES },
  });
}

async function readStdin({ stdin }: World): Promise<string> {
  if (stdin.isTTY === true)
    throw new SpinError('usage', 'a spec was to come on standard input, which is a terminal', { hint: 'spin up -f - < spec.yaml' });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    size += bytes.length;
    if (size > STDIN_LIMIT) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
