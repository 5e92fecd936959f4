import type { App, Question } from '../app/context.ts';
import { systemClock } from '../core/clock.ts';
import { SpinError } from '../core/errors.ts';
import type { SpinEvent } from '../core/events.ts';
import { digest } from '../core/ids.ts';
import type { Provider } from '../providers/provider.ts';
import { loadConfig } from '../spec/config.ts';
import { createFileStore } from '../store/file-store.ts';
import { isAlive, thisHolder, userName } from './holder.ts';
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
  const store = createFileStore({ dir: settings.state, clock: systemClock });
  let tag: string | undefined;
  const stateTag = (): string => (tag ??= digest(store.location).slice(0, 16));
  // What is started later, in the background or at the deadline, must find the same state.
  const selfEnv = { ...env, SPIN_STATE: store.location };

  const loaded = new Map<string, Promise<Provider>>();
  const loadProvider = async (name: string): Promise<Provider> => {
    const { PROVIDERS } = await import('../providers/registry.ts');
    const make = Object.hasOwn(PROVIDERS, name) ? PROVIDERS[name] : undefined;
    if (make === undefined) throw unknownProvider(name);
    return make({
      stateDir: store.location,
      stateTag: stateTag(),
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
    // Not before it is asked for: listing spins needs no digest.
    get stateTag() {
      return stateTag();
    },
    providers: PROVIDER_NAMES,
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
export const PROVIDER_NAMES: readonly string[] = ['local'];

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
