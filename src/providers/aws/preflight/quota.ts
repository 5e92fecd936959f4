import { DescribeInstancesCommand, EC2Client, type Instance } from '@aws-sdk/client-ec2';
import { OWNED } from '../../../core/tags.ts';
import type { Call, Check, SpinRef } from '../../provider.ts';
import { aheadPerCloud } from '../ahead.ts';
import type { Cloud } from '../cloud.ts';
import { type Answer, KeptAnswers } from '../kept-answers.ts';
import { allPages } from '../pages.ts';
import { type Quota, vcpuQuota } from '../quotas.ts';
import { Together } from '../together.ts';
import { check, judged, looked } from './checks.ts';
import type { Launch } from './services.ts';
import { typeFacts } from './types.ts';

interface Running {
  readonly type: string;
  readonly spot: boolean;
  readonly vcpus: number | undefined;
  readonly incarnation: string | undefined;
}

/** The value of each quota, by its code. It is raised on request, and whoever has waited for that is not refused by what was kept. */
const limits = new KeptAnswers<number>({
  name: 'quota',
  validMs: 3_600_000,
  valueIn: (value) => (typeof value === 'number' ? value : undefined),
});
const usages = new WeakMap<Cloud, Together<Running>>();
const earlyRunning = aheadPerCloud<readonly Running[]>();
const earlyLimits = aheadPerCloud<Answer<number>>();

/**
 * Compares what a plan needs of each vCPU quota with what is left of it. A service counts with its first choice: the first type, spot
 * where that is wanted. Where a quota cannot be had, nothing is asked about what runs.
 */
export async function checkQuotas(cloud: Cloud, spin: SpinRef, launches: readonly Launch[], call: Call): Promise<readonly Check[]> {
  const wanted = wantedBy(launches);
  const checks = [...quotasOf(wanted)].map((quota) => {
    const name = `quota ${quota.code}`;
    const counted = wanted.filter(({ type, spot }) => vcpuQuota(type, spot) === quota);
    return looked(name, false, call, () => checkQuota(cloud, spin, quota, counted, call));
  });
  return (await Promise.all(checks)).flat();
}

/** Asks for each quota, and for what runs as well: that saves a round where quotas can be had, which is nearly everywhere. */
export function askQuotasAhead(cloud: Cloud, launches: readonly Launch[], call: Call): readonly Promise<unknown>[] {
  const wanted = wantedBy(launches);
  const quotas = [...quotasOf(wanted)];
  if (quotas.length > 0) earlyRunning(cloud).start('', call, () => usageOf(cloud).of([''], call));
  for (const quota of quotas) earlyLimits(cloud).start(quota.code, call, () => limitOf(cloud, quota, call));
  return quotas.flatMap((quota) => {
    const types = wanted.filter(({ type, spot }) => vcpuQuota(type, spot) === quota).map(({ type }) => type);
    return [typeFacts(cloud, types, call)];
  });
}

interface Wanted {
  readonly type: string;
  readonly spot: boolean;
  readonly count: number;
}

function wantedBy(launches: readonly Launch[]): readonly Wanted[] {
  return launches.map(({ service, types, count }) => ({ type: types[0] ?? '', spot: service.cloud.spot, count }));
}

function quotasOf(wanted: readonly Wanted[]): ReadonlySet<Quota> {
  return new Set(wanted.flatMap(({ type, spot }) => vcpuQuota(type, spot) ?? []));
}

function checkQuota(cloud: Cloud, spin: SpinRef, quota: Quota, wanted: readonly Wanted[], call: Call): Promise<readonly Check[]> {
  const name = `quota ${quota.code}`;
  const types = wanted.map(({ type }) => type);
  return judged(async (fresh) => {
    const [{ value: limits }, known] = await Promise.all([
      earlyLimits(cloud).take(quota.code, call, () => limitOf(cloud, quota, call, fresh), fresh),
      typeFacts(cloud, types, call, fresh),
    ]);
    const kept = limits.kept || known.kept;
    const limit = limits.values.get(quota.code);
    if (limit === undefined) return { checks: [check(name, true, `unknown: AWS names no value for ${quota.name}`)], kept };
    const needed = sum(wanted.map(({ type, count }) => (known.values.get(type)?.vcpus ?? 0) * count));
    const { used, kept: counted } = await usedOf(cloud, spin, quota, call, fresh);
    const detail = `${needed} vCPUs are wanted, ${used} of ${limit} are in use: ${quota.name}`;
    const hint = `ask for more of ${quota.code} in Service Quotas, end what is not needed, or ask for less`;
    return { checks: [check(name, used + needed <= limit, detail, hint)], kept: kept || counted };
  });
}

/** How many vCPUs of a quota are in use by others than the spin itself, and whether that rests on answers of before. */
async function usedOf(
  cloud: Cloud,
  spin: SpinRef,
  quota: Quota,
  call: Call,
  fresh: boolean,
): Promise<{ readonly used: number; readonly kept: boolean }> {
  const counted = await earlyRunning(cloud).take('', call, () => usageOf(cloud).of([''], call), fresh);
  const running = counted.value.filter(
    ({ type, spot, incarnation }) => vcpuQuota(type, spot) === quota && incarnation !== spin.incarnation,
  );
  const unknown = running.flatMap(({ vcpus, type }) => (vcpus === undefined ? [type] : []));
  const others = unknown.length === 0 ? undefined : await typeFacts(cloud, unknown, call, fresh);
  return {
    used: sum(running.map(({ type, vcpus }) => vcpus ?? others?.values.get(type)?.vcpus ?? 0)),
    kept: counted.kept || others?.kept === true,
  };
}

/** Service Quotas is loaded where a value is not kept: its SDK client is of no use to anything else. */
function limitOf(cloud: Cloud, { code }: Quota, call: Call, fresh = false): Promise<Answer<number>> {
  const ask = async () => {
    const { GetServiceQuotaCommand, ServiceQuotasClient } = await import('@aws-sdk/client-service-quotas');
    const command = new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode: code });
    const value = (await cloud.send(ServiceQuotasClient, command, call)).Quota?.Value;
    return new Map(value === undefined ? [] : [[code, value]]);
  };
  return limits.of(cloud, [code], call, ask, fresh);
}

/** What runs in the whole region, whoever it belongs to; all who ask at one time are given one answer. */
function usageOf(cloud: Cloud): Together<Running> {
  const usage =
    usages.get(cloud) ??
    new Together<Running>({
      most: 1,
      keyOf: () => '',
      ask: async (_keys, call) => {
        const Filters = [{ Name: 'instance-state-name', Values: ['pending', 'running'] }];
        const reservations = await allPages(async (NextToken) => {
          const command = new DescribeInstancesCommand({ Filters, MaxResults: 1_000, NextToken });
          const page = await cloud.send(EC2Client, command, call);
          return { items: page.Reservations, next: page.NextToken };
        });
        return reservations.flatMap(({ Instances }) => (Instances ?? []).map(runningOf));
      },
    });
  usages.set(cloud, usage);
  return usage;
}

function runningOf({ InstanceType, InstanceLifecycle, CpuOptions, Tags }: Instance): Running {
  const { CoreCount, ThreadsPerCore } = CpuOptions ?? {};
  return {
    type: InstanceType ?? '',
    spot: InstanceLifecycle === 'spot',
    vcpus: CoreCount === undefined || ThreadsPerCore === undefined ? undefined : CoreCount * ThreadsPerCore,
    incarnation: Tags?.find(({ Key }) => Key === OWNED.incarnation)?.Value,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
