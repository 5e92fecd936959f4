export interface BucketSize {
  /** Tokens that it holds when it is full, as it is at first. */
  readonly capacity: number;
  readonly perSecond: number;
}

/**
 * The published sizes: each action of each account and region has its own bucket, of the size of its category, unless it is listed by itself.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
 */
export const CATEGORY_SIZES = {
  reading: { capacity: 100, perSecond: 20 },
  /** The actions of `UNFILTERED`, asked for everything at once. */
  unfiltered: { capacity: 50, perSecond: 10 },
  mutating: { capacity: 50, perSecond: 5 },
} as const satisfies Readonly<Record<string, BucketSize>>;

export const ACTION_SIZES: Readonly<Record<string, BucketSize>> = {
  RunInstances: { capacity: 5, perSecond: 2 },
  TerminateInstances: { capacity: 100, perSecond: 5 },
  CreateTags: { capacity: 100, perSecond: 10 },
  DeleteTags: { capacity: 100, perSecond: 10 },
  CreateVolume: { capacity: 100, perSecond: 5 },
  DeleteVolume: { capacity: 100, perSecond: 5 },
  CreateSnapshot: { capacity: 100, perSecond: 5 },
  DeleteSnapshot: { capacity: 100, perSecond: 5 },
};

/** One token per instance, beside the one for the request. */
export const RESOURCE_SIZES: Readonly<Record<string, BucketSize>> = {
  RunInstances: { capacity: 1000, perSecond: 2 },
  TerminateInstances: { capacity: 1000, perSecond: 20 },
};

const UNFILTERED: ReadonlySet<string> = new Set([
  'DescribeInstances',
  'DescribeInstanceStatus',
  'DescribeNetworkInterfaces',
  'DescribeSecurityGroups',
  'DescribeSnapshots',
  'DescribeSpotInstanceRequests',
  'DescribeVolumes',
]);

/**
 * `documented`: a bucket per action. `shared`: those of a category draw from one, as older pages of AWS told and as is the harder of the two.
 */
export type BucketMode = 'documented' | 'shared';

export interface Drawn {
  readonly account: string;
  readonly region: string;
  readonly action: string;
  readonly input: unknown;
}

/** Token buckets of EC2. A request that is refused takes nothing. */
export class Buckets {
  readonly #mode: BucketMode;
  readonly #levels = new Map<string, { level: number; at: number }>();

  constructor(mode: BucketMode) {
    this.#mode = mode;
  }

  /** True where there were tokens for the call; they are taken. */
  take(call: Drawn, now: number): boolean {
    const place = `${call.account} ${call.region}`;
    const { name, size } = this.#requestBucket(call);
    const request = this.#level(`${place} ${name}`, size, now);
    const resources = RESOURCE_SIZES[call.action];
    const needed = resources === undefined ? 0 : resourcesOf(call.input);
    const resource = resources === undefined ? undefined : this.#level(`${place} ${call.action} resources`, resources, now);
    if (request.level < 1 || (resource !== undefined && resource.level < needed)) return false;
    request.level -= 1;
    if (resource !== undefined) resource.level -= needed;
    return true;
  }

  #requestBucket({ action, input }: Drawn): { readonly name: string; readonly size: BucketSize } {
    const own = ACTION_SIZES[action];
    if (own !== undefined) return { name: action, size: own };
    const category = categoryOf(action, input);
    const name = this.#mode === 'shared' ? category : `${action} ${category}`;
    return { name, size: CATEGORY_SIZES[category] };
  }

  #level(name: string, { capacity, perSecond }: BucketSize, now: number): { level: number; at: number } {
    const held = this.#levels.get(name) ?? { level: capacity, at: now };
    held.level = Math.min(capacity, held.level + (Math.max(0, now - held.at) / 1000) * perSecond);
    held.at = Math.max(held.at, now);
    this.#levels.set(name, held);
    return held;
  }
}

function categoryOf(action: string, input: unknown): keyof typeof CATEGORY_SIZES {
  if (!/^(Describe|Get|List|Search)/.test(action)) return 'mutating';
  const asked = new Set(typeof input === 'object' && input !== null ? Object.keys(input) : []);
  const narrowed =
    ['Filters', 'MaxResults', 'NextToken'].some((name) => asked.has(name)) || [...asked].some((name) => name.endsWith('Ids'));
  return UNFILTERED.has(action) && !narrowed ? 'unfiltered' : 'reading';
}

/** RunInstances is charged for the most that it may launch. */
function resourcesOf(input: unknown): number {
  if (typeof input !== 'object' || input === null) return 1;
  if ('MaxCount' in input) return Number(input.MaxCount);
  return 'InstanceIds' in input && Array.isArray(input.InstanceIds) ? input.InstanceIds.length : 1;
}
