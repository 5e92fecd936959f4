import { DescribeInstanceTypeOfferingsCommand, DescribeInstanceTypesCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { Call, Check } from '../../provider.ts';
import type { Cloud } from '../cloud.ts';
import { resolveImage } from '../instances/images.ts';
import { type Answer, KeptAnswers } from '../kept-answers.ts';
import { networkOf } from '../network/network.ts';
import { allPages } from '../pages.ts';
import { check, judged } from './checks.ts';
import type { Launch } from './services.ts';

/** What an instance type is. */
export interface TypeFacts {
  readonly vcpus: number;
  readonly architectures: readonly string[];
}

const DAY_MS = 86_400_000;

/** What a type is never changes; what AWS says of it may. */
const facts = new KeptAnswers<TypeFacts>({ name: 'type', validMs: 30 * DAY_MS, valueIn: factsIn });
/** Names of zones by type: which zone a name stands for differs between accounts. */
const offers = new KeptAnswers<readonly string[]>({
  name: 'offers',
  validMs: DAY_MS,
  valueIn: (value) => (isTexts(value) ? value : undefined),
});

/**
 * What there is to know of types, by name; a type that the region does not have is left out. Asked once per process, and kept.
 * @throws Fault
 */
export function typeFacts(cloud: Cloud, types: readonly string[], call: Call, fresh = false): Promise<Answer<TypeFacts>> {
  const ask = async (names: readonly string[]) => {
    // A filter instead of names, because one unknown name would fail them all.
    const Filters = [{ Name: 'instance-type', Values: [...names] }];
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
  };
  return facts.of(cloud, types, call, ask, fresh);
}

/** Says where each type of a service is offered, and whether its image runs on it. @throws Fault */
export function checkTypes(cloud: Cloud, { service, types }: Launch, call: Call): Promise<readonly Check[]> {
  const name = `instance types of ${service.name}`;
  return judged(async (fresh) => {
    const [{ values: offered, kept }, { subnets }] = await Promise.all([offersOf(cloud, types, call, fresh), networkOf(cloud, call)]);
    const zones = new Set(subnets.map(({ zone }) => zone));
    const told = types.map((type) => {
      const everywhere = offered.get(type);
      if (everywhere === undefined) return { ok: false, text: `${type} is no instance type of ${cloud.region}` };
      const usable = everywhere.filter((zone) => zones.has(zone));
      const ok = usable.length > 0;
      return { ok, text: `${type} ${ok ? 'in' : 'only in'} ${(ok ? usable : everywhere).toSorted().join(', ')}` };
    });
    const ok = told.some((type) => type.ok);
    const known = types.some((type) => offered.has(type));
    const where = ok ? `the zones of ${cloud.region} that have a subnet` : `subnets are in ${[...zones].toSorted().join(', ')}`;
    const detail = `${told.map(({ text }) => text).join('; ')}${known ? ` (${where})` : ''}`;
    const hint = known ? 'choose other instance types, or subnets in other zones' : 'correct instanceTypes, or choose another region';
    return { checks: [check(name, ok, detail, hint)], kept };
  });
}

/** Says whether the image of a service is there and runs on the types. @throws Fault */
export function checkImage(cloud: Cloud, { service, image, types }: Launch, call: Call): Promise<readonly Check[]> {
  const name = `image of ${service.name}`;
  return judged(async (fresh) => {
    const [resolved, known] = await Promise.all([
      resolveImage(cloud, image, call),
      typeFacts(cloud, types, call, fresh).catch(() => undefined),
    ]);
    call.signal.throwIfAborted();
    const kept = known?.kept === true;
    const wrong = types.filter((type) => known?.values.get(type)?.architectures.includes(resolved.architecture) === false);
    if (wrong.length === 0) return { checks: [check(name, true, `${resolved.id} (${resolved.architecture})`)], kept };
    const detail = `${resolved.id} is for ${resolved.architecture}, which ${wrong.join(' and ')} cannot run`;
    const able = known?.values.get(wrong[0] ?? '')?.architectures.join(' or ');
    return { checks: [check(name, false, detail, `choose an image for ${able}, or other instance types`)], kept };
  });
}

/** In which zones each of the types is offered; one that is offered nowhere is left out. Asked once per process, and kept. @throws Fault */
export function offersOf(cloud: Cloud, types: readonly string[], call: Call, fresh = false): Promise<Answer<readonly string[]>> {
  const ask = async (names: readonly string[]) => {
    const Filters = [{ Name: 'instance-type', Values: [...names] }];
    const found = await allPages(async (NextToken) => {
      const command = new DescribeInstanceTypeOfferingsCommand({ LocationType: 'availability-zone', Filters, NextToken });
      const page = await cloud.send(EC2Client, command, call);
      return { items: page.InstanceTypeOfferings, next: page.NextToken };
    });
    const byType = Map.groupBy(found, ({ InstanceType = '' }) => InstanceType);
    return new Map([...byType].map(([type, offered]) => [type, offered.map(({ Location = '' }) => Location)]));
  };
  return offers.of(cloud, types, call, ask, fresh);
}

function factsIn(value: unknown): TypeFacts | undefined {
  if (typeof value !== 'object' || value === null || !('vcpus' in value) || !('architectures' in value)) return undefined;
  const { vcpus, architectures } = value;
  return typeof vcpus === 'number' && isTexts(architectures) ? { vcpus, architectures } : undefined;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
