import type { Known, NanoUsd } from '../core/money.ts';
import { dollars, duration, either, form, path, plainText, type Reader, size, text, ttlReader, whole, word } from './readers.ts';

interface SettingRow<T> {
  /** Overrides the setting from the environment. */
  readonly variable: string;
  readonly reader: Reader<T>;
  /** The built-in value as an author would write it; absent where there is none, or where it depends on the machine. */
  readonly builtIn?: string | number;
  readonly meaning: string;
}

const price = either<NanoUsd, Known<NanoUsd>>(dollars, word(['unknown']), 'an amount in USD per hour, such as 0.05, or unknown');
const count = whole(1, 1_000_000);
const port = whole(1024, 65_535);

/** What each setting is when read: milliseconds, bytes, nano-dollars. */
export interface SettingValues {
  provider: string;
  ttl: number;
  owner: string;
  state: string;
  onFailure: 'keep' | 'rollback';
  'limits.maxTtl': number;
  'limits.maxInstances': number;
  'limits.maxHourly': NanoUsd;
  'limits.maxTotal': NanoUsd;
  'prices.local.process': Known<NanoUsd>;
  'prices.local.cpu': Known<NanoUsd>;
  'prices.local.memory': Known<NanoUsd>;
  'gc.grace': number;
  'gc.maxSpins': number;
  'gc.maxPercent': number;
  'history.retain': number;
  'ports.from': number;
  'ports.to': number;
  'logs.maxSize': number;
  'logs.files': number;
}

export type SettingPath = keyof SettingValues;

/** Every setting of the config but `tags`, by its path in the file. `spin config`, the variables and the example are held to this table. */
export const SETTINGS: { readonly [P in SettingPath]: SettingRow<SettingValues[P]> } = {
  provider: {
    variable: 'SPIN_PROVIDER',
    reader: form(/^[a-z][a-z0-9-]*$/, 'the name of a provider, such as local'),
    builtIn: 'local',
    meaning: 'Provider of specs that name none.',
  },
  ttl: { variable: 'SPIN_TTL', reader: ttlReader, meaning: 'TTL of specs that say none.' },
  owner: { variable: 'SPIN_OWNER', reader: text, meaning: 'Owner of specs that name none; the user by default.' },
  state: { variable: 'SPIN_STATE', reader: stateFolder(), meaning: 'Folder of records, journals and running spins.' },
  onFailure: {
    variable: 'SPIN_ON_FAILURE',
    reader: word(['keep', 'rollback']),
    meaning: 'What up does with a spin that did not come up; rollback without a terminal, else keep.',
  },
  'limits.maxTtl': { variable: 'SPIN_MAX_TTL', reader: ttlReader, meaning: 'Longest TTL that any spin may have.' },
  'limits.maxInstances': { variable: 'SPIN_MAX_INSTANCES', reader: count, meaning: 'Most instances that one spin may have.' },
  'limits.maxHourly': { variable: 'SPIN_MAX_HOURLY', reader: dollars, meaning: 'Highest price of one spin, in USD per hour.' },
  'limits.maxTotal': { variable: 'SPIN_MAX_TOTAL', reader: dollars, meaning: 'Highest price of one spin until its deadline, in USD.' },
  'prices.local.process': {
    variable: 'SPIN_PRICE_PROCESS',
    reader: price,
    builtIn: 0,
    meaning: 'USD per hour of one instance on the local provider.',
  },
  'prices.local.cpu': {
    variable: 'SPIN_PRICE_CPU',
    reader: price,
    builtIn: 0,
    meaning: 'USD per hour of one reserved CPU on the local provider.',
  },
  'prices.local.memory': {
    variable: 'SPIN_PRICE_MEMORY',
    reader: price,
    builtIn: 0,
    meaning: 'USD per hour of one reserved GB on the local provider.',
  },
  'gc.grace': {
    variable: 'SPIN_GC_GRACE',
    reader: duration('0s', '365d'),
    builtIn: '10m',
    meaning: 'Age from which what has no record is an orphan.',
  },
  'gc.maxSpins': {
    variable: 'SPIN_GC_MAX_SPINS',
    reader: count,
    builtIn: 20,
    meaning: 'A sweep that would end more spins than this ends none.',
  },
  'gc.maxPercent': {
    variable: 'SPIN_GC_MAX_PERCENT',
    reader: whole(1, 100),
    builtIn: 50,
    meaning: 'A sweep that would end more than this share of all spins ends none.',
  },
  'history.retain': {
    variable: 'SPIN_HISTORY_RETAIN',
    reader: duration('0s', '3650d'),
    builtIn: '30d',
    meaning: 'How long journals of released spins are kept; the ledger is kept for good.',
  },
  'ports.from': { variable: 'SPIN_PORTS_FROM', reader: port, builtIn: 20_000, meaning: 'First port that is given to local instances.' },
  'ports.to': { variable: 'SPIN_PORTS_TO', reader: port, builtIn: 29_999, meaning: 'Last port that is given to local instances.' },
  'logs.maxSize': {
    variable: 'SPIN_LOGS_MAX_SIZE',
    reader: size,
    builtIn: '10MiB',
    meaning: "Size at which an instance's log is rotated.",
  },
  'logs.files': {
    variable: 'SPIN_LOGS_FILES',
    reader: whole(1, 100),
    builtIn: 3,
    meaning: 'How many rotated logs of an instance are kept.',
  },
};

export const TAGS_VARIABLE = 'SPIN_TAGS';

export const SETTING_PATHS = Object.keys(SETTINGS).filter(isSettingPath);

export function isSettingPath(name: string): name is SettingPath {
  return Object.hasOwn(SETTINGS, name);
}

/** The value of one tag. */
export const tagValue = plainText;

function stateFolder(): Reader<string> {
  return {
    json: path.json,
    read(value) {
      const read = path.read(value);
      // A folder called `s3:` would be made without a word, and the state would not be where everyone looks for it.
      if (!read.ok || !/^[a-z][a-z0-9+.-]*:\/\//i.test(read.value)) return read;
      return {
        ok: false,
        message: `${JSON.stringify(read.value)} is not supported in this version of spin`,
        suggestion: 'write the path of a folder',
      };
    },
  };
}
