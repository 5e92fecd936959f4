import { exactDuration } from '../../../core/duration.ts';
import type { FaultNote } from '../../../core/events.ts';
import type { ServiceSpec } from '../../../spec/spec.ts';
import type { Call, InstanceObservation } from '../../provider.ts';
import { type ConsoleLine, failureIn, noteOf } from './console.ts';
import { endpointOf } from '../client/endpoints.ts';
import { addressOf, timeToHealth } from './health.ts';
import { describeMachine, instanceName, type Machine } from './machine.ts';
import type { Region } from '../region.ts';
import { portOf } from '../network/rules.ts';
import { deviceOf } from './devices.ts';

/** What is made of one machine of a service. */
export interface Judged {
  readonly machine: Machine;
  readonly seen: InstanceObservation;
  /** It does what it is for. */
  readonly good: boolean;
  readonly failure?: FaultNote;
  /** It waits for something that the creating request does. */
  readonly stalled?: true;
}

type Said = Pick<InstanceObservation, 'state' | 'reason' | 'healthyAt'> & Pick<Judged, 'failure' | 'stalled'> & { readonly good?: true };

/** A machine whose check from here fails for so long is asked for what it says itself. */
const ASK_ITSELF_MS = 30_000;

/**
 * Judges one machine that lives.
 * @param wasReady its service was ready with it: what told so may have left the console since, which holds 64 KiB
 * @throws Fault where its console cannot be read
 */
export async function judge(region: Region, service: ServiceSpec, machine: Machine, wasReady: boolean, call: Call): Promise<Judged> {
  const said = await say(region, service, machine, wasReady, call);
  tell(region, service, machine, said, wasReady, call);
  const { good, failure, stalled, ...state } = said;
  const [host, port] = [addressOf(service, machine), portOf(service.port)];
  return {
    machine,
    good: good === true,
    ...(failure === undefined ? {} : { failure }),
    ...(stalled === undefined ? {} : { stalled }),
    seen: {
      name: instanceName(machine),
      restarts: 0,
      startedAt: machine.launchedAt,
      runsAs: machine.id,
      ...(host === undefined ? {} : { address: port === undefined ? host : `${host}:${port}` }),
      ...state,
    },
  };
}

async function say(region: Region, service: ServiceSpec, machine: Machine, wasReady: boolean, call: Call): Promise<Said> {
  if (machine.state === 'pending') return { state: 'pending', reason: `${describeMachine(machine)} is pending` };
  const unattached = service.volumes.findIndex(
    (_, index) => !machine.devices.includes(deviceOf(index)) && !region.isAttached(machine.id, deviceOf(index)),
  );
  if (unattached !== -1) {
    return { state: 'bootstrapping', reason: `volume ${service.volumes[unattached]?.volume} is not attached yet`, stalled: true };
  }
  const { probe } = service.health;
  if (service.job) return sayJob(await region.consoles.lines(machine, call), machine);
  if (probe.type === 'command') return sayCommand(service, await region.consoles.lines(machine, call), machine, call);
  if (probe.type === 'alive' && (service.bootstrap.length > 0 || boots(region))) {
    return sayAlive(probe.forMs, await region.consoles.lines(machine, call), machine, wasReady, call);
  }
  const verdict = await region.health.check(service, machine, call);
  const { state, reason } = verdict;
  if (state === 'healthy')
    return { state, reason, good: true, ...(verdict.healthyAt === undefined ? {} : { healthyAt: verdict.healthyAt }) };
  if (call.clock.now() - machine.launchedAt < ASK_ITSELF_MS) return { state, reason };
  const lines = await region.consoles.lines(machine, call);
  const failure = failureIn(lines, instanceName(machine)) ?? verdict.failure;
  return failure === undefined ? { state, reason } : { state: 'failed', reason: failure.message, failure };
}

/** The machines of an endpoint other than AWS, an emulator's, do not boot, and so have nothing to say. */
function boots({ cloud }: Region): boolean {
  return endpointOf(cloud.options.env, 'EC2') === undefined;
}

