import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InternalError } from '../core/errors.ts';
import { type Known, type NanoUsd, usd } from '../core/money.ts';
import type { Tags } from '../core/tags.ts';
import type { ConfigFile } from './config-file.ts';
import {
  builtInLayer,
  type ConfigFlags,
  type ConfigValue,
  type Environment,
  envLayer,
  fileLayer,
  flagLayer,
  folderOf,
  type Layer,
  nearMisses,
  problemAt,
} from './config-layers.ts';
import type { SpecDefaults, SpecOverrides } from './load.ts';
import { type Problem, problemsError } from './problems.ts';
import { SETTING_PATHS, SETTINGS, type SettingPath, type SettingValues } from './settings.ts';

/** Where a config file of a project may stand, in each folder from the working directory upward. */
export const PROJECT_PLACES = ['spin.config.yaml', 'spin.config.yml', '.config/spin.config.yaml', '.config/spin.config.yml'];
/** And in the user's config directory. */
export const USER_PLACES = ['config.yaml', 'config.yml'];

export interface ConfigInput {
  /** Absolute. */
  readonly cwd: string;
  /** The user's home folder; absolute. */
  readonly home: string;
  readonly env: Environment;
  /** Name of the account, asked only where no variable tells it, as in cron and many containers. */
  readonly user?: () => string;
  readonly flags?: ConfigFlags;
  /** Reads no config file; flags and variables still count. */
  readonly noConfig?: boolean;
}

/** What spin goes by on AWS. */
export interface AwsSettings {
  readonly region?: string;
  /** Regions that are looked into; only that of `region` where empty. */
  readonly regions: readonly string[];
  /** Accounts that spin may work in; any where empty. */
  readonly accounts: readonly string[];
  readonly role?: string;
  readonly externalId?: string;
  readonly subnets: readonly string[];
  readonly image: string;
  readonly instanceTypes: readonly string[];
  readonly listener?: string;
  readonly exposeTo: readonly string[];
  readonly checkFrom: readonly string[];
  readonly instanceProfile?: string;
  readonly permissionsBoundary?: string;
  readonly schedulerRole?: string;
  readonly credentialsRole?: string;
  /** Prices per hour that come before the price list, by instance type or by `disk-gib-month`, `public-ip`, `load-balancer`. */
  readonly prices: Readonly<Record<string, NanoUsd>>;
}

/** Every setting, read: times in milliseconds, sizes in bytes, money in nano-dollars, folders absolute. */
export interface Settings {
  readonly provider: string;
  readonly ttlMs?: number;
  readonly owner: string;
  readonly tags: Tags;
  readonly state: string;
  readonly onFailure?: 'keep' | 'rollback';
  readonly limits: {
    readonly maxTtlMs?: number;
    readonly maxInstances?: number;
    readonly maxHourly?: NanoUsd;
    readonly maxTotal?: NanoUsd;
  };
  readonly prices: { readonly local: { readonly process: Known<NanoUsd>; readonly cpu: Known<NanoUsd>; readonly memory: Known<NanoUsd> } };
  readonly aws: AwsSettings;
  readonly gc: { readonly graceMs: number; readonly maxSpins: number; readonly maxPercent: number };
  readonly history: { readonly retainMs: number };
  readonly ports: { readonly from: number; readonly to: number };
  readonly logs: { readonly maxBytes: number; readonly files: number };
}

