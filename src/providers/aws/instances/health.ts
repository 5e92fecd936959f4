import type { Clock } from '../../../core/clock.ts';
import { exactDuration } from '../../../core/duration.ts';
import type { FaultNote } from '../../../core/events.ts';
import type { ServiceSpec } from '../../../spec/spec.ts';
import type { Call } from '../../provider.ts';
import type { Machine } from './machine.ts';
import { instanceName } from './machine.ts';
import { probeHttp, type ProbeResult, probeTcp } from '../../probes.ts';
import { portOf } from '../network/rules.ts';

/** What the health check of an instance says, as far as it can be made from here. */
export interface Verdict {
  readonly state: 'starting' | 'healthy' | 'unhealthy';
  readonly reason: string;
  readonly healthyAt?: number;
  /** It did not become healthy in time. */
  readonly failure?: FaultNote;
}

interface Entry {
  /** When this process looked first. */
  readonly since: number;
  passes: number;
  failures: number;
  healthyAt: number | undefined;
  opened: boolean;
  reason: string;
  nextAt: number;
  probing: Promise<void> | undefined;
}

/** What a machine needs before its bootstrap begins. Measured: field notes on EC2 speak of 16 s to running and 20 s more to a shell. */
const BOOT_MS = 60_000;
const FASTEST_MS = 250;

/** The health of machines as this process saw it, looked at no more often than the spec says. */
export class HealthBook {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Checks a running machine if it is due, over the address that the spec chooses. A `command` is judged elsewhere. */
  async check(service: ServiceSpec, machine: Machine, call: Call): Promise<Verdict> {
    const { probe } = service.health;
    if (probe.type === 'alive') return this.#alive(probe.forMs, machine);
    const entry = this.#entry(machine);
    if (this.#clock.now() >= entry.nextAt) {
      entry.probing ??= this.#probe(service, machine, entry, call).finally(() => (entry.probing = undefined));
      await entry.probing;
      call.signal.throwIfAborted();
    }
    return this.#verdict(service, machine, entry);
  }

  #entry({ id }: Machine): Entry {
    const now = this.#clock.now();
    const entry = this.#entries.get(id) ?? {
      since: now,
      passes: 0,
      failures: 0,
      healthyAt: undefined,
      opened: false,
      reason: 'waiting for its first health check',
      nextAt: now,
      probing: undefined,
    };
    this.#entries.set(id, entry);
    return entry;
  }

  #alive(forMs: number, machine: Machine): Verdict {
    const now = this.#clock.now();
    // Launched in the future: this clock is behind the cloud's, and cannot count.
    const age = now - machine.launchedAt;
    if (age >= 0 && age < forMs) return { state: 'starting', reason: `alive for ${exactDuration(forMs)} is not over` };
    const entry = this.#entry(machine);
    entry.healthyAt ??= now;
    return { state: 'healthy', reason: 'healthy', healthyAt: entry.healthyAt };
  }

  async #probe(service: ServiceSpec, machine: Machine, entry: Entry, call: Call): Promise<void> {
    const result = await probeOnce(service, machine, call.signal);
    const { health } = service;
    const now = this.#clock.now();
    if (result === undefined) {
      entry.passes += 1;
      entry.failures = 0;
      entry.opened = true;
      if (entry.passes >= this.#needed(service, machine, now)) entry.healthyAt ??= now;
      entry.reason = entry.healthyAt === undefined ? `passed ${entry.passes} of ${health.healthyAfter} checks` : 'healthy';
      entry.nextAt = now + health.intervalMs;
      return;
    }
    entry.passes = 0;
    entry.failures += 1;
    entry.opened ||= result.opened;
    entry.reason = result.reason;
    if (entry.failures >= health.unhealthyAfter) entry.healthyAt = undefined;
    const young = Math.max(FASTEST_MS, (now - entry.since) / 50);
    entry.nextAt = now + (entry.healthyAt === undefined ? Math.min(health.intervalMs, young) : health.intervalMs);
  }

  /** A machine that must have been healthy long ago was found so before: one more pass says that it still is. */
  #needed(service: ServiceSpec, machine: Machine, now: number): number {
    return now - machine.launchedAt > timeToHealth(service) ? 1 : service.health.healthyAfter;
  }

  #verdict(service: ServiceSpec, machine: Machine, entry: Entry): Verdict {
    if (entry.healthyAt !== undefined) return { state: 'healthy', reason: entry.reason, healthyAt: entry.healthyAt };
    const now = this.#clock.now();
    const overdue = now - machine.launchedAt > timeToHealth(service);
    const state = overdue && entry.failures >= service.health.unhealthyAfter ? 'unhealthy' : 'starting';
    const givenUp = overdue && now - entry.since >= service.health.deadlineMs;
    return { state, reason: entry.reason, ...(givenUp ? { failure: late(service, machine, entry) } : {}) };
  }
}

/** Milliseconds from launch within which a machine must have become healthy. */
export function timeToHealth({ bootstrap, health }: ServiceSpec): number {
  return bootstrap.reduce((sum, step) => sum + step.timeoutMs, BOOT_MS + health.deadlineMs);
}

/** The address of a machine that the spec chooses; undefined while it has none. */
export function addressOf({ cloud }: ServiceSpec, machine: Machine): string | undefined {
  return cloud.address === 'public' ? machine.publicAddress : machine.privateAddress;
}

function probeOnce(service: ServiceSpec, machine: Machine, signal: AbortSignal): Promise<ProbeResult> {
  const { probe, timeoutMs } = service.health;
  const host = addressOf(service, machine);
  const port = portOf(service.port);
  if (host === undefined) return Promise.resolve({ reason: `has no ${service.cloud.address} address`, opened: false });
  if (port === undefined || (probe.type !== 'http' && probe.type !== 'tcp')) return Promise.resolve(undefined);
  return probe.type === 'http' ? probeHttp(probe, host, port, timeoutMs, signal) : probeTcp(host, port, timeoutMs, signal);
}

function late(service: ServiceSpec, machine: Machine, { opened, reason }: Entry): FaultNote {
  const name = instanceName(machine);
  const within = exactDuration(service.health.deadlineMs);
  return opened
    ? { class: 'health-never-passed', message: `${name} did not become healthy within ${within}: ${reason}` }
    : { class: 'port-never-opened', message: `${name} could not be reached on port ${portOf(service.port)} within ${within}: ${reason}` };
}
