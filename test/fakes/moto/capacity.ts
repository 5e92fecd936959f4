import { type Answer, errorAnswer } from './answers.ts';
import type { Call } from './call.ts';

/** Instances that cannot be had. Whatever is left out matches everything. */
export interface Shortage {
  readonly type?: string;
  /** Matches requests that name this zone, or a subnet in it. */
  readonly zone?: string;
  readonly market?: 'spot' | 'on-demand';
  /** How many may still be made. @default 0 */
  readonly left?: number;
  /** @default InsufficientInstanceCapacity */
  readonly code?: ShortageCode;
}

export type ShortageCode = keyof typeof SHORTAGES;

/** What RunInstances asks for. */
export interface Wish {
  readonly type: string;
  readonly zone: string | undefined;
  readonly market: 'spot' | 'on-demand';
  readonly min: number;
  readonly max: number;
}

const CONTACT = 'Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.';

const SHORTAGES = {
  InsufficientInstanceCapacity: [
    500,
    ({ type, zone }: Wish) =>
      zone === undefined
        ? `We currently do not have sufficient ${type} capacity in zones with support for 'gp3' volumes. Our system will be working on provisioning additional capacity.`
        : `We currently do not have sufficient ${type} capacity in the Availability Zone you requested (${zone}). Our system will be working on provisioning additional capacity. You can currently get ${type} capacity by not specifying an Availability Zone in your request.`,
  ],
  VcpuLimitExceeded: [
    400,
    () =>
      `You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket that the specified instance type belongs to. ${CONTACT}`,
  ],
  InstanceLimitExceeded: [
    400,
    ({ max }: Wish) =>
      `You have requested more instances (${max}) than your current instance limit of 20 allows for the specified instance type. ${CONTACT}`,
  ],
  MaxSpotInstanceCountExceeded: [400, () => 'Max spot instance count exceeded'],
} as const satisfies Readonly<Record<string, readonly [status: number, message: (wish: Wish) => string]>>;

/** The shortages that a test has declared. */
export class Capacity {
  readonly #short: { readonly of: Shortage; left: number }[] = [];

  declare(shortage: Shortage): void {
    this.#short.push({ of: shortage, left: shortage.left ?? 0 });
  }

  forget(): void {
    this.#short.length = 0;
  }

  /** How many instances a request gets, or what it is answered where it gets fewer than it must have. */
  grant(call: Call, wish: Wish): number | Answer {
    const short = this.#short.filter(({ of }) => concerns(of, wish)).toSorted((a, b) => a.left - b.left);
    const tightest = short[0];
    const count = Math.min(wish.max, tightest?.left ?? Infinity);
    if (tightest !== undefined && count < Math.max(1, wish.min)) {
      const code = tightest.of.code ?? 'InsufficientInstanceCapacity';
      const [status, message] = SHORTAGES[code];
      return errorAnswer(call, status, code, message(wish));
    }
    for (const one of short) one.left -= count;
    return count;
  }
}

function concerns({ type, zone, market }: Shortage, wish: Wish): boolean {
  return (type ?? wish.type) === wish.type && (zone ?? wish.zone) === wish.zone && (market ?? wish.market) === wish.market;
}

/** @param zone of the request, where it names one */
export function wishOf({ params }: Call, zone: string | undefined): Wish {
  return {
    type: params.get('InstanceType') ?? 'm1.small',
    zone,
    market: params.get('InstanceMarketOptions.MarketType') === 'spot' ? 'spot' : 'on-demand',
    min: Number(params.get('MinCount') ?? '1'),
    max: Number(params.get('MaxCount') ?? params.get('MinCount') ?? '1'),
  };
}