export interface LoadedConfig {
  readonly settings: Settings;
  /** By setting path, such as `gc.grace` and `tags.team`; settings that have no value are left out. */
  readonly values: Readonly<Record<string, ConfigValue>>;
  /** The config files that were read, strongest first. */
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Gathers the settings: flag, SPIN_* variable, project config, user config, built in; the first that has a value wins, tags one by one.
 * @throws SpinError `config-invalid` with every problem in its message and in `data.problems`
 */
export async function loadConfig(input: ConfigInput): Promise<LoadedConfig> {
  const { cwd, home, env, flags = {} } = input;
  const problems: Problem[] = [];
  const project = input.noConfig === true ? undefined : await projectFile(cwd, home);
  const user =
    input.noConfig === true
      ? undefined
      : await findFile(join(folderOf(env['XDG_CONFIG_HOME'], join(home, '.config')), 'spin'), USER_PLACES, cwd);

  const layers: Layer[] = [
    flagLayer(flags, cwd, problems),
    envLayer(env, cwd, problems),
    ...(project === undefined ? [] : [fileLayer('project', project, problems)]),
    ...(user === undefined ? [] : [fileLayer('user', user, problems)]),
    builtInLayer(env, home, input.user ?? (() => 'unknown')),
  ];
  const { entries, tags } = merge(layers);
  const settings = settingsOf(entries, tags);
  const from = entries.get('ports.from');
  if (settings.ports.from > settings.ports.to && from !== undefined) {
    problems.push(problemAt(from.where, 'ports', `from ${settings.ports.from} is above to ${settings.ports.to}`));
  }
  if (problems.length > 0) throw problemsError('config-invalid', 'the config', problems);

  const values = Object.fromEntries([
    ...SETTING_PATHS.flatMap((path) => withEntry(path, entries.get(path))),
    ...[...tags].flatMap(([name, entry]) => withEntry(`tags.${name}`, entry)),
  ]);
  return {
    settings,
    values,
    files: [project, user].flatMap((found) => (found === undefined ? [] : [found.file])),
    warnings: nearMisses(env),
  };
}

/** How a config enters a spec: what is weaker than the spec as defaults, what is stronger as overrides. */
export function specInputs({ settings, values }: LoadedConfig): { readonly defaults: SpecDefaults; readonly overrides: SpecOverrides } {
  const strong = (path: string) => values[path]?.origin === 'flag' || values[path]?.origin === 'env';
  const tags = (wanted: boolean) => Object.fromEntries(Object.entries(settings.tags).filter(([name]) => strong(`tags.${name}`) === wanted));
  const sourced = (path: SettingPath, value: number | undefined) =>
    value === undefined ? undefined : { value, where: values[path]?.where ?? 'built in' };
  const ttlMs = sourced('ttl', settings.ttlMs);
  const maxTtlMs = sourced('limits.maxTtl', settings.limits.maxTtlMs);
  return {
    defaults: {
      provider: settings.provider,
      ...(settings.aws.region === undefined ? {} : { region: settings.aws.region }),
      owner: settings.owner,
      tags: tags(false),
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(maxTtlMs === undefined ? {} : { maxTtlMs }),
    },
    overrides: {
      tags: tags(true),
      ...(strong('provider') ? { provider: settings.provider } : {}),
      ...(strong('owner') ? { owner: settings.owner } : {}),
      ...(strong('ttl') && ttlMs !== undefined ? { ttlMs } : {}),
    },
  };
}

async function projectFile(cwd: string, home: string): Promise<ConfigFile | undefined> {
  for (let dir = cwd; ; dir = dirname(dir)) {
    const found = await findFile(dir, PROJECT_PLACES, cwd);
    if (found !== undefined || dir === home || dir === dirname(dir)) return found;
  }
}

/** Most projects have no config file: a few stat calls find that out, so that `spin ls` need not load what reads one (about 25 ms). */
async function findFile(dir: string, places: readonly string[], cwd: string): Promise<ConfigFile | undefined> {
  if (!places.some((place) => existsSync(join(dir, place)))) return undefined;
  const { readConfigFile } = await import('./config-file.ts');
  return readConfigFile(dir, places, cwd);
}

function merge(layers: readonly Layer[]): { entries: Map<SettingPath, ConfigValue>; tags: Map<string, ConfigValue> } {
  const entries = new Map<SettingPath, ConfigValue>();
  const tags = new Map<string, ConfigValue>();
  for (const layer of layers) {
    for (const [path, entry] of layer.entries) if (!entries.has(path)) entries.set(path, entry);
    for (const [name, entry] of layer.tags) if (!tags.has(name)) tags.set(name, entry);
  }
  return { entries, tags };
}

function settingsOf(entries: ReadonlyMap<SettingPath, ConfigValue>, tags: ReadonlyMap<string, ConfigValue>): Settings {
  const maybe = <P extends SettingPath>(path: P): SettingValues[P] | undefined => {
    const entry = entries.get(path);
    const read = entry === undefined ? undefined : SETTINGS[path].reader.read(entry.value);
    return read?.ok === true ? read.value : undefined;
  };
  const need = <P extends SettingPath>(path: P): SettingValues[P] => {
    const value = maybe(path);
    if (value === undefined) throw new InternalError(`setting ${path} has no built-in value`);
    return value;
  };
  const [ttlMs, onFailure, maxTtlMs] = [maybe('ttl'), maybe('onFailure'), maybe('limits.maxTtl')];
  const [maxInstances, maxHourly, maxTotal] = [maybe('limits.maxInstances'), maybe('limits.maxHourly'), maybe('limits.maxTotal')];
  return {
    provider: need('provider'),
    ...(ttlMs === undefined ? {} : { ttlMs }),
    owner: need('owner'),
    tags: Object.fromEntries([...tags].map(([name, { value }]) => [name, String(value)])),
    state: need('state'),
    ...(onFailure === undefined ? {} : { onFailure }),
    limits: {
      ...(maxTtlMs === undefined ? {} : { maxTtlMs }),
      ...(maxInstances === undefined ? {} : { maxInstances }),
      ...(maxHourly === undefined ? {} : { maxHourly }),
      ...(maxTotal === undefined ? {} : { maxTotal }),
    },
    prices: { local: { process: need('prices.local.process'), cpu: need('prices.local.cpu'), memory: need('prices.local.memory') } },
    aws: {
      ...given('region', maybe('aws.region')),
      regions: maybe('aws.regions') ?? [],
      accounts: maybe('aws.accounts') ?? [],
      ...given('role', maybe('aws.role')),
      ...given('externalId', maybe('aws.externalId')),
      subnets: maybe('aws.subnets') ?? [],
      image: need('aws.image'),
      instanceTypes: need('aws.instanceTypes'),
      ...given('listener', maybe('aws.listener')),
      exposeTo: need('aws.exposeTo'),
      checkFrom: maybe('aws.checkFrom') ?? [],
      ...given('instanceProfile', maybe('aws.instanceProfile')),
      ...given('permissionsBoundary', maybe('aws.permissionsBoundary')),
      ...given('schedulerRole', maybe('aws.schedulerRole')),
      ...given('credentialsRole', maybe('aws.credentialsRole')),
      prices: pricesOf(maybe('aws.prices') ?? []),
    },
    gc: { graceMs: need('gc.grace'), maxSpins: need('gc.maxSpins'), maxPercent: need('gc.maxPercent') },
    history: { retainMs: need('history.retain') },
    ports: { from: need('ports.from'), to: need('ports.to') },
    logs: { maxBytes: need('logs.maxSize'), files: need('logs.files') },
  };
}

function given<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]: Value });
}

function pricesOf(entries: readonly string[]): Readonly<Record<string, NanoUsd>> {
  return Object.fromEntries(
    entries.map((entry) => {
      const [name = '', amount] = entry.split('=');
      return [name, usd(Number(amount))];
    }),
  );
}

function withEntry(path: string, entry: ConfigValue | undefined): [string, ConfigValue][] {
  return entry === undefined ? [] : [[path, entry]];
}
