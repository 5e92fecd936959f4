/** How fast AWS lets itself be asked: per account, region and bucket. */
export interface Rate {
  /** How many tokens a full bucket holds. */
  readonly size: number;
  /** How many come back per second. */
  readonly perSecond: number;
  /** Whoever has to wait waits for so many tokens more, which stay in the bucket for those who come early; none by default. */
  readonly spare?: number;
}

/** What one request takes from one bucket. */
export interface Toll {
  readonly bucket: string;
  readonly rate: Rate;
  readonly tokens: number;
}

/**
 * The buckets of EC2. Source: "Request throttling for the Amazon EC2 API", tables of request and of resource token buckets.
 * Each action has a bucket of its own, of the size of its category; the few that are granted more are taken as their category is, which is
 * never faster than what is allowed.
 */
const EC2: Readonly<Record<'read' | 'write' | 'run' | 'runInstances' | 'terminate' | 'terminateInstances' | 'createTags', Rate>> = {
  read: { size: 100, perSecond: 20 },
  write: { size: 50, perSecond: 5 },
  run: { size: 5, perSecond: 2 },
  runInstances: { size: 1_000, perSecond: 2 },
  terminate: { size: 100, perSecond: 5 },
  terminateInstances: { size: 1_000, perSecond: 20 },
  createTags: { size: 100, perSecond: 10 },
};

/**
 * The other services, by service ID and by whether the action only reads.
 * - Elastic Load Balancing v2: "Request throttling for the Elastic Load Balancing API" (non-mutating 40, refill 10; mutating less).
 * - SSM: "Systems Manager service quotas", default throughput of Parameter Store, 40 per second.
 * - STS: "IAM and AWS STS quotas", 600 requests per second.
 * - Scheduler: "Quotas for Amazon EventBridge Scheduler", 250 per second in the slower regions.
 * - Service Quotas: its own quotas, 5 per second.
 * - IAM, RDS, Pricing, Cost Explorer and EC2 Instance Connect publish none; these are cautious.
 */
const SERVICES: Readonly<Record<string, { readonly read: Rate; readonly write: Rate }>> = {
  'Elastic Load Balancing v2': { read: { size: 40, perSecond: 10 }, write: { size: 20, perSecond: 3 } },
  SSM: { read: { size: 40, perSecond: 40 }, write: { size: 20, perSecond: 10 } },
  STS: { read: { size: 600, perSecond: 600 }, write: { size: 600, perSecond: 600 } },
  IAM: { read: { size: 30, perSecond: 15 }, write: { size: 15, perSecond: 5 } },
  RDS: { read: { size: 30, perSecond: 10 }, write: { size: 10, perSecond: 3 } },
  Scheduler: { read: { size: 250, perSecond: 250 }, write: { size: 250, perSecond: 250 } },
  'Service Quotas': { read: { size: 5, perSecond: 5 }, write: { size: 1, perSecond: 1 } },
  Pricing: { read: { size: 10, perSecond: 5 }, write: { size: 10, perSecond: 5 } },
  'Cost Explorer': { read: { size: 5, perSecond: 1 }, write: { size: 5, perSecond: 1 } },
  'EC2 Instance Connect': { read: { size: 10, perSecond: 5 }, write: { size: 10, perSecond: 5 } },
};

const READS = /^(?:Describe|Get|List|Search|BatchGet)/;

/**
 * The buckets that a request takes from; none for services that have no such limits (S3) or that are not known.
 * @param service service ID of the SDK, such as `EC2`
 * @param instances how many instances a RunInstances or TerminateInstances is about
 */
export function tollsOf(service: string, action: string, instances = 1): readonly Toll[] {
  if (service === 'EC2') return ec2Tolls(action, instances);
  const rates = SERVICES[service];
  if (rates === undefined) return [];
  const side = READS.test(action) ? 'read' : 'write';
  return [toll(`${service.toLowerCase().replaceAll(' ', '-')}-${side}`, rates[side], 1)];
}

function ec2Tolls(action: string, instances: number): readonly Toll[] {
  switch (action) {
    case 'RunInstances':
      return [toll('ec2-run', EC2.run, 1), toll('ec2-run-instances', EC2.runInstances, instances)];
    case 'TerminateInstances':
      return [toll('ec2-terminate', EC2.terminate, 1), toll('ec2-terminate-instances', EC2.terminateInstances, instances)];
    case 'CreateTags':
      return [toll('ec2-create-tags', EC2.createTags, 1)];
    default:
      return [toll(`ec2-${action.toLowerCase()}`, READS.test(action) ? EC2.read : EC2.write, 1)];
  }
}

const SPARE = 2;

function toll(bucket: string, rate: Rate, tokens: number): Toll {
  return { bucket, rate: withheld(rate), tokens };
}

/**
 * Requests that leave in time may arrive closer together than they left, the first one above all, which waits for a connection. A quarter of a
 * second's tokens, at least one, is therefore never spent; the refill stays what it is. Where there is a queue, many processes are busy at
 * once, and what they send is late by more: two tokens beyond that are left, which costs the whole queue a second at most.
 */
function withheld({ size, perSecond }: Rate): Rate {
  return { size: Math.max(1, size - Math.max(1, Math.ceil(perSecond / 4))), perSecond, spare: SPARE };
}
