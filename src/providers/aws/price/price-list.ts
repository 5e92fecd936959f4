import { type _InstanceType, DescribeSpotPriceHistoryCommand, EC2Client } from '@aws-sdk/client-ec2';
import { GetProductsCommand, PricingClient } from '@aws-sdk/client-pricing';
import { type NanoUsd, usd } from '../../../core/money.ts';
import type { Call } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { allPages } from '../pages.ts';

/** Questions to the Price List API, and to the history of spot prices. Each answers undefined where there is no such price. */

/** On-demand price per hour of a Linux instance on shared hardware. @throws Fault */
export function onDemandPrice(list: Cloud, region: string, type: string, call: Call): Promise<NanoUsd | undefined> {
  const filters = {
    instanceType: type,
    operatingSystem: 'Linux',
    tenancy: 'Shared',
    preInstalledSw: 'NA',
    capacitystatus: 'Used',
    licenseModel: 'No License required',
  };
  return cheapest(list, 'AmazonEC2', { ...filters, regionCode: region }, ({ unit }) => unit === 'Hrs', call);
}

/** Price per month of one GiB of gp3. @throws Fault */
export function diskPrice(list: Cloud, region: string, call: Call): Promise<NanoUsd | undefined> {
  const filters = { productFamily: 'Storage', volumeApiName: 'gp3', regionCode: region };
  return cheapest(list, 'AmazonEC2', filters, ({ unit }) => unit === 'GB-Mo', call);
}

/** Price per hour of an application load balancer; what it carries comes on top. @throws Fault */
export function balancerPrice(list: Cloud, region: string, call: Call): Promise<NanoUsd | undefined> {
  const filters = { productFamily: 'Load Balancer-Application', regionCode: region };
  const isHour = ({ usage, unit }: Dimension) => unit === 'Hrs' && /(^|-)LoadBalancerUsage$/.test(usage);
  return cheapest(list, 'AWSELB', filters, isHour, call);
}

/** The least of the newest spot prices per zone. @throws Fault */
export async function spotPrice(cloud: Cloud, type: string, call: Call): Promise<NanoUsd | undefined> {
  // Asked from now on, AWS answers with the price of the moment.
  const now = new Date(call.clock.now());
  const history = await allPages(async (NextToken) => {
    const command = new DescribeSpotPriceHistoryCommand({
      // The SDK lists the instance types of its day; a spec may name a newer one.
      InstanceTypes: [type as _InstanceType],
      ProductDescriptions: ['Linux/UNIX', 'Linux/UNIX (Amazon VPC)'],
      StartTime: now,
      NextToken,
    });
    const page = await cloud.send(EC2Client, command, call);
    return { items: page.SpotPriceHistory, next: page.NextToken };
  });
  const newest = new Map<string, { readonly at: number; readonly price: number }>();
  for (const { AvailabilityZone = '', SpotPrice, Timestamp } of history) {
    const at = Timestamp?.getTime() ?? 0;
    const price = Number(SpotPrice);
    if (Number.isFinite(price) && price > 0 && at >= (newest.get(AvailabilityZone)?.at ?? 0)) newest.set(AvailabilityZone, { at, price });
  }
  return newest.size === 0 ? undefined : usd(Math.min(...[...newest.values()].map(({ price }) => price)));
}

interface Dimension {
  readonly usage: string;
  readonly unit: string;
  readonly price: number;
}

/** The least of the prices that the products of these attributes have, in USD. */
async function cheapest(
  list: Cloud,
  ServiceCode: string,
  attributes: Readonly<Record<string, string>>,
  wanted: (dimension: Dimension) => boolean,
  call: Call,
): Promise<NanoUsd | undefined> {
  const Filters = Object.entries(attributes).map(([Field, Value]) => ({ Type: 'TERM_MATCH' as const, Field, Value }));
  const products = await allPages(async (NextToken) => {
    const page = await list.send(PricingClient, new GetProductsCommand({ ServiceCode, Filters, MaxResults: 100, NextToken }), call);
    return { items: page.PriceList, next: page.NextToken };
  });
  const prices = products.flatMap((product) => dimensionsOf(String(product))).filter((one) => one.price > 0 && wanted(one));
  return prices.length === 0 ? undefined : usd(Math.min(...prices.map(({ price }) => price)));
}

/** On-demand prices of one product: JSON in JSON, `terms.OnDemand.*.priceDimensions.*`. */
function dimensionsOf(text: string): readonly Dimension[] {
  const product: unknown = JSON.parse(text);
  const usage = at(product, 'product', 'attributes', 'usagetype');
  return values(at(product, 'terms', 'OnDemand')).flatMap((term) =>
    values(at(term, 'priceDimensions')).flatMap((dimension) => {
      const price = Number(at(dimension, 'pricePerUnit', 'USD'));
      const unit = at(dimension, 'unit');
      return Number.isFinite(price) && typeof unit === 'string' ? [{ usage: typeof usage === 'string' ? usage : '', unit, price }] : [];
    }),
  );
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) => (typeof inner === 'object' && inner !== null ? Object.getOwnPropertyDescriptor(inner, name)?.value : undefined),
    value,
  );
}

function values(value: unknown): readonly unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}
