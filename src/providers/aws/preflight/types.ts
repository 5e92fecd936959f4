import { DescribeInstanceTypeOfferingsCommand, DescribeInstanceTypesCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { Call, Check } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { resolveImage } from '../instances/images.ts';
import { networkOf } from '../network/network.ts';
import { allPages } from '../pages.ts';
import { Remembered } from '../remembered.ts';
import { check } from './checks.ts';
import type { Launch } from './services.ts';

/** What an instance type is. */
export interface TypeFacts {
  readonly vcpus: number;
  readonly architectures: readonly string[];
}

const facts = new WeakMap<Cloud, Remembered<ReadonlyMap<string, TypeFacts>>>();
const offers = new WeakMap<Cloud, Remembered<readonly Offer[]>>();

interface Offer {
  readonly type: string;
  readonly zone: string;
}

/** What there is to know of types, by name; a type that the region does not have is left out. Asked once per process. @throws Fault */
export function typeFacts(cloud: Cloud, types: readonly string[], call: Call): Promise<ReadonlyMap<string, TypeFacts>> {
  const names = [...new Set(types)].toSorted();
  const remembered = facts.get(cloud) ?? new Remembered();
  facts.set(cloud, remembered);
  return remembered.get(names.join(), call, async () => {
    // A filter instead of names, because one unknown name would fail them all.
    const Filters = [{ Name: 'instance-type', Values: names }];
    const found = await allPages(async (NextToken) => {
      const page = await cloud.send(EC2Client, new DescribeInstanceTypesCommand({ Filters, NextToken }), call);
      return { items: page.InstanceTypes, next: page.NextToken };
    });
    return new Map(
      found.map(({ InstanceType = '', VCpuInfo, ProcessorInfo }) => [
        InstanceType,
        { vcpus: VCpuInfo?.DefaultVCpus ?? 0, architectures: ProcessorInfo?.SupportedArchitectures ?? [] },
      ]),
    );
  });
}

/** Says where each type of a service is offered, and whether its image runs on it. @throws Fault */
export async function checkTypes(cloud: Cloud, { service, types }: Launch, call: Call): Promise<readonly Check[]> {
  const name = `instance types of ${service.name}`;
  const [offered, { subnets }] = await Promise.all([offersOf(cloud, types, call), networkOf(cloud, call)]);
  const zones = new Set(subnets.map(({ zone }) => zone));
  const told = types.map((type) => {
    const usable = offered.flatMap((offer) => (offer.type === type && zones.has(offer.zone) ? [offer.zone] : []));
    return { usable, text: usable.length === 0 ? `${type} nowhere` : `${type} in ${usable.toSorted().join(', ')}` };
  });
  const ok = told.some(({ usable }) => usable.length > 0);
  const where = `the zones of ${cloud.region} that have a subnet`;
  return [
    check(name, ok, `${told.map(({ text }) => text).join('; ')} (${where})`, 'choose other instance types, or subnets in other zones'),
  ];
}

/** Says whether the image of a service is there and runs on the types. @throws Fault */
export async function checkImage(cloud: Cloud, { service, image, types }: Launch, call: Call): Promise<readonly Check[]> {
  const name = `image of ${service.name}`;
  const [resolved, known] = await Promise.all([resolveImage(cloud, image, call), typeFacts(cloud, types, call).catch(() => undefined)]);
  call.signal.throwIfAborted();
  const wrong = types.filter((type) => known?.get(type)?.architectures.includes(resolved.architecture) === false);
  if (wrong.length === 0) return [check(name, true, `${resolved.id} (${resolved.architecture})`)];
  const detail = `${resolved.id} is for ${resolved.architecture}, which ${wrong.join(' and ')} cannot run`;
  return [
    check(name, false, detail, `choose an image for ${known?.get(wrong[0] ?? '')?.architectures.join(' or ')}, or other instance types`),
  ];
}

/** Where the types are offered; asked once per process. @throws Fault */
export function offersOf(cloud: Cloud, types: readonly string[], call: Call): Promise<readonly Offer[]> {
  const remembered = offers.get(cloud) ?? new Remembered();
  offers.set(cloud, remembered);
  return remembered.get(types.toSorted().join(), call, async () => {
    const Filters = [{ Name: 'instance-type', Values: [...types] }];
    const found = await allPages(async (NextToken) => {
      const command = new DescribeInstanceTypeOfferingsCommand({ LocationType: 'availability-zone', Filters, NextToken });
      const page = await cloud.send(EC2Client, command, call);
      return { items: page.InstanceTypeOfferings, next: page.NextToken };
    });
    return found.map(({ InstanceType = '', Location = '' }) => ({ type: InstanceType, zone: Location }));
  });
}
