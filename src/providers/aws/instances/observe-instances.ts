import { InternalError } from '../../../core/errors.ts';
import type { FaultNote } from '../../../core/events.ts';
import { addMoney } from '../../../core/money.ts';
import type { ServiceSpec } from '../../../spec/spec.ts';
import { Fault } from '../../fault.ts';
import type { Call, Endpoint, Observation, SpinRef, Target } from '../../provider.ts';
import { failureIn } from './console.ts';
import { addressOf } from './health.ts';
import { judge, type Judged } from './judge.ts';
import { describeMachine, endedItself, instanceName, isGone, type Machine } from './machine.ts';
import { observation } from '../observing.ts';
import { typesOf } from './pools.ts';
import type { PriceBook } from '../price/prices.ts';
import type { Region } from '../region.ts';
import { rosterOf } from './roster.ts';
import { portOf } from '../network/rules.ts';
import { runsOf } from './runs.ts';

/** One question for the machines of all services of a spin, and one for their status checks where all else may be well. */
export async function observeServices(
  region: Region,
  prices: Pick<PriceBook, 'machinePrice'> | undefined,
  targets: readonly Target[],
  call: Call,
): Promise<ReadonlyMap<string, Observation>> {
  const [first] = targets;
  if (first === undefined) return new Map();
  try {
    const machines = await lookAt(region, targets, first.spin, call);
    const entries = targets.map(async (target) => {
      const own = machines.filter(({ owner }) => owner.resource === target.key);
      const seen = await observeService(region, prices, target, own, call).catch(unlessStopped(call));
      return [target.key, { ...seen, runs: runsOf(own, call.clock.now()) }] as const;
    });
    return new Map(await Promise.all(entries));
  } catch (thrown) {
    const unknown = unlessStopped(call)(thrown);
    return new Map(targets.map(({ key }) => [key, unknown]));
  }
}

/**
 * The machines of a spin. Those of whose IDs it is known that they may run are asked for their status checks at the same time: those that
 * ran when their service was ready, and those that were launched longer ago than a moment. Those that just turned to run need not be.
 */
async function lookAt(region: Region, targets: readonly Target[], spin: SpinRef, call: Call): Promise<readonly Machine[]> {
  const pending = region.machines.lastPending(spin, call.clock.now());
  const staying = targets.filter(({ key }) => region.leaving.observation(spin, key) === undefined);
  const known = region.machines.looked(spin) ? [] : [...region.machines.launched(spin), ...staying.flatMap(machinesOf)];
  const mayRun = known.filter((id) => !pending.has(id));
  const [machines] = await Promise.all([region.machines.recent(spin, call), region.statusChecks.early(mayRun, call)]);
  for (const { id, state } of machines) if (state === 'running' && pending.has(id)) region.statusChecks.young(id, call.clock.now());
  return machines;
}

/** IDs of the machines that a service had when it was ready. */
function machinesOf({ handle }: Target): readonly string[] {
  const machines = handle?.['machines'];
  return Array.isArray(machines) ? machines.filter((id) => typeof id === 'string') : [];
}

/** A Fault while looking tells nothing about what is looked at. @throws the call's abort reason, and what is no Fault */
function unlessStopped(call: Call): (thrown: unknown) => Observation {
  return (thrown) => {
    call.signal.throwIfAborted();
    if (!(thrown instanceof Fault)) throw thrown;
    return observation('unknown', `could not be asked for: ${thrown.message}`);
  };
}

async function observeService(
  region: Region,
  prices: Pick<PriceBook, 'machinePrice'> | undefined,
  target: Target,
  machines: readonly Machine[],
  call: Call,
): Promise<Observation> {
  const { spin, key, count } = target;
  const service = serviceOf(target);
  if (machines.length === 0) return region.asked.missing(target, call);
  const there = machines.filter((machine) => !isGone(machine));
  const leaving = region.leaving.observation(spin, key);
  if (leaving !== undefined) {
    if (there.length === 0) return observation('absent', 'all instances are terminated');
    return { ...leaving, reason: there.map((machine) => `${describeMachine(machine)} is ${machine.state}`).join(', ') };
  }
  const { kept, missing: lacking, surplus, ended } = rosterOf(machines, count);
  if (kept.size === 0 && surplus.length === 0) return observeEnded(region, ended, there, call);
  const ready = new Set(machinesOf(target));
  const judged = await withStatusChecks(
    region,
    await Promise.all([...kept.values()].map((machine) => judge(region, service, machine, ready.has(machine.id), call))),
    call,
  );
  const base = {
    instances: judged.map(({ seen }) => seen),
    endpoints: judged.flatMap(({ machine }) => endpointOf(service, machine)),
    ...hourlyOf(region, prices, service, [...kept.values()]),
  };
  const { failure = judged.find((one) => one.failure !== undefined)?.failure, unsaid } = await endOf(region, lacking, ended, call);
  if (failure !== undefined) return observation('pending', failure.message, { ...base, failure });
  if (unsaid !== undefined) return observation('pending', unsaid, base);
  const [lack] = lacking;
  if (lack !== undefined || surplus.length > 0) return observation('pending', whyStalled(ended, lack, surplus), { ...base, stalled: true });
  const good = judged.filter((one) => one.good).length;
  if (good === count) {
    const handle = { ...target.handle, machines: judged.map(({ machine }) => machine.id) };
    return observation('running', service.job ? 'ended with exit code 0' : `${good} of ${count} healthy`, { ...base, handle });
  }
  const waiting = judged.find((one) => !one.good);
  const reason = waiting === undefined ? `${good} of ${count} healthy` : `${waiting.seen.name}: ${waiting.seen.reason}`;
  return observation('pending', reason, { ...base, ...(judged.some((one) => one.stalled === true) ? { stalled: true } : {}) });
}

