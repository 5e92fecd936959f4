import { listParam } from './call.ts';
import { INSTANCE_STATES, type InstanceState } from './states.ts';
import { type Element, itemsOf, textAt } from './xml.ts';

/** An instance, or its status, as the answer tells it. */
export interface Seen {
  readonly instance: Element;
  readonly reservation: Element;
  readonly state: InstanceState;
}

export interface Filter {
  readonly name: string;
  readonly values: readonly string[];
  readonly wants: (seen: Seen) => boolean;
}

type Read = (seen: Seen) => readonly string[];

const at =
  (...path: readonly string[]): Read =>
  ({ instance }) => [textAt(instance, ...path)];

const eachOf =
  (list: readonly string[], ...path: readonly string[]): Read =>
  ({ instance }) =>
    itemsOf(instance, ...list).map((item) => textAt(item, ...path));

const groups =
  (name: string): Read =>
  ({ instance }) =>
    [instance, ...itemsOf(instance, 'networkInterfaceSet')].flatMap((holder) =>
      itemsOf(holder, 'groupSet').map((group) => textAt(group, name)),
    );

/** Filters that are answered here: those that moto refuses with an error page, and those that it answers wrong. */
const INSTANCE_FILTERS: Readonly<Record<string, Read>> = {
  'availability-zone': at('placement', 'availabilityZone'),
  'block-device-mapping.volume-id': eachOf(['blockDeviceMapping'], 'ebs', 'volumeId'),
  'client-token': at('clientToken'),
  'iam-instance-profile.arn': at('iamInstanceProfile', 'arn'),
  'instance.group-id': groups('groupId'),
  'instance.group-name': groups('groupName'),
  'instance-lifecycle': at('instanceLifecycle'),
  'instance-state-code': ({ state }) => [String(INSTANCE_STATES[state])],
  'instance-state-name': ({ state }) => [state],
  'instance-type': at('instanceType'),
  'ip-address': at('ipAddress'),
  'launch-time': at('launchTime'),
  'metadata-options.http-tokens': at('metadataOptions', 'httpTokens'),
  'network-interface.group-id': groups('groupId'),
  'network-interface.network-interface-id': eachOf(['networkInterfaceSet'], 'networkInterfaceId'),
  'network-interface.subnet-id': eachOf(['networkInterfaceSet'], 'subnetId'),
  'private-ip-address': at('privateIpAddress'),
  'reservation-id': ({ reservation }) => [textAt(reservation, 'reservationId')],
  'spot-instance-request-id': at('spotInstanceRequestId'),
  tenancy: at('placement', 'tenancy'),
};

const STATUS_FILTERS: Readonly<Record<string, Read>> = {
  'availability-zone': at('availabilityZone'),
  'instance-state-code': ({ state }) => [String(INSTANCE_STATES[state])],
  'instance-state-name': ({ state }) => [state],
  'instance-status.reachability': eachOf(['instanceStatus', 'details'], 'status'),
  'instance-status.status': at('instanceStatus', 'status'),
  'system-status.reachability': eachOf(['systemStatus', 'details'], 'status'),
  'system-status.status': at('systemStatus', 'status'),
};

/** Instance filters that moto answers right. */
const MOTO_FILTERS = new Set([
  'architecture',
  'dns-name',
  'image-id',
  'instance-id',
  'key-name',
  'owner-id',
  'private-dns-name',
  'subnet-id',
  'vpc-id',
]);

/** The filters of a request for instances or their status that are answered here. */
export function filtersOf(params: URLSearchParams): readonly Filter[] {
  const table = tableOf(params);
  return namedFilters(params).flatMap(({ name, values }) => {
    const read = table[name];
    return read === undefined
      ? []
      : [{ name, values, wants: (seen) => read(seen).some((text) => values.some((value) => matches(value, text))) }];
  });
}

/** The name of the first filter that the call does not have on EC2. */
export function unknownFilter(params: URLSearchParams): string | undefined {
  const table = tableOf(params);
  const passed = table === INSTANCE_FILTERS ? isForMoto : () => false;
  return namedFilters(params).find(({ name }) => !Object.hasOwn(table, name) && !passed(name))?.name;
}

/** The request with those filters alone that moto answers. */
export function withoutOwnFilters(params: URLSearchParams): URLSearchParams {
  const passed = new URLSearchParams([...params].filter(([name]) => !/^Filter\.\d+\./.test(name)));
  const left = tableOf(params) === INSTANCE_FILTERS ? namedFilters(params).filter(({ name }) => isForMoto(name)) : [];
  for (const [index, { name, values }] of left.entries()) {
    passed.set(`Filter.${index + 1}.Name`, name);
    for (const [place, value] of values.entries()) passed.set(`Filter.${index + 1}.Value.${place + 1}`, value);
  }
  return passed;
}

function tableOf(params: URLSearchParams): Readonly<Record<string, Read>> {
  return params.get('Action') === 'DescribeInstanceStatus' ? STATUS_FILTERS : INSTANCE_FILTERS;
}

function isForMoto(name: string): boolean {
  return MOTO_FILTERS.has(name) || name === 'tag-key' || name.startsWith('tag:');
}

function namedFilters(params: URLSearchParams): readonly { readonly name: string; readonly values: readonly string[] }[] {
  const found: { name: string; values: readonly string[] }[] = [];
  for (let index = 1; ; index++) {
    const name = params.get(`Filter.${index}.Name`);
    if (name === null) return found;
    found.push({ name, values: listParam(params, `Filter.${index}.Value`) });
  }
}

/** `*` stands for any text and `?` for one character, unless a backslash takes that from them. */
function matches(pattern: string, text: string): boolean {
  const source = pattern.replaceAll(/\\?[^]/gu, (part) => {
    if (part === '*') return '[^]*';
    if (part === '?') return '[^]';
    return `\\u{${(part.replace(/^\\(?=[^])/u, '').codePointAt(0) ?? 0).toString(16)}}`;
  });
  return new RegExp(`^${source}$`, 'u').test(text);
}