/** Counted from when its service was started on the machine, and again from each end that systemd started it after. */
function sayAlive(forMs: number, lines: readonly ConsoleLine[], machine: Machine, wasReady: boolean, call: Call): Said {
  const failure = failureIn(lines, instanceName(machine));
  if (failure !== undefined) return { state: 'failed', reason: failure.message, failure };
  const started = wasReady || lines.some(({ step, ok }) => step === 'start' && ok);
  if (!started) return { state: 'bootstrapping', reason: progress(lines) };
  const healthyAt = (lines.findLast(({ step }) => step === 'start' || step === 'exit')?.at ?? machine.launchedAt) + forMs;
  if (call.clock.now() < healthyAt) return { state: 'starting', reason: `alive for ${exactDuration(forMs)} is not over` };
  return { state: 'healthy', reason: 'healthy', good: true, healthyAt };
}

function sayJob(lines: readonly ConsoleLine[], machine: Machine): Said {
  const name = instanceName(machine);
  const failure = failureIn(lines, name);
  if (failure !== undefined) return { state: 'failed', reason: failure.message, failure };
  if (lines.some(({ step, ok }) => step === 'exit' && ok)) return { state: 'exited', reason: 'ended with exit code 0', good: true };
  const started = lines.some(({ step, ok }) => step === 'start' && ok);
  return started ? { state: 'starting', reason: 'the job runs' } : { state: 'bootstrapping', reason: progress(lines) };
}

function sayCommand(service: ServiceSpec, lines: readonly ConsoleLine[], machine: Machine, call: Call): Said {
  const name = instanceName(machine);
  const failure = failureIn(lines, name);
  if (failure !== undefined) return { state: 'failed', reason: failure.message, failure };
  const check = lines.findLast(({ step }) => step === 'health');
  if (check?.ok === true) return { state: 'healthy', reason: 'healthy', good: true };
  const late = call.clock.now() - machine.launchedAt > timeToHealth(service);
  if (check === undefined) return { state: 'bootstrapping', reason: progress(lines) };
  const never = !lines.some(({ step, ok }) => step === 'health' && ok);
  return {
    state: never ? 'starting' : 'unhealthy',
    reason: check.message,
    ...(late && never ? { failure: { ...noteOf(check, name), class: 'health-never-passed' } } : {}),
  };
}

function progress(lines: readonly ConsoleLine[]): string {
  const last = lines.findLast(({ ok }) => ok);
  return last === undefined ? 'waiting for its first line on the console' : `bootstrap: ${last.step} is done`;
}

/** What happened to the machine since it was judged last, as events; of a machine that came up long ago, or for an earlier command, nothing. */
function tell(region: Region, service: ServiceSpec, machine: Machine, said: Said, wasReady: boolean, call: Call): void {
  const about = { resource: machine.owner.resource, instance: instanceName(machine) };
  const now = call.clock.now();
  const news = region.consoles.news(machine);
  if (wasReady || now - machine.launchedAt > timeToHealth(service)) return;
  for (const line of news) {
    if (!line.step.startsWith('bootstrap/')) continue;
    const ms = line.ms === undefined ? {} : { ms: line.ms };
    if (line.ok) call.emit({ type: 'bootstrap.step', ...about, ...ms, data: { step: line.step.slice('bootstrap/'.length) } });
    else call.emit({ type: 'bootstrap.failed', ...about, ...ms, fault: noteOf(line, about.instance) });
  }
  if (machine.state === 'running' && region.toldOnce(`${machine.id} started`)) {
    const { id, type, zone, spot } = machine;
    call.emit({ type: 'instance.started', ...about, ms: now - machine.launchedAt, data: { machine: id, type, zone, spot } });
  }
  if (said.state === 'healthy' && region.toldOnce(`${machine.id} healthy`)) {
    call.emit({ type: 'instance.healthy', ...about, ms: now - machine.launchedAt });
  }
}
