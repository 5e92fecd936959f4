import type { Known, NanoUsd } from '../core/money.ts';
import type { AwsSettings } from '../spec/config.ts';
import type { Provider } from './provider.ts';

/** What the composition root gives to a provider. */
export interface ProviderSetup {
  /** Absolute folder for what runs on this machine; the state location itself where that is a folder. */
  readonly stateDir: string;
  /** Absolute folder for what may be lost. */
  readonly cacheDir: string;
  /** Digest of the state location, by which processes of this machine are known; made when it is first read. */
  readonly processTag: string;
  /** The `spin:state` tag; true once the first record is written, so that nobody keeps what was read before. */
  readonly stateTag: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly prices: { readonly local: { readonly process: Known<NanoUsd>; readonly cpu: Known<NanoUsd>; readonly memory: Known<NanoUsd> } };
  readonly ports: { readonly from: number; readonly to: number };
  readonly logs: { readonly maxBytes: number; readonly files: number };
  readonly aws: AwsSettings;
  readonly version: string;
  /** Folder of the installed package's templates; absolute. */
  readonly templatesDir: string;
  readonly keeperCommand: readonly [string, ...string[]];
  readonly selfCommand: readonly [string, ...string[]];
}

/** Every provider, by the name that a spec gives it; loaded when it is first asked for. A new one is a folder and a line here. */
export const PROVIDERS: Readonly<Record<string, (setup: ProviderSetup) => Promise<Provider>>> = {
  aws: async (setup) => {
    const { createAwsProvider } = await import('./aws/aws.ts');
    const { aws: settings, env, cacheDir, version, templatesDir } = setup;
    return createAwsProvider({
      settings,
      env,
      cacheDir,
      version,
      templatesDir,
      get stateTag() {
        return setup.stateTag;
      },
    });
  },
  local: async (setup) => {
    const { createLocalProvider } = await import('./local/local.ts');
    const { stateDir, prices, ports, logs, env, keeperCommand, selfCommand } = setup;
    return createLocalProvider({
      stateDir,
      prices: prices.local,
      ports,
      logs,
      env,
      keeperCommand,
      selfCommand,
      get stateTag() {
        return setup.processTag;
      },
    });
  },
};
