import type { Known, NanoUsd } from '../core/money.ts';
import { dollars, duration, either, form, path, plainText, type Reader, size, text, texts, ttlReader, whole, word } from './readers.ts';

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
  'aws.region': string;
  'aws.regions': readonly string[];
  'aws.accounts': readonly string[];
  'aws.role': string;
  'aws.externalId': string;
  'aws.subnets': readonly string[];
  'aws.image': string;
  'aws.instanceTypes': readonly string[];
  'aws.listener': string;
  'aws.exposeTo': readonly string[];
  'aws.checkFrom': readonly string[];
  'aws.instanceProfile': string;
  'aws.permissionsBoundary': string;
  'aws.schedulerRole': string;
  'aws.credentialsRole': string;
  'aws.prices': readonly string[];
  'gc.grace': number;
  'gc.maxSpins': number;
  'gc.maxPercent': number;
  'history.retain': number;
  'ports.from': number;
  'ports.to': number;
  'logs.maxSize': number;
  'logs.files': number;
}

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;
const ROLE = /^arn:[a-z-]+:iam::\d{12}:role\/\S+$/;
const CIDR = /^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$|^[0-9a-fA-F:]+\/\d{1,3}$/;
const roleArn = form(ROLE, 'the ARN of a role, such as arn:aws:iam::123456789012:role/spin');
const cidrs = texts(CIDR, 'address ranges, such as 203.0.113.0/24');

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
  state: {
    variable: 'SPIN_STATE',
    reader: stateLocation(),
    meaning: 'Where records and journals are kept: a folder, or s3://BUCKET/PREFIX for a team.',
  },
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
  'aws.region': {
    variable: 'SPIN_AWS_REGION',
    reader: form(REGION, 'a region, such as eu-central-1'),
    meaning: 'Region of AWS spins that name none; AWS_REGION and the profile come after it.',
  },
  'aws.regions': {
    variable: 'SPIN_AWS_REGIONS',
    reader: texts(REGION, 'regions, such as eu-central-1,us-east-1'),
    meaning: 'Regions that gc and ls --cloud look into; the one of aws.region by default.',
  },
  'aws.accounts': {
    variable: 'SPIN_AWS_ACCOUNTS',
    reader: texts(/^\d{12}$/, 'account IDs of twelve digits'),
    meaning: 'Accounts that spin may work in; any by default.',
  },
  'aws.role': {
    variable: 'SPIN_AWS_ROLE',
    reader: roleArn,
    meaning: 'Role that spin takes on before it calls AWS; not for the state on S3.',
  },
  'aws.externalId': { variable: 'SPIN_AWS_EXTERNAL_ID', reader: text, meaning: 'External ID that goes with aws.role.' },
  'aws.subnets': {
    variable: 'SPIN_AWS_SUBNETS',
    reader: texts(/^subnet-[0-9a-z]+$/, 'subnet IDs, such as subnet-0123456789abcdef0'),
    meaning: 'Subnets of instances, all of one VPC; the default subnets of the default VPC where none are given.',
  },
  'aws.image': {
    variable: 'SPIN_AWS_IMAGE',
    reader: text,
    builtIn: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64',
    meaning: 'Image of services that name none: an image ID, or a public parameter that holds one.',
  },
  'aws.instanceTypes': {
    variable: 'SPIN_AWS_INSTANCE_TYPES',
    reader: texts(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, 'instance types, such as t3.micro'),
    builtIn: 't3.micro',
    meaning: 'Instance types of services that name none, in order of preference.',
  },
  'aws.listener': {
    variable: 'SPIN_AWS_LISTENER',
    reader: form(/^arn:[a-z-]+:elasticloadbalancing:\S+:listener\/app\/\S+$/, 'the ARN of a listener of an application load balancer'),
    meaning: 'Listener that exposed services are attached to by a rule; without one they are reached at their own addresses.',
  },
  'aws.exposeTo': {
    variable: 'SPIN_AWS_EXPOSE_TO',
    reader: cidrs,
    builtIn: '0.0.0.0/0',
    meaning: 'Who may reach exposed services that no listener stands before.',
  },
  'aws.checkFrom': {
    variable: 'SPIN_AWS_CHECK_FROM',
    reader: cidrs,
    meaning: 'From where spin checks the health of services that are not exposed; their firewall opens their port to it.',
  },
  'aws.instanceProfile': {
    variable: 'SPIN_AWS_INSTANCE_PROFILE',
    reader: text,
    meaning: 'Instance profile of spins without secrets, for example one that lets Systems Manager in.',
  },
  'aws.permissionsBoundary': {
    variable: 'SPIN_AWS_PERMISSIONS_BOUNDARY',
    reader: form(/^arn:[a-z-]+:iam::(\d{12}|aws):policy\/\S+$/, 'the ARN of a policy'),
    meaning: 'Permissions boundary of every role that spin makes.',
  },
  'aws.schedulerRole': {
    variable: 'SPIN_AWS_SCHEDULER_ROLE',
    reader: roleArn,
    meaning: 'Role under which EventBridge Scheduler terminates a spin at its deadline; without it that enforcer is not armed.',
  },
  'aws.credentialsRole': {
    variable: 'SPIN_AWS_CREDENTIALS_ROLE',
    reader: roleArn,
    meaning: 'Role that spin creds narrows to one spin; aws.role by default.',
  },
  'aws.prices': {
    variable: 'SPIN_AWS_PRICES',
    reader: texts(/^[a-z0-9.-]+=\d+(\.\d+)?$/, 'prices in USD per hour, such as t3.micro=0.0104'),
    meaning: 'Prices that come before those of the price list, by instance type, or: disk-gib-month, public-ip, load-balancer.',
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

const BUCKET = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w!'()*.-]+)*\/?$/;

function stateLocation(): Reader<string> {
  return {
    json: path.json,
    read(value) {
      const read = path.read(value);
      // A folder called `s3:` would be made without a word, and the state would not be where everyone looks for it.
      if (!read.ok || !/^[a-z][a-z0-9+.-]*:\/\//i.test(read.value) || BUCKET.test(read.value)) return read;
      return {
        ok: false,
        message: `${JSON.stringify(read.value)} is neither a folder nor s3://BUCKET/PREFIX`,
        suggestion: 'write the path of a folder, or s3://my-bucket/spin',
      };
    },
  };
}