/** What machines cost that are not what the plan was priced with: of another type, or on demand where spot was wanted. */
function hourlyOf(
  { cloud }: Region,
  prices: Pick<PriceBook, 'machinePrice'> | undefined,
  service: ServiceSpec,
  machines: readonly Machine[],
): Pick<Observation, 'hourly'> {
  const [type] = typesOf(service.cloud, cloud.options.settings);
  const planned = machines.every((machine) => machine.type === type && machine.spot === service.cloud.spot);
  if (planned || prices === undefined) return {};
  return { hourly: addMoney(machines.map((machine) => prices.machinePrice(service, machine))) };
}

/** AWS's own checks are asked for only where everything else is well: until then they change nothing. */
async function withStatusChecks(region: Region, judged: readonly Judged[], call: Call): Promise<readonly Judged[]> {
  if (!judged.every(({ good }) => good)) return judged;
  const impaired = await region.statusChecks.impaired(
    judged.map(({ machine }) => machine.id),
    call,
  );
  return judged.map((one) => {
    const reason = impaired.get(one.machine.id);
    return reason === undefined ? one : { ...one, good: false, seen: { ...one.seen, state: 'unhealthy', reason } };
  });
}

/** Nothing lives any more: on its way out, ended by somebody, or by itself. */
async function observeEnded(region: Region, ended: readonly Machine[], there: readonly Machine[], call: Call): Promise<Observation> {
  const { failure, unsaid } = await endOf(region, [...new Set(ended.map(({ ordinal }) => ordinal))], ended, call);
  if (unsaid !== undefined) return observation('stopping', unsaid);
  const reason = failure?.message ?? ended.map(describeEnd).join(', ');
  return observation(there.length === 0 ? 'absent' : 'stopping', reason, failure === undefined ? {} : { failure });
}

/** How machines without a successor ended themselves. */
interface End {
  /** Where that was in a bootstrap: starting it again would end the same way. */
  readonly failure?: FaultNote;
  /** That nobody knows it yet, in words. */
  readonly unsaid?: string;
}

async function endOf(region: Region, lacking: readonly number[], ended: readonly Machine[], call: Call): Promise<End> {
  let unsaid: string | undefined;
  for (const ordinal of lacking) {
    const machine = ended.findLast((candidate) => candidate.ordinal === ordinal);
    if (machine === undefined || !endedItself(machine)) continue;
    const { lines, mayCome } = await region.consoles.lastWords(machine, call);
    const name = instanceName(machine);
    const failure = failureIn(lines, name);
    if (failure !== undefined) return { failure };
    if (mayCome) unsaid ??= `${name} (${machine.id}) shut itself down; waiting for its console to say why`;
    else if (lines.length === 0) {
      return { failure: { class: 'ended-itself', message: `${name} (${machine.id}) shut itself down, and its console does not say why` } };
    }
  }
  return unsaid === undefined ? {} : { unsaid };
}

function whyStalled(ended: readonly Machine[], lack: number | undefined, surplus: readonly Machine[]): string {
  const before = ended.findLast(({ ordinal }) => ordinal === lack);
  if (before !== undefined) return `${instanceName(before)}: ${describeEnd(before)}`;
  if (lack !== undefined) return `instance ${lack} is not launched`;
  return `${surplus.map(describeMachine).join(', ')} must go`;
}

function describeEnd(machine: Machine): string {
  const { reason } = machine;
  return `${describeMachine(machine)} was ended${reason === undefined ? '' : `: ${reason.message}`}`;
}

function endpointOf(service: ServiceSpec, machine: Machine): readonly Endpoint[] {
  const [host, port] = [addressOf(service, machine), portOf(service.port)];
  if (host === undefined || port === undefined) return [];
  const speaksHttp = service.health.probe.type === 'http' || service.expose !== undefined;
  return [{ service: service.name, via: 'instance', host, port, ...(speaksHttp ? { url: `http://${host}:${port}` } : {}) }];
}

export function serviceOf({ key, desire }: Target): ServiceSpec {
  if (desire.kind !== 'service') throw new InternalError(`${key} is no service`);
  return desire.service;
}

/** Key of the generation of an address that a request stands on. */
export function needOf({ needs }: Pick<Target, 'needs'>, address: string): string | undefined {
  return needs.find((need) => need.startsWith(`${address}@`));
}
