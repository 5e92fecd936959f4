import type { AwsSettings } from '../../../spec/config.ts';
import type { CloudSpec } from '../../../spec/spec.ts';
import type { Subnet } from '../network/network.ts';

/** Capacity of one kind in one place: what a launch asks for. */
export interface Pool {
  readonly type: string;
  readonly subnet: Subnet;
  readonly spot: boolean;
}

/**
 * The alternatives of a service in the order in which they are tried. Spot first where it is
 * wanted; then the types as the spec prefers them, each in all zones before the next.
 * @param zone the only zone that will do: that of a volume of the service
 */
export function poolsOf(
  cloud: CloudSpec,
  settings: Pick<AwsSettings, 'instanceTypes'>,
  subnets: readonly Subnet[],
  zone?: string,
): readonly Pool[] {
  const types = typesOf(cloud, settings);
  const usable = zone === undefined ? subnets : subnets.filter((subnet) => subnet.zone === zone);
  return (cloud.spot ? [true, false] : [false]).flatMap((spot) =>
    types.flatMap((type) => usable.map((subnet) => ({ type, subnet, spot }))),
  );
}

/** The instance types of a service, by preference. */
export function typesOf(cloud: CloudSpec, settings: Pick<AwsSettings, 'instanceTypes'>): readonly string[] {
  return cloud.instanceTypes.length === 0 ? settings.instanceTypes : cloud.instanceTypes;
}

/** `spot t3.micro in eu-central-1a` */
export function describePool({ type, subnet, spot }: Pool): string {
  return `${spot ? 'spot ' : ''}${type} in ${subnet.zone}`;
}
