import { refuse, Refusal } from '../protocol/refusal.ts';
import { TYPES } from './catalog.ts';

export const LIMIT_CODES = [
  'InsufficientInstanceCapacity',
  'InstanceLimitExceeded',
  'VcpuLimitExceeded',
  'MaxSpotInstanceCountExceeded',
] as const;
export type LimitCode = (typeof LIMIT_CODES)[number];

/** How much may be launched of what matches; what is left out matches everything. */
export interface LimitRule {
  readonly region?: string;
  readonly type?: string;
  readonly zone?: string;
  readonly spot?: boolean;
  /** What is left: instances, or vCPUs for `VcpuLimitExceeded`. Terminated instances give back. */
  readonly left: number;
  /** `InsufficientInstanceCapacity` by default. */
  readonly code?: LimitCode;
}

export interface Launch {
  readonly region: string;
  readonly type: string;
  readonly zone: string;
  readonly spot: boolean;
}

interface Limit {
  readonly rule: LimitRule;
  readonly code: LimitCode;
  left: number;
}

/** Scripted capacity and quotas. Without a rule everything can be launched. */
export class Limits {
  #limits: Limit[] = [];

  add(rule: LimitRule): void {
    this.#limits.push({ rule, code: rule.code ?? 'InsufficientInstanceCapacity', left: rule.left });
  }

  clear(): void {
    this.#limits = [];
  }

  list(): readonly (LimitRule & { readonly code: LimitCode })[] {
    return this.#limits.map(({ rule, code, left }) => ({ ...rule, code, left }));
  }

  /** How many instances of that launch there is room for. */
  room(launch: Launch): number {
    return Math.min(Infinity, ...this.#matching(launch).map((limit) => Math.max(0, Math.floor(limit.left / unitsOf(limit, launch)))));
  }

  /** Takes what one instance needs; the answer gives it back, once. */
  take(launch: Launch): () => void {
    let taken = this.#matching(launch);
    for (const limit of taken) limit.left -= unitsOf(limit, launch);
    return () => {
      for (const limit of taken) limit.left += unitsOf(limit, launch);
      taken = [];
    };
  }

  /** Says no, in the words of the limit that is most in the way: a quota before a lack of capacity. @throws Refusal */
  refuse(launch: Launch, wanted: number, otherZones: readonly string[]): never {
    const short = this.#matching(launch).filter((limit) => limit.left < wanted * unitsOf(limit, launch));
    const limit = short.find(({ code }) => code !== 'InsufficientInstanceCapacity') ?? short[0];
    switch (limit?.code) {
      case 'VcpuLimitExceeded':
        return refuse(
          limit.code,
          `You have requested more vCPU capacity than your current vCPU limit of ${limit.rule.left} allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.`,
        );
      case 'InstanceLimitExceeded':
        return refuse(
          limit.code,
          `You have requested more instances (${wanted}) than your current instance limit of ${limit.rule.left} allows for the specified instance type. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.`,
        );
      case 'MaxSpotInstanceCountExceeded':
        return refuse(limit.code, 'Max spot instance count exceeded');
      case 'InsufficientInstanceCapacity':
      case undefined: {
        const advice = otherZones.length === 0 ? '' : ` or choosing ${otherZones.join(', ')}`;
        throw new Refusal(
          500,
          'InsufficientInstanceCapacity',
          `We currently do not have sufficient ${launch.type} capacity in the Availability Zone you requested (${launch.zone}). Our system will be working on provisioning additional capacity. You can currently get ${launch.type} capacity by not specifying an Availability Zone in your request${advice}.`,
        );
      }
    }
  }

  #matching(launch: Launch): Limit[] {
    return this.#limits.filter(
      ({ rule }) =>
        (rule.region ?? launch.region) === launch.region &&
        (rule.type ?? launch.type) === launch.type &&
        (rule.zone ?? launch.zone) === launch.zone &&
        (rule.spot ?? launch.spot) === launch.spot,
    );
  }
}

function unitsOf(limit: Limit, launch: Launch): number {
  return limit.code === 'VcpuLimitExceeded' ? (TYPES.get(launch.type)?.vcpus ?? 1) : 1;
}
