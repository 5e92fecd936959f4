import { BlockList, isIP } from 'node:net';
import type { IpPermission } from '@aws-sdk/client-ec2';
import type { Desire } from '../../../plan/plan.ts';
import type { ServiceSpec } from '../../../spec/spec.ts';

/** The port of a service that leaves it to spin: each instance is a machine of its own, so that all may have the same. */
export const AUTO_PORT = 8080;

/** One right to enter: through a port (any where absent), from a range of addresses or from the members of a group. */
export interface Rule {
  readonly port: number | undefined;
  readonly from: { readonly range: string } | { readonly group: string };
}

/** What a firewall of ours lets in by its own. */
export type Opening = Pick<Extract<Desire, { readonly kind: 'firewall' }>, 'open' | 'port'>;

/** The port that an instance of a service listens on; undefined where it listens on nothing. */
export function portOf(port: ServiceSpec['port']): number | undefined {
  if (port === 'none') return undefined;
  return port === 'auto' ? AUTO_PORT : port;
}

/**
 * What a service's group lets in, but for the groups of services that need it: who may reach it where it is exposed, and whoever
 * checks its health.
 * @param balancer groups of the load balancer that stands before it; none where it is reached at its own addresses
 */
export function ownRules(
  { open, port }: Opening,
  settings: { readonly exposeTo: readonly string[]; readonly checkFrom: readonly string[] },
  balancer: readonly string[] | undefined,
): readonly Rule[] {
  const number = portOf(port);
  if (number === undefined) return [];
  const exposed: readonly Rule['from'][] = !open
    ? []
    : balancer === undefined
      ? settings.exposeTo.map((range) => ({ range }))
      : balancer.map((group) => ({ group }));
  const checked = settings.checkFrom.map((range) => ({ range }));
  const unique = new Map([...exposed, ...checked].map((from) => [JSON.stringify(from), from]));
  return [...unique.values()].map((from) => ({ port: number, from }));
}

/** A rule in the form of EC2. */
export function permission({ port, from }: Rule): IpPermission {
  return {
    ...(port === undefined ? { IpProtocol: '-1' } : { IpProtocol: 'tcp', FromPort: port, ToPort: port }),
    ...('group' in from
      ? { UserIdGroupPairs: [{ GroupId: from.group }] }
      : from.range.includes(':')
        ? { Ipv6Ranges: [{ CidrIpv6: from.range }] }
        : { IpRanges: [{ CidrIp: from.range }] }),
  };
}

/** True where a group lets in what the rule says. */
export function allows(ingress: readonly IpPermission[], { port, from }: Rule): boolean {
  return ingress.some((entry) => {
    const samePort =
      port === undefined ? entry.IpProtocol === '-1' : entry.IpProtocol === 'tcp' && entry.FromPort === port && entry.ToPort === port;
    if (!samePort) return false;
    if ('group' in from) return (entry.UserIdGroupPairs ?? []).some(({ GroupId }) => GroupId === from.group);
    return (
      (entry.IpRanges ?? []).some(({ CidrIp }) => sameRange(CidrIp, from.range)) ||
      (entry.Ipv6Ranges ?? []).some(({ CidrIpv6 }) => sameRange(CidrIpv6, from.range))
    );
  });
}

/** True where two texts mean one range: EC2 keeps `10.0.0.5/8` as `10.0.0.0/8`, and `2001:DB8::/32` as `2001:db8::/32`. */
function sameRange(told: string | undefined, wanted: string): boolean {
  if (told === undefined || told === wanted) return told === wanted;
  const [network = '', bits] = told.split('/');
  const [address = '', width] = wanted.split('/');
  if (bits !== width || isIP(network) === 0 || isIP(network) !== isIP(address)) return false;
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
  const range = new BlockList();
  range.addSubnet(network, Number(bits), family);
  return range.check(address, family);
}

/** The entries of a group cut down to one peer each; without prefix lists, which spin makes no rule for. */
export function peerByPeer(ingress: readonly IpPermission[]): readonly IpPermission[] {
  return ingress.flatMap(({ IpRanges = [], Ipv6Ranges = [], UserIdGroupPairs = [], ...entry }) => {
    const ports = portsOf(entry);
    return [
      ...IpRanges.map(({ CidrIp }) => ({ ...ports, IpRanges: [{ CidrIp }] })),
      ...Ipv6Ranges.map(({ CidrIpv6 }) => ({ ...ports, Ipv6Ranges: [{ CidrIpv6 }] })),
      ...UserIdGroupPairs.map(({ GroupId }) => ({ ...ports, UserIdGroupPairs: [{ GroupId }] })),
    ];
  });
}

/** Every entry of a group that lets the members of another in, cut down to that one. */
export function entriesFor(ingress: readonly IpPermission[], group: string): readonly IpPermission[] {
  return peerByPeer(ingress).filter(({ UserIdGroupPairs }) => UserIdGroupPairs?.some(({ GroupId }) => GroupId === group) === true);
}

/** Protocol and ports of an entry, and no peers. */
function portsOf({ IpProtocol, FromPort, ToPort }: IpPermission): IpPermission {
  return {
    ...(IpProtocol === undefined ? {} : { IpProtocol }),
    ...(FromPort === undefined ? {} : { FromPort }),
    ...(ToPort === undefined ? {} : { ToPort }),
  };
}
